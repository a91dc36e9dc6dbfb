// SPDX-License-Identifier: Apache-2.0
// How a picture goes out. look_up answers from what is known, quickly: from the shared cache where
// servers have one, else from the catalog. fetch makes what is not there, once for all who ask at
// the same moment, whichever server they ask. A picture is sent as soon as it is rendered; its blob
// and its row are written behind it, and until they are it is served from memory.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "asset/plan.hpp"
#include "async/single_flight.hpp"
#include "async/worker_pool.hpp"
#include "base/metrics.hpp"
#include "base/shared_bytes.hpp"
#include "blobs/blob_store.hpp"
#include "cache/shared_cache.hpp"
#include "catalog/catalog.hpp"
#include "pipeline/accesses.hpp"
#include "pipeline/deletions.hpp"
#include "pipeline/known_variants.hpp"
#include "pipeline/settled_recipe.hpp"
#include "pipeline/variant_leases.hpp"
#include "render/renderer_pool.hpp"

namespace calotype {

struct DeliverParts {
  Catalog& catalog;
  BlobStore& blobs;
  RendererPool& renderers;
  SharedCache& cache;
  Deletions& deletions;
  const Clock& clock;
  Metrics& metrics;
};

struct DeliverSettings {
  std::chrono::milliseconds wait_max{30'000};        // for a render, queueing included
  std::chrono::milliseconds lease{8'000};            // how long a dead server keeps others waiting
  std::size_t renders_waiting_max = 64;              // distinct variants under way at once
  std::uint64_t in_memory_bytes_max = 4 << 20;       // a stored variant up to this is read whole
  std::uint64_t write_behind_bytes_max = 256 << 20;  // past it a render is stored before it is sent
  std::uint64_t popular_after = 100;  // requests, then a variant is made again; 0: none ever is
};

/// A variant's bytes: in memory or in a file, never both, never neither.
struct Picture {
  VariantRow row;
  SharedBytes bytes;
  std::optional<Blob> blob;
  bool rendered = false;  // made for this request (X-Cache: MISS)
  bool unstored = false;  // its row and its blob are still to come
};

/// What has to be made.
struct RenderOrder {
  AssetRow asset;
  Recipe asked;  // canonical, with its format
  std::optional<AssetRow> watermark;
  VariantKey key;
  RenderPlan plan;
  std::optional<Effort> only;  // see look_up
};

struct Lookup {
  MediaInfo media;  // of the original: media_type, pages and has_alpha at least
  Recipe recipe;    // canonical, with its format
  VariantKey key;
  bool varies = false;               // the format came from Accept
  std::optional<Picture> picture;    // there already
  std::optional<RenderOrder> order;  // otherwise, but for only = Effort::high
};

class Deliver {
 public:
  Deliver(const DeliverParts& parts, const DeliverSettings& settings, const RenderLimits& limits);
  /// Ends what is under way with `cancelled`; finishes what is being written behind.
  ~Deliver();

  /// Blocks for catalog and file reads only. asset_not_found, asset_processing (inspection
  /// pending), not_renderable (with the inspection's reason), limit_exceeded. `accept` is the
  /// request's Accept header; it matters where `negotiate` is set. Without it a recipe without a
  /// format means the original's own, or JPEG.
  ///
  /// Without `only` it finds the best version that is stored, and orders the quick one where none
  /// is; with it, that version and no other, and of the high one nothing is ordered: nobody waits
  /// for it.
  Result<Lookup> look_up(const AssetId& id, const Recipe& recipe, bool negotiate,
                         std::string_view accept, std::optional<Effort> only = std::nullopt);

  using Done = std::move_only_function<void(const Result<Picture>&)>;
  using Ticket = SingleFlight<VariantKey, Result<Picture>>::Ticket;
  /// Makes the picture, or waits for whoever is making it. `done` is called once, on another thread
  /// (or at once where nothing can be accepted: overloaded); never after leave has said true.
  Ticket fetch(RenderOrder order, Done done);
  bool leave(const Ticket& ticket) { return flights_.leave(ticket); }

  /// Writes down how often variants were wanted: those that look_up has found, and those that were
  /// served from elsewhere (the hot index). To be called about once a minute, and at the end; see
  /// Accesses::flush.
  Result<void> flush_accesses(std::span<const VariantCatalog::Access> served_elsewhere,
                              std::chrono::milliseconds turn);

  /// The asset as look_up finds it, and its errors.
  Result<AssetRow> find_picture(const AssetId& id);
  const RenderLimits& limits() const { return limits_; }
  /// Whether recipes may ask for faces.
  bool has_face_model() const;

  /// The asset was deleted through this server: nothing remembered of it is used from now on.
  void forget(const AssetId& id);

  /// There is a better version of one of the asset's variants: what is remembered is forgotten.
  void look_again(const AssetId& id) { known_.forget(id); }

  /// 8 characters; part of every variant's URL. Of a recipe as it is settled for its asset.
  std::string version_of(const Recipe& recipe, Effort effort = Effort::quick) const;
  /// Of the best that is stored; the quick one's where nothing better is. The recipe has a format,
  /// and is settled for its asset.
  Result<std::string> best_version(const AssetId& id, const Recipe& recipe);

 private:
  std::optional<Lookup> find_known(const AssetId& id, const Wanted& wanted);
  Result<void> find_made(Lookup& found, std::optional<Effort> only);
  Result<std::optional<Picture>> find_stored(const VariantKey& key);
  bool is_quick(const VariantKey& key) const;
  std::optional<Picture> find_unstored(const VariantKey& key);
  Result<Picture> make(const RenderOrder& order, const std::stop_token& stop);
  Result<Picture> render(const RenderOrder& order, const VariantLease& lease,
                         const std::stop_token& stop);
  Result<AssetRow> find_watermark(const AssetId& id);
  Result<void> check_faces(const Recipe& recipe) const;
  Result<Picture> open_stored(const VariantRow& row);
  void store_behind(const RenderOrder& order, const VariantLease& lease, const Picture& picture);
  Result<void> store(const VariantLease& lease, const VariantRow& row, std::string_view bytes);
  void give_up(const VariantLease& lease);

  Catalog& catalog_;
  BlobStore& blobs_;
  RendererPool& renderers_;
  SharedCache& cache_;
  Deletions& deletions_;
  const Clock& clock_;
  const DeliverSettings settings_;
  const RenderLimits limits_;
  Histogram& render_duration_;
  Gauge& write_behind_gauge_;
  KnownVariants known_;
  VariantLeases leases_;
  Accesses accesses_;

  std::mutex mutex_;
  std::map<VariantKey, Picture> unstored_;  // rendered, not yet recorded
  std::uint64_t unstored_bytes_ = 0;
  SingleFlight<VariantKey, Result<Picture>> flights_;
  WorkerPool store_pool_;
  WorkerPool render_pool_;  // last: its threads use all of the above
};

}  // namespace calotype
