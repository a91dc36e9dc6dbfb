// SPDX-License-Identifier: Apache-2.0
#include "pipeline/improve.hpp"

#include "base/ids.hpp"
#include "base/log.hpp"
#include "pipeline/render_request.hpp"

namespace calotype {
namespace {

Counter& result_counter(Metrics& metrics, const char* result) {
  return metrics.counter("variant_improved_total", "Popular variants that were made again.",
                         {{"result", result}});
}

/// Another attempt would end the same way, or there is no time for it while so many wait. It comes
/// again when twice as many have asked.
bool is_better_left(const Error& error) {
  return error.kind() == ErrorKind::unprocessable || error.code == ErrorCode::renderer_failed ||
         error.code == ErrorCode::timeout;
}

}  // namespace

struct Improve::Order {
  AssetRow asset;
  VariantRow quick;
  VariantKey key;  // of the better one
  RenderPlan plan;
  std::optional<AssetRow> watermark;
};

Improve::Improve(const ImproveParts& parts, const RenderLimits& limits,
                 std::chrono::milliseconds lease, std::chrono::milliseconds wait_max)
    : catalog_(parts.catalog),
      blobs_(parts.blobs),
      renderers_(parts.renderers),
      deliver_(parts.deliver),
      clock_(parts.clock),
      limits_(limits),
      wait_max_(wait_max),
      leases_(parts.catalog, lease),
      improved_(result_counter(parts.metrics, "smaller")),
      not_smaller_(result_counter(parts.metrics, "not_smaller")),
      saved_bytes_(parts.metrics.counter("variant_improved_saved_bytes_total",
                                         "Bytes by which popular variants became smaller.")) {}

Result<void> Improve::run(const Job& job, const std::stop_token& stop) {
  TRY(const auto order, order_of(job));
  if (!order) return {};
  TRY(auto claim, catalog_.claim_variant(order->key, leases_.duration()));
  if (std::holds_alternative<VariantRow>(claim)) return {};
  const auto* lease = std::get_if<VariantLease>(&claim);
  if (lease == nullptr) return fail(ErrorCode::overloaded, "Somebody else improves this variant.");
  leases_.keep(*lease);
  auto made = render(*order, stop);
  auto done = made ? replace(*order, *lease, made->bytes)
                   : Result<void>(std::unexpected(std::move(made).error()));
  leases_.drop(*lease);
  if (done) return {};
  // Best effort: a lease that is not released runs out.
  (void)catalog_.release_variant(*lease);
  if (!is_better_left(done.error())) return done;
  log::info("a popular variant stays as it is",
            {{"asset", job.asset_id}, {"recipe", order->key.recipe}, {"error", done.error()}});
  return {};
}

/// Nothing where there is nothing to improve any more: deleted, expired, or made by a renderer of
/// another version.
Result<std::optional<Improve::Order>> Improve::order_of(const Job& job) {
  const auto key = parse_render_job_key(job.key);
  if (!key) return std::nullopt;
  const auto recipe = parse_recipe(key->recipe);
  if (!recipe || !recipe->format || deliver_.version_of(*recipe) != key->version)
    return std::nullopt;
  TRY(auto asset, catalog_.find_asset(key->asset_id));
  if (!asset || asset->state != AssetState::variants_ready) return std::nullopt;
  TRY(auto quick, catalog_.find_variant(*key));
  if (!quick) return std::nullopt;
  auto plan = plan_render(*recipe, asset->media, asset->proof, limits_);
  if (!plan) return std::nullopt;
  plan->effort = Effort::high;
  std::optional<AssetRow> watermark;
  if (recipe->watermark) {
    TRY(watermark, catalog_.find_asset(recipe->watermark->asset));
    if (!watermark || watermark->state == AssetState::deleted) return std::nullopt;
  }
  return Order{.asset = *std::move(asset),
               .quick = *std::move(quick),
               .key = {key->asset_id, key->recipe, deliver_.version_of(*recipe, Effort::high)},
               .plan = *plan,
               .watermark = std::move(watermark)};
}

Result<RenderedPicture> Improve::render(const Order& order, const std::stop_token& stop) {
  TRY(const RenderRequest request,
      render_request(blobs_, order.asset, order.plan, order.watermark, RenderClass::upkeep,
                     std::chrono::steady_clock::now() + wait_max_));
  return renderers_.render(request, stop);
}

/// Stores it where it is smaller; the blob is durable before the row that names it.
Result<void> Improve::replace(const Order& order, const VariantLease& lease,
                              const std::string& bytes) {
  if (bytes.size() >= order.quick.bytes) {
    not_smaller_.add();
    return catalog_.release_variant(lease);
  }
  const Timestamp now = clock_.now();
  VariantRow row = order.quick;
  row.key = order.key;
  row.digest = Sha256::of(as_bytes(bytes));
  row.bytes = bytes.size();
  row.created_at = row.last_access_at = now;
  row.accesses = 0;
  const BlobKey key = BlobKey::variant(row.digest, new_id(now));
  row.blob_key = key.text();
  TRY_VOID(blobs_.put(as_bytes(bytes), key));
  TRY_VOID(catalog_.store_better_variant(lease, row));
  improved_.add();
  saved_bytes_.add(static_cast<double>(order.quick.bytes - row.bytes));
  return {};
}

}  // namespace calotype
