// SPDX-License-Identifier: Apache-2.0
#include "pipeline/render_request.hpp"

namespace calotype {

Result<RenderRequest> render_request(BlobReader& blobs, const AssetRow& asset,
                                     const RenderPlan& plan,
                                     const std::optional<AssetRow>& watermark,
                                     RenderClass render_class,
                                     std::chrono::steady_clock::time_point deadline) {
  const bool from_proof = plan.source == RenderSource::proof;
  const auto key =
      from_proof ? BlobKey::parse(asset.proof->blob_key) : BlobKey::original(asset.digest);
  require(key.has_value(), "a proof's blob key is well-formed");
  TRY(const Blob source, blobs.open(*key));
  std::optional<SourceBytes> overlay;
  if (watermark) {
    TRY(const Blob mark, blobs.open(BlobKey::original(watermark->digest)));
    overlay = SourceBytes{mark.file, mark.bytes};
  }
  return RenderRequest{.batch_key = key->text(),
                       .source = {source.file, source.bytes},
                       .overlay = std::move(overlay),
                       .plan = plan,
                       .estimated_bytes = estimated_bytes(plan, asset.media),
                       .render_class = render_class,
                       .deadline = deadline};
}

}  // namespace calotype
