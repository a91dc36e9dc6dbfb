// SPDX-License-Identifier: Apache-2.0
// What servers share besides the catalog, to ask it less: what a variant's request resolves to, and
// how often variants were asked for. Nothing that matters lives here alone: where it is slow,
// gone, empty or wrong, servers go on without it. So whoever reads an entry must be able to do
// without it, and must hold it against what it knows itself (Resolution::known_at).
//
// Safe from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/hash.hpp"

namespace calotype {

/// All that is needed to send a stored variant without asking the catalog.
struct Resolution {
  std::string recipe;  // the variant's, and its version
  std::string version;
  std::string blob_key;
  Digest digest;  // of the variant's bytes
  std::uint64_t bytes = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::string media_type;
  Timestamp created_at{};
  // Of the original: what decides about the format where the request leaves it open.
  std::string original_media_type;
  std::uint32_t original_pages = 1;
  bool original_has_alpha = false;
  /// When the catalog began to be asked: nothing is said of what happened since.
  Timestamp known_at{};
};

class ResolutionCache {
 public:
  virtual ~ResolutionCache() = default;

  /// An entry for each of the names of that asset, in their order; nothing where there is none, it
  /// is damaged, or the cache is out of reach. Blocks for the cache's timeout at most.
  virtual std::vector<std::optional<Resolution>> find(std::string_view asset_id,
                                                      std::span<const std::string> names) = 0;
  /// For resolutions_kept. Does not wait, and may come to nothing.
  virtual void put(std::string_view asset_id, const std::string& name,
                   const Resolution& resolution) = 0;
  /// All of the asset's entries. As put: what it could not reach stays until it expires.
  virtual void drop(std::string_view asset_id) = 0;
};

inline constexpr std::chrono::hours resolutions_kept{24};

struct AccessCount {
  std::string variant;  // the caller's name for it
  std::uint64_t count = 0;
  Timestamp last{};
};

/// Accesses on their way to the catalog, gathered so that many servers write them down once.
class AccessLedger {
 public:
  virtual ~AccessLedger() = default;

  /// An error: they were not (or perhaps not) taken, and the caller had better write them itself.
  virtual Result<void> add(std::span<const AccessCount> accesses) = 0;

  using Write = std::function<Result<void>(std::span<const AccessCount>)>;
  /// Hands what all have added since the last time to `write`, in portions, unless another server
  /// has done so within `turn` or is doing so now. What was not written is kept for the next time;
  /// a server that dies in between can make a portion count twice.
  virtual Result<void> settle(std::chrono::milliseconds turn, const Write& write) = 0;
};

class SharedCache : public ResolutionCache, public AccessLedger {
 public:
  /// Whether servers share it at all; where they don't, nothing is ever found.
  virtual bool is_shared() const = 0;
};

}  // namespace calotype
