// SPDX-License-Identifier: Apache-2.0
#include "pipeline/expire.hpp"

namespace calotype {
namespace {

constexpr std::size_t batch = 256;

}  // namespace

Result<void> Expire::run(const Job& job, const std::stop_token& stop) {
  const auto id = AssetId::parse(job.asset_id);
  require(id.has_value(), "an expire job has an asset");
  const JobLease lease{job.id, job.fence};
  TRY(const bool purging, catalog_.begin_purge(lease, *id));
  if (purging) {
    TRY(const auto asset, catalog_.find_asset(*id));
    require(asset.has_value(), "an asset that is being purged has a row");
    // No store fences a removal, and these bytes may be brought in again as soon as a successor
    // has finished: whoever slept since it began must find that out now.
    TRY_VOID(catalog_.extend_lease(lease, lease_));
    TRY_VOID(blobs_.remove(BlobKey::original(asset->digest)));
    TRY_VOID(catalog_.finish_purge(lease, *id));
  }
  return collect_garbage(stop);
}

Result<void> Expire::collect_garbage(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    TRY(const auto keys, catalog_.garbage(batch));
    if (keys.empty()) return {};
    for (const std::string& text : keys) {
      const auto key = BlobKey::parse(text);
      require(key.has_value(), "garbage has a well-formed key");
      TRY_VOID(blobs_.remove(*key));
    }
    TRY_VOID(catalog_.forget_garbage(keys));
  }
  return fail(ErrorCode::cancelled, "Stopped before all garbage was collected.");
}

}  // namespace calotype
