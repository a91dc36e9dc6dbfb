// SPDX-License-Identifier: Apache-2.0
// What a renderer is asked for: the plan, and the bytes that it needs.
#pragma once

#include "blobs/blob_store.hpp"
#include "catalog/rows.hpp"
#include "render/renderer_pool.hpp"

namespace calotype {

/// From the asset's original or its proof, as the plan says; with the watermark's original where
/// there is one. The store's errors.
Result<RenderRequest> render_request(BlobReader& blobs, const AssetRow& asset, RenderPlan plan,
                                     const std::optional<AssetRow>& watermark,
                                     RenderClass render_class,
                                     std::chrono::steady_clock::time_point deadline);

}  // namespace calotype
