// SPDX-License-Identifier: Apache-2.0
#include "pipeline/deliver.hpp"

#include <algorithm>
#include <format>
#include <thread>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "pipeline/render_request.hpp"

namespace calotype {
namespace {

constexpr std::size_t store_threads = 4;
constexpr std::chrono::milliseconds busy_poll_min{10};
constexpr std::chrono::milliseconds busy_poll_max{100};

/// Inspection must be over, and must have found a picture.
Result<void> check_renderable(const AssetRow& asset) {
  switch (asset.state) {
    case AssetState::ingested:
    case AssetState::dedup_check:
      return fail(ErrorCode::asset_processing, "The asset is being inspected. Ask again.");
    case AssetState::metadata_failed: {
      const bool limit = parse_error_code(asset.failure_code) == ErrorCode::limit_exceeded;
      return fail(limit ? ErrorCode::limit_exceeded : ErrorCode::not_renderable,
                  asset.failure_message);
    }
    case AssetState::deleted:
      return fail(ErrorCode::asset_not_found, "The asset was deleted.");
    case AssetState::metadata_ready:
    case AssetState::variants_ready:
      break;
  }
  if (!asset.media.renderable)
    return fail(ErrorCode::not_renderable,
                std::format("No picture can be made of {}.", asset.media.media_type));
  return {};
}

/// A renderer that this picture ended (not one that is renderer_lost) will end the next time too:
/// no "try again shortly".
Error as_seen_from_outside(Error error) {
  if (error.code == ErrorCode::renderer_failed) error.code = ErrorCode::variant_generation_failed;
  return error;
}

}  // namespace

Deliver::Deliver(const DeliverParts& parts, const DeliverSettings& settings,
                 const RenderLimits& limits)
    : catalog_(parts.catalog),
      blobs_(parts.blobs),
      renderers_(parts.renderers),
      cache_(parts.cache),
      deletions_(parts.deletions),
      clock_(parts.clock),
      settings_(settings),
      limits_(limits),
      render_duration_(parts.metrics.duration(
          "variant_render_duration_seconds", "From asking a renderer for a variant to its bytes.")),
      write_behind_gauge_(parts.metrics.gauge("variant_write_behind_bytes",
                                              "Rendered bytes that are not stored yet.")),
      known_(parts.cache, parts.deletions, parts.clock, parts.metrics,
             [this](const Recipe& recipe, Effort effort) { return version_of(recipe, effort); }),
      leases_(parts.catalog, settings.lease),
      accesses_(parts.catalog, parts.cache, parts.clock,
                {settings.popular_after, [this](const VariantKey& key) { return is_quick(key); }}),
      store_pool_("store", store_threads, settings.renders_waiting_max * 4),
      render_pool_("render", settings.renders_waiting_max, 0) {}

Deliver::~Deliver() {
  render_pool_.stop();
  store_pool_.stop();
}

std::string Deliver::version_of(const Recipe& recipe, Effort effort) const {
  // Made with another effort, or by what another model finds, the same recipe is another version.
  std::string renderer(renderers_.version());
  if (finds_faces(recipe.gravity) && finds_faces(canonical(recipe).gravity))
    renderer.append("\n").append(renderers_.face_model());
  if (effort == Effort::high) renderer += "\nhigh effort";
  return calotype::version_of(recipe, renderer);
}

/// Made by a renderer like ours, and not with the highest effort.
bool Deliver::is_quick(const VariantKey& key) const {
  const auto recipe = parse_recipe(key.recipe);
  return recipe && recipe->format && key.version == version_of(*recipe);
}

Result<std::string> Deliver::best_version(const AssetId& id, const Recipe& recipe) {
  std::string better = version_of(recipe, Effort::high);
  TRY(const auto stored, catalog_.find_variant({id, to_string(recipe), better}));
  return stored ? better : version_of(recipe);
}

Result<Lookup> Deliver::look_up(const AssetId& id, const Recipe& recipe, bool negotiate,
                                std::string_view accept, std::optional<Effort> only) {
  const Wanted wanted{recipe, negotiate, accept, only};
  if (auto known = find_known(id, wanted)) return *std::move(known);
  const Timestamp moment = known_.moment();
  TRY(AssetRow asset, find_picture(id));
  Recipe asked = recipe;
  asked.format = format_for(asset.media, wanted);
  asked = canonical(asked);
  const Recipe meant = settled_for(asset, asked);
  TRY_VOID(check_faces(meant));
  Lookup found{.media = asset.media,
               .recipe = meant,
               .key = {id, to_string(meant), version_of(meant)},
               .varies = negotiate && !recipe.format,
               .picture = std::nullopt,
               .order = std::nullopt};
  TRY_VOID(find_made(found, only));
  if (found.picture) {
    if (cache_.is_shared() && !found.picture->unstored)
      known_.remember(asked, only, found.picture->row, asset.media, moment);
    return found;
  }
  if (only == Effort::high) return found;
  TRY(const RenderPlan plan, plan_render(found.recipe, asset.media, asset.proof, limits_));
  std::optional<AssetRow> watermark;
  if (meant.watermark) {
    TRY(watermark, find_watermark(meant.watermark->asset));
  }
  found.order = RenderOrder{std::move(asset), asked, std::move(watermark), found.key, plan, only};
  return found;
}

bool Deliver::has_face_model() const {
  return !renderers_.face_model().empty();
}

/// A picture that was made when there was a model is not shown any more either: its URL says which
/// picture it is, and nobody could make that one again.
Result<void> Deliver::check_faces(const Recipe& recipe) const {
  if (!finds_faces(recipe.gravity) || has_face_model()) return {};
  return fail(
      ErrorCode::bad_recipe,
      std::format("{} needs a model that finds faces, and this server has none: its operator "
                  "sets models.faces to the path of one.",
                  to_string(recipe.gravity)));
}

Result<AssetRow> Deliver::find_picture(const AssetId& id) {
  TRY(auto asset, catalog_.find_asset(id));
  if (!asset || deletions_.is_outdated(*asset))
    return fail(ErrorCode::asset_not_found, std::format("No asset is {}.", id.text()));
  TRY_VOID(check_renderable(*asset));
  return *std::move(asset);
}

Result<AssetRow> Deliver::find_watermark(const AssetId& id) {
  TRY(auto asset, catalog_.find_asset(id));
  if (!asset || deletions_.is_outdated(*asset))
    return fail(ErrorCode::asset_not_found,
                std::format("No asset is the watermark {}.", id.text()));
  TRY_VOID(check_renderable(*asset));
  return *std::move(asset);
}

/// The version that is wanted, where it has been made; the quick one may not be stored yet.
Result<void> Deliver::find_made(Lookup& found, std::optional<Effort> only) {
  if (only != Effort::quick) {
    const VariantKey better{found.key.asset_id, found.key.recipe,
                            version_of(found.recipe, Effort::high)};
    TRY(found.picture, find_stored(better));
    if (found.picture || only) {
      found.key = better;
      return {};
    }
  }
  found.picture = find_unstored(found.key);
  if (found.picture) return {};
  TRY(found.picture, find_stored(found.key));
  return {};
}

Result<std::optional<Picture>> Deliver::find_stored(const VariantKey& key) {
  TRY(const auto row, catalog_.find_variant(key));
  if (!row) return std::nullopt;
  auto picture = open_stored(*row);
  if (picture) {
    accesses_.note(key);
    return *std::move(picture);
  }
  // A store that does not answer has lost nothing.
  if (picture.error().kind() != ErrorKind::corrupt)
    return std::unexpected(std::move(picture).error());
  // Damage that can be mended is mended: the variant is made again.
  log::error("stored variant is unusable", {{"blob", row->blob_key}, {"error", picture.error()}});
  TRY_VOID(catalog_.drop_variant(key));
  return std::nullopt;
}

/// What another server, or this one in a former life, has found out.
std::optional<Lookup> Deliver::find_known(const AssetId& id, const Wanted& wanted) {
  if (!cache_.is_shared()) return std::nullopt;
  const auto known = known_.find(id, wanted);
  if (!known) return std::nullopt;
  auto picture = open_stored(known->row);
  if (!picture) {
    // The catalog knows better, or is going to be told that the blob is damaged.
    if (picture.error().code == ErrorCode::blob_not_found ||
        picture.error().code == ErrorCode::blob_corrupt)
      known_.forget(id);
    return std::nullopt;
  }
  accesses_.note(known->row.key);
  return Lookup{.media = known->media,
                .recipe = known->recipe,
                .key = known->row.key,
                .varies = wanted.negotiate && !wanted.recipe.format,
                .picture = *std::move(picture),
                .order = std::nullopt};
}

std::optional<Picture> Deliver::find_unstored(const VariantKey& key) {
  const std::lock_guard lock(mutex_);
  const auto place = unstored_.find(key);
  if (place == unstored_.end()) return std::nullopt;
  Picture picture = place->second;
  picture.rendered = false;
  picture.unstored = true;
  return picture;
}

Result<Picture> Deliver::open_stored(const VariantRow& row) {
  const auto key = BlobKey::parse(row.blob_key);
  if (!key) return fail(ErrorCode::blob_not_found, "The variant's blob key is malformed.");
  if (key->digest() != row.digest)
    return fail(ErrorCode::blob_corrupt, "The variant's blob key has another hash than its row.");
  if (row.bytes > settings_.in_memory_bytes_max) {
    TRY(Blob blob, blobs_.open(*key));
    if (blob.bytes != row.bytes)
      return fail(ErrorCode::blob_corrupt, "The variant's blob has another size than its row.");
    return Picture{.row = row, .bytes = nullptr, .blob = std::move(blob), .rendered = false};
  }
  TRY(auto bytes, blobs_.read(*key, row.bytes));
  return Picture{
      .row = row, .bytes = share(std::move(bytes)), .blob = std::nullopt, .rendered = false};
}

Deliver::Ticket Deliver::fetch(RenderOrder order, Done done) {
  Ticket ticket = flights_.join(order.key, std::move(done));
  if (!ticket.lead) return ticket;
  auto posted = render_pool_.post([this, order = std::move(order), ticket](std::stop_token pool) {
    std::stop_source stop;
    const std::stop_callback abandoned(*ticket.lead, [&] { stop.request_stop(); });
    const std::stop_callback stopping(pool, [&] { stop.request_stop(); });
    flights_.land(ticket, make(order, stop.get_token()));
  });
  if (!posted) flights_.land(ticket, std::unexpected(std::move(posted).error()));
  return ticket;
}

/// Until the variant is there, or this process has the lease to make it.
Result<Picture> Deliver::make(const RenderOrder& order, const std::stop_token& stop) {
  const auto deadline = std::chrono::steady_clock::now() + settings_.wait_max;
  auto pause = busy_poll_min;
  while (!stop.stop_requested()) {
    if (auto unstored = find_unstored(order.key)) return *std::move(unstored);
    TRY(auto claim, catalog_.claim_variant(order.key, leases_.duration()));
    if (const auto* row = std::get_if<VariantRow>(&claim)) return open_stored(*row);
    if (const auto* lease = std::get_if<VariantLease>(&claim)) {
      leases_.keep(*lease);
      auto picture = render(order, *lease, stop);
      if (!picture) give_up(*lease);
      return picture;
    }
    if (std::chrono::steady_clock::now() > deadline)
      return fail(ErrorCode::overloaded, "Another server is still making this picture.");
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, busy_poll_max);
  }
  return fail(ErrorCode::cancelled, "Nobody waits for this picture any more.");
}

