// SPDX-License-Identifier: Apache-2.0
#include "pipeline/render_request.hpp"

#include "base/log.hpp"

namespace calotype {
namespace {

/// Nothing where it is damaged or has gone: the original is as good, and only slower.
Result<std::optional<Blob>> open_proof(BlobReader& blobs, const AssetRow& asset) {
  const auto key = BlobKey::parse(asset.proof->blob_key);
  require(key.has_value(), "a proof's blob key is well-formed");
  auto proof = blobs.open(*key);
  if (proof) return *std::move(proof);
  const bool is_lost =
      proof.error().kind() == ErrorKind::corrupt || proof.error().code == ErrorCode::blob_not_found;
  if (!is_lost) return std::unexpected(std::move(proof).error());
  log::warn("a picture is made without its proof",
            {{"asset", asset.id.text()}, {"error", proof.error()}});
  return std::nullopt;
}

}  // namespace

Result<RenderRequest> render_request(BlobReader& blobs, const AssetRow& asset, RenderPlan plan,
                                     const std::optional<AssetRow>& watermark,
                                     RenderClass render_class,
                                     std::chrono::steady_clock::time_point deadline) {
  auto key = BlobKey::original(asset.digest);
  std::optional<Blob> proof;
  if (plan.source == RenderSource::proof) {
    TRY(proof, open_proof(blobs, asset));
    if (proof)
      key = *BlobKey::parse(asset.proof->blob_key);
    else
      plan.source = RenderSource::original;
  }
  TRY(const Blob source, proof ? Result<Blob>(*std::move(proof)) : blobs.open(key));
  std::optional<SourceBytes> overlay;
  if (watermark) {
    TRY(const Blob mark, blobs.open(BlobKey::original(watermark->digest)));
    overlay = SourceBytes{mark.file, mark.bytes};
  }
  return RenderRequest{.batch_key = key.text(),
                       .source = {source.file, source.bytes},
                       .overlay = std::move(overlay),
                       .plan = plan,
                       .estimated_bytes = estimated_bytes(plan, asset.media),
                       .render_class = render_class,
                       .deadline = deadline};
}

}  // namespace calotype
