// SPDX-License-Identifier: Apache-2.0
#include "pipeline/inspect.hpp"

#include "base/ids.hpp"
#include "base/log.hpp"
#include "catalog/integrity_catalog.hpp"

namespace calotype {

Result<void> Inspect::run(const Job& job, const std::stop_token& stop) {
  const JobLease lease{job.id, job.fence};
  const auto id = AssetId::parse(job.asset_id);
  require(id.has_value(), "an inspect job has an asset");
  TRY(const auto asset, catalog_.begin_inspection(lease, *id));
  if (!asset) return {};
  TRY(const Blob original, blobs_.open(BlobKey::original(asset->digest)));
  const auto inspection = renderers_.inspect({original.file, original.bytes},
                                             std::chrono::steady_clock::now() + wait_max_, stop);
  if (!inspection) {
    if (inspection.error().kind() != ErrorKind::unprocessable)
      return std::unexpected(inspection.error());
    log::info("asset cannot be read", {{"asset", id->text()}, {"error", inspection.error()}});
    return catalog_.fail_inspection(lease, *id, inspection.error());
  }
  TRY(const auto proof, keep_proof(*inspection));
  auto finished = catalog_.finish_inspection(lease, *id, inspection->media, proof);
  // Best effort, and only where the row is certainly not there: a commit whose answer was lost may
  // have been one. The scrub finds what stays behind.
  if (!finished && finished.error().code == ErrorCode::lease_lost && proof)
    (void)blobs_.remove(*BlobKey::parse(proof->blob_key));
  return finished;
}

Result<void> Inspect::remake_proof(const Job& job, const std::stop_token& stop) {
  const auto id = AssetId::parse(job.asset_id);
  require(id.has_value(), "a job that makes a proof has an asset");
  TRY(const auto asset, catalog_.find_asset(*id));
  const bool is_ready = asset && (asset->state == AssetState::metadata_ready ||
                                  asset->state == AssetState::variants_ready);
  if (!is_ready || asset->proof || !asset->media.renderable) return {};
  TRY(const Blob original, blobs_.open(BlobKey::original(asset->digest)));
  TRY(const auto inspection,
      renderers_.inspect({original.file, original.bytes},
                         std::chrono::steady_clock::now() + wait_max_, stop));
  TRY(const auto proof, keep_proof(inspection));
  if (!proof) return {};
  log::info("a proof was made again", {{"asset", id->text()}});
  return catalog_.integrity().adopt_proof(*id, *proof);
}

Result<std::optional<Proof>> Inspect::keep_proof(const Inspection& inspection) {
  if (!inspection.proof) return std::nullopt;
  const auto& picture = *inspection.proof;
  const ByteSpan bytes = as_bytes(picture.bytes);
  const BlobKey key = BlobKey::proof(Sha256::of(bytes), new_id(clock_.now()));
  TRY_VOID(blobs_.put(bytes, key));
  return Proof{key.text(), picture.bytes.size(), picture.width, picture.height};
}

}  // namespace calotype
