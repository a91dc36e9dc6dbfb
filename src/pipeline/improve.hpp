// SPDX-License-Identifier: Apache-2.0
// A variant that proved popular is made again while nobody waits, with an encoder that looks longer
// for fewer bytes, and stored beside the quick one as a version of its own. From then on it is what
// URLs lead to; the quick one's URL keeps its bytes until nobody asks for them any more.
#pragma once

#include "base/metrics.hpp"
#include "blobs/blob_store.hpp"
#include "catalog/catalog.hpp"
#include "pipeline/deliver.hpp"
#include "pipeline/variant_leases.hpp"
#include "render/renderer_pool.hpp"

namespace calotype {

struct ImproveParts {
  Catalog& catalog;
  BlobStore& blobs;
  RendererPool& renderers;
  const Deliver& deliver;  // knows which versions there are
  const Clock& clock;
  Metrics& metrics;
};

class Improve {
 public:
  /// `lease`: for how long a server that died keeps others from it; `wait_max`: for a renderer.
  Improve(const ImproveParts& parts, const RenderLimits& limits, std::chrono::milliseconds lease,
          std::chrono::milliseconds wait_max);

  /// The render job. What the picture is to blame for, too little time, and a result that is no
  /// smaller end it without a trace: the quick variant is good. overloaded where nothing more can
  /// be queued; errors of catalog and store.
  Result<void> run(const Job& job, const std::stop_token& stop);

 private:
  struct Order;
  Result<std::optional<Order>> order_of(const Job& job);
  Result<RenderedPicture> render(const Order& order, const std::stop_token& stop);
  Result<void> replace(const Order& order, const VariantLease& lease, const std::string& bytes);

  Catalog& catalog_;
  BlobStore& blobs_;
  RendererPool& renderers_;
  const Deliver& deliver_;
  const Clock& clock_;
  const RenderLimits limits_;
  const std::chrono::milliseconds wait_max_;
  VariantLeases leases_;
  Counter& improved_;
  Counter& not_smaller_;
  Counter& saved_bytes_;
};

}  // namespace calotype