Result<Picture> Deliver::render(const RenderOrder& order, const VariantLease& lease,
                                const std::stop_token& stop) {
  const auto began = std::chrono::steady_clock::now();
  const auto request = render_request(blobs_, order.asset, order.plan, order.watermark,
                                      RenderClass::waiting, began + settings_.wait_max);
  // The asset may have been deleted since it was looked up, and its bytes with it.
  if (!request && request.error().code == ErrorCode::blob_not_found)
    TRY_VOID(find_picture(order.key.asset_id));
  if (!request) return std::unexpected(request.error());
  auto made = renderers_.render(*request, stop);
  if (!made) return std::unexpected(as_seen_from_outside(std::move(made).error()));
  RenderedPicture rendered = *std::move(made);
  render_duration_.observe(std::chrono::steady_clock::now() - began);
  const Timestamp now = clock_.now();
  VariantRow row{.key = order.key,
                 .blob_key = {},
                 .digest = Sha256::of(as_bytes(rendered.bytes)),
                 .bytes = rendered.bytes.size(),
                 .width = rendered.width,
                 .height = rendered.height,
                 .media_type = std::string(media_type_of(order.plan.format)),
                 .created_at = now,
                 .last_access_at = now};
  row.blob_key = BlobKey::variant(row.digest, new_id(now)).text();
  Picture picture{.row = std::move(row),
                  .bytes = share(std::move(rendered.bytes)),
                  .blob = std::nullopt,
                  .rendered = true};
  store_behind(order, lease, picture);
  return picture;
}

