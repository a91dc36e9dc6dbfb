// SPDX-License-Identifier: Apache-2.0
// What a request for a variant resolves to, as far as the shared cache knows and what it knows can
// be relied upon. An entry counts only where nothing has happened since it was made that it does
// not know of: see Deletions. That its blob is still there is for the reader to find out. What
// follows the asset's focal point, which may move at any time, is never remembered.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "asset/plan.hpp"
#include "base/metrics.hpp"
#include "cache/shared_cache.hpp"
#include "catalog/rows.hpp"
#include "pipeline/deletions.hpp"

namespace calotype {

/// A request for a picture of an asset, parsed.
struct Wanted {
  Recipe recipe;           // its format may be open
  bool negotiate = false;  // an open format is chosen by Accept, else it is the original's own
  std::string_view accept;
  std::optional<Effort> only;  // that version and no other; without it the best that is stored
};

/// The format that it gets, of an original that is known.
ImageFormat format_for(const MediaInfo& original, const Wanted& wanted);

class KnownVariants {
 public:
  /// 8 characters; part of a variant's key.
  using VersionOf = std::function<std::string(const Recipe&, Effort)>;

  KnownVariants(ResolutionCache& cache, Deletions& deletions, const Clock& clock, Metrics& metrics,
                VersionOf version_of);

  struct Known {
    VariantRow row;
    Recipe recipe;    // the row's
    MediaInfo media;  // of the original: media_type, pages and has_alpha only
  };
  std::optional<Known> find(const AssetId& id, const Wanted& wanted);

  /// To be taken before the catalog is asked for what is going to be remembered.
  Timestamp moment() const { return clock_.now(); }
  /// `asked` is canonical and has its format; the row is what it led to, be it as the best version
  /// or as the `only` one that would do.
  void remember(const Recipe& asked, std::optional<Effort> only, const VariantRow& row,
                const MediaInfo& original, Timestamp known_at);
  /// Its asset was deleted through this server, its blob is unusable, or there is a better version.
  void forget(const AssetId& id) { cache_.drop(id.text()); }

 private:
  std::string entry_name(const Recipe& asked, std::optional<Effort> only) const;

  ResolutionCache& cache_;
  Deletions& deletions_;
  const Clock& clock_;
  const VersionOf version_of_;
  Counter& outdated_;
};

}  // namespace calotype
