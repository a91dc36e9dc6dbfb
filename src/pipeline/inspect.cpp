// SPDX-License-Identifier: Apache-2.0
#include "pipeline/inspect.hpp"

#include "base/ids.hpp"
#include "base/log.hpp"
#include "catalog/integrity_catalog.hpp"
#include "catalog/near_duplicate_catalog.hpp"

namespace calotype {
namespace {

constexpr std::size_t older_together = 16;

/// Another attempt would end as this one did.
bool is_of_the_picture(const Error& error) {
  return error.kind() == ErrorKind::unprocessable || error.kind() == ErrorKind::corrupt ||
         error.code == ErrorCode::renderer_failed || error.code == ErrorCode::timeout;
}

}  // namespace

Result<void> Inspect::run(const Job& job, const std::stop_token& stop) {
  const JobLease lease{job.id, job.fence};
  const auto id = AssetId::parse(job.asset_id);
  require(id.has_value(), "an inspect job has an asset");
  TRY(const auto asset, catalog_.begin_inspection(lease, *id));
  if (!asset) return {};
  const auto inspection = look_at(*asset, stop);
  if (!inspection) {
    if (inspection.error().kind() != ErrorKind::unprocessable)
      return std::unexpected(inspection.error());
    log::info("asset cannot be read", {{"asset", id->text()}, {"error", inspection.error()}});
    return catalog_.fail_inspection(lease, *id, inspection.error());
  }
  TRY_VOID(near_duplicates_.compare(*id, inspection->fingerprint));
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
  TRY(const Inspection inspection, look_at(*asset, stop));
  TRY(const auto proof, keep_proof(inspection));
  if (!proof) return {};
  log::info("a proof was made again", {{"asset", id->text()}});
  return catalog_.integrity().adopt_proof(*id, *proof);
}

Result<bool> Inspect::fingerprint_older(const std::stop_token& stop) {
  TRY(const auto older,
      catalog_.near_duplicates().without_fingerprint(fingerprinted_to_, older_together));
  for (const NumberedAssetId& each : older) {
    TRY(const auto asset, catalog_.find_asset(each.id));
    auto inspection = asset ? look_at(*asset, stop) : Inspection{};
    if (!inspection && !is_of_the_picture(inspection.error()))
      return std::unexpected(inspection.error());
    if (!inspection)
      log::warn("a picture has no fingerprint",
                {{"asset", each.id.text()}, {"error", inspection.error()}});
    else
      TRY_VOID(near_duplicates_.compare(each.id, inspection->fingerprint));
    fingerprinted_to_ = each.asset_no;
  }
  return older.size() == older_together;
}

Result<Inspection> Inspect::look_at(const AssetRow& asset, const std::stop_token& stop) {
  TRY(const Blob original, blobs_.open(BlobKey::original(asset.digest)));
  return renderers_.inspect({original.file, original.bytes},
                            std::chrono::steady_clock::now() + wait_max_, stop);
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