/// The picture is served from unstored_ until its row says where it is.
void Deliver::store_behind(const RenderOrder& order, const VariantLease& lease,
                           const Picture& picture) {
  std::uint64_t behind = 0;
  {
    const std::lock_guard lock(mutex_);
    unstored_.insert_or_assign(picture.row.key, picture);
    behind = unstored_bytes_ += picture.row.bytes;
    write_behind_gauge_.set(static_cast<double>(behind));
  }
  auto work = [this, lease, row = picture.row, bytes = picture.bytes, asked = order.asked,
               only = order.only, media = order.asset.media](std::stop_token) {
    const Timestamp moment = known_.moment();
    if (auto stored = store(lease, row, bytes->view()); !stored)
      log::warn("variant was not stored", {{"asset", row.key.asset_id.text()},
                                           {"recipe", row.key.recipe},
                                           {"error", stored.error()}});
    else if (cache_.is_shared())
      known_.remember(asked, only, row, media, moment);
    const std::lock_guard lock(mutex_);
    unstored_.erase(row.key);
    unstored_bytes_ -= row.bytes;
    write_behind_gauge_.set(static_cast<double>(unstored_bytes_));
  };
  if (behind > settings_.write_behind_bytes_max) return work({});
  if (!store_pool_.post(work)) work({});
}

Result<void> Deliver::store(const VariantLease& lease, const VariantRow& row,
                            std::string_view bytes) {
  const auto key = BlobKey::parse(row.blob_key);
  require(key.has_value(), "a variant's blob key is well-formed");
  auto stored = blobs_.put(as_bytes(bytes), *key);
  if (stored) stored = catalog_.store_variant(lease, row);
  if (stored || stored.error().code == ErrorCode::lease_lost)
    leases_.drop(lease);
  else
    give_up(lease);  // what stays behind is found by the scrub
  return stored;
}

/// Best effort: a lease that is not released runs out.
void Deliver::give_up(const VariantLease& lease) {
  leases_.drop(lease);
  if (auto released = catalog_.release_variant(lease); !released)
    log::warn("variant lease was not released", {{"error", released.error()}});
}

Result<void> Deliver::flush_accesses(std::span<const VariantCatalog::Access> served_elsewhere,
                                     std::chrono::milliseconds turn) {
  return accesses_.flush(served_elsewhere, turn);
}

void Deliver::forget(const AssetId& id) {
  deletions_.note(id);
  known_.forget(id);
}

}  // namespace calotype
