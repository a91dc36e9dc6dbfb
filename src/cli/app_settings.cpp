// SPDX-License-Identifier: Apache-2.0
#include "cli/app_settings.hpp"

#include <charconv>
#include <utility>

#include "asset/parameter.hpp"

namespace calotype {
namespace {

/// "127.0.0.1:8080", "[::1]:8080".
Result<std::pair<std::string, std::uint16_t>> split_address(std::string_view key,
                                                            std::string_view text) {
  const auto colon = text.rfind(':');
  std::uint16_t port = 0;
  if (colon != std::string_view::npos && colon > 0) {
    auto host = text.substr(0, colon);
    const auto digits = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    const bool is_bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
    if (is_bracketed) host = host.substr(1, host.size() - 2);
    const bool is_port =
        !digits.empty() && error == std::errc{} && end == digits.data() + digits.size();
    if (is_port && (is_bracketed || host.find_first_of(":[]") == host.npos))
      return std::pair{host == "localhost" ? std::string("127.0.0.1") : std::string(host), port};
  }
  return fail(ErrorCode::bad_config,
              std::string(key) + " must be HOST:PORT such as 127.0.0.1:8080 or [::1]:8080, not " +
                  in_quotes(text) + ".");
}

}  // namespace

CatalogSettings catalog_settings(const Settings& settings) {
  CatalogSettings catalog;
  catalog.url = settings.catalog_url();
  catalog.replica_url = settings.text("catalog.replica");
  catalog.listen_url = settings.text("catalog.listen");
  catalog.pool_size = settings.whole("catalog.pool_size");
  catalog.pool_wait_max = settings.duration("catalog.pool_wait_max");
  catalog.connect_timeout = settings.duration("catalog.connect_timeout");
  catalog.transaction_timeout = settings.duration("catalog.transaction_timeout");
  catalog.replica_lag_max = settings.duration("catalog.replica_lag_max");
  return catalog;
}

namespace {

int small(std::uint64_t number) {
  return static_cast<int>(number);
}

RenderSettings render_settings(const Settings& settings) {
  RenderSettings render;
  render.program = settings.text("render.program");
  render.processes = small(settings.whole("render.processes"));
  render.sandbox = settings.text("render.sandbox") == "on";
  render.process_memory_max = settings.bytes("render.process_memory_max");
  render.render_timeout = settings.duration("render.render_timeout");
  render.inspect_timeout = settings.duration("render.inspect_timeout");
  render.renders_per_process = small(settings.whole("render.renders_per_process"));
  render.process_growth_max = settings.bytes("render.process_growth_max");
  render.queue_max = small(settings.whole("render.queue_max"));
  render.queue_bytes_max = settings.bytes("render.queue_bytes_max");
  render.output_bytes_max = settings.bytes("render.output_bytes_max");
  render.face_model = settings.text("models.faces");
  render.limits.input_pixels_max = settings.whole("render.input_pixels_max");
  render.limits.output_side_max =
      static_cast<std::uint32_t>(settings.whole("render.output_side_max"));
  render.limits.output_pixels_max = settings.whole("render.output_pixels_max");
  render.limits.frames_max = static_cast<std::uint32_t>(settings.whole("render.frames_max"));
  render.limits.animation_pixels_max = settings.whole("render.animation_pixels_max");
  return render;
}

DeliverSettings deliver_settings(const Settings& settings) {
  DeliverSettings deliver;
  deliver.wait_max = settings.duration("delivery.wait_max");
  deliver.lease = settings.duration("delivery.lease");
  deliver.renders_waiting_max = settings.whole("delivery.renders_waiting_max");
  deliver.in_memory_bytes_max = settings.bytes("delivery.in_memory_bytes_max");
  deliver.write_behind_bytes_max = settings.bytes("delivery.write_behind_bytes_max");
  deliver.popular_after = settings.whole("delivery.popular_after");
  return deliver;
}

Result<HttpSettings> http_settings(const Settings& settings) {
  HttpSettings http;
  TRY(const auto address, split_address("http.listen", settings.text("http.listen")));
  http.host = address.first;
  http.port = address.second;
  http.io_threads = settings.whole("http.io_threads");
  http.ingest_threads = settings.whole("ingest.lane_threads");
  http.connections_max = settings.whole("http.connections_max");
  http.request_header_timeout = settings.duration("http.request_header_timeout");
  http.idle_timeout = settings.duration("http.idle_timeout");
  http.body_timeout = settings.duration("http.body_timeout");
  http.body_rate_min = settings.bytes("http.body_rate_min");
  // The pipeline's own deadline comes first: its answer says more.
  http.wait_max = settings.duration("delivery.wait_max") + std::chrono::seconds(5);
  http.public_url = settings.text("http.public_url");
  http.cors_origins = settings.list("http.cors_origins");
  http.access_interval = settings.duration("delivery.access_interval");
  http.hot_bytes_max = settings.bytes("delivery.hot_bytes_max");
  http.require_signature = settings.flag("delivery.require_signature");
  http.signing_key = settings.text("delivery.signing_key");
  TRY(http.imgproxy,
      ImgproxySettings::read(
          {.key = settings.text("imgproxy.key"),
           .salt = settings.text("imgproxy.salt"),
           .signature_size = settings.whole("imgproxy.signature_size"),
           .presets = settings.text("imgproxy.presets"),
           .watermark = settings.text("imgproxy.watermark"),
           .allow_security_options = settings.flag("imgproxy.allow_security_options")},
          settings.presets()));
  TRY_VOID(http.validate());
  return http;
}

/// What a worker answers: nothing, or operations only.
Result<std::optional<HttpSettings>> worker_http_settings(const Settings& settings) {
  const std::string& text = settings.text("worker.listen");
  if (text.empty()) return std::nullopt;
  HttpSettings http;
  TRY(const auto address, split_address("worker.listen", text));
  http.host = address.first;
  http.port = address.second;
  http.operations_only = true;
  http.io_threads = 1;
  http.lookup_threads = 2;
  http.ingest_threads = 1;
  http.hot_bytes_max = 0;
  TRY_VOID(http.validate());
  return http;
}

std::size_t concurrency_of(const Settings& settings, Lane lane) {
  return settings.whole("jobs." + std::string(to_string(lane)) + "_concurrency");
}

Result<S3Settings> s3_settings(const Settings& settings) {
  S3Settings s3;
  TRY(s3.place, parse_s3_url(settings.blobs_url()));
  s3.access_key = settings.text("blobs.access_key");
  s3.secret_key = settings.text("blobs.secret_key");
  s3.session_token = settings.text("blobs.session_token");
  s3.ca_file = settings.text("blobs.ca_file");
  s3.originals_class = settings.text("blobs.storage_class");
  s3.variants_class = settings.text("blobs.variant_storage_class");
  s3.folder = (std::filesystem::path(settings.text("data")) / "s3").string();
  s3.free_bytes_min = settings.bytes("ingest.free_bytes_min");
  s3.cache_bytes_max = settings.bytes("blobs.cache_max_bytes");
  s3.connections_max = settings.whole("blobs.connections_max");
  s3.streams_max = settings.whole("blobs.streams_max");
  s3.attempts_max = static_cast<std::uint32_t>(settings.whole("blobs.attempts_max"));
  s3.connect_timeout = settings.duration("blobs.connect_timeout");
  s3.stall_timeout = settings.duration("blobs.stall_timeout");
  s3.request_timeout = settings.duration("blobs.request_timeout");
  s3.multipart_min = settings.bytes("blobs.multipart_min");
  s3.part_bytes = settings.bytes("blobs.part_bytes");
  s3.parts_at_once = settings.whole("blobs.parts_at_once");
  TRY_VOID(s3.validate());
  return s3;
}

}  // namespace

Result<BlobSettings> blob_settings(const Settings& settings) {
  const std::string url = settings.blobs_url();
  if (url.starts_with("s3://")) {
    TRY(auto s3, s3_settings(settings));
    return BlobSettings(std::move(s3));
  }
  constexpr std::string_view scheme = "folder:";
  if (!url.starts_with(scheme) || url.size() == scheme.size())
    return fail(ErrorCode::bad_config,
                "blobs must be folder:PATH or s3://BUCKET/PREFIX?endpoint=URL, not " +
                    in_quotes(url) + ".");
  FolderSettings folder;
  folder.folder = url.substr(scheme.size());
  folder.free_bytes_min = settings.bytes("ingest.free_bytes_min");
  return BlobSettings(std::move(folder));
}

namespace {

FetchSettings fetch_settings(const Settings& settings) {
  FetchSettings fetch;
  fetch.allow = settings.list("fetch.allow");
  fetch.allow_addresses = settings.list("fetch.allow_addresses");
  fetch.connect_timeout = settings.duration("fetch.connect_timeout");
  fetch.stall_timeout = settings.duration("fetch.stall_timeout");
  fetch.timeout = settings.duration("fetch.timeout");
  fetch.redirects_max = settings.whole("fetch.redirects_max");
  fetch.at_once = settings.whole("fetch.at_once");
  fetch.bytes_max = settings.bytes("ingest.max_bytes");
  fetch.ca_file = settings.text("fetch.ca_file");
  return fetch;
}

/// Everything but what a server and a worker differ in.
Result<AppSettings> shared_settings(const Settings& settings) {
  AppSettings app;
  app.data = settings.text("data");
  app.catalog = catalog_settings(settings);
  TRY(app.blobs, blob_settings(settings));
  app.render = render_settings(settings);
  TRY_VOID(app.render.validate());
  app.ingest.bytes_max = settings.bytes("ingest.max_bytes");
  app.resumable.expires = settings.duration("ingest.resumable_expires");
  app.resumable.lease = settings.duration("jobs.lease");
  app.fetch = fetch_settings(settings);
  app.deliver = deliver_settings(settings);
  app.cache = {.url = settings.text("cache"),
               .prefix = settings.text("cache.prefix"),
               .timeout = settings.duration("cache.timeout")};
  app.deletions.staleness_max = settings.duration("delivery.staleness_max");
  app.jobs.lease = settings.duration("jobs.lease");
  app.jobs.concurrency.clear();
  app.scrub.grace = settings.duration("lifecycle.grace");
  app.scrub.variant_age_max = settings.duration("lifecycle.variant_max_age");
  app.scrub_interval = settings.duration("lifecycle.scrub_interval");
  app.verify.grace = app.scrub.grace;
  app.verify_shares = static_cast<std::uint32_t>(settings.whole("verify.shares"));
  app.verify_interval = settings.duration("verify.interval");
  app.presets = settings.presets();
  for (const auto& [name, recipe] : app.presets.all())
    if (finds_faces(recipe.gravity) && app.render.face_model.empty())
      return fail(ErrorCode::bad_config,
                  "The preset " + in_quotes(name) +
                      " finds faces: set models.faces to the path of a model that does.");
  app.drain_max = settings.duration("http.drain_max");
  return app;
}

}  // namespace

Result<AppSettings> app_settings(const Settings& settings) {
  TRY(AppSettings app, shared_settings(settings));
  TRY(HttpSettings http, http_settings(settings));
  // Many of them wait for the network, where bytes are elsewhere.
  if (std::holds_alternative<S3Settings>(app.blobs)) http.lookup_threads = 64;
  app.http = std::move(http);
  if (settings.flag("jobs.in_server"))
    for (const Lane lane : every_lane) app.jobs.concurrency[lane] = concurrency_of(settings, lane);
  return app;
}

Result<AppSettings> worker_settings(const Settings& settings) {
  TRY(AppSettings app, shared_settings(settings));
  TRY(app.http, worker_http_settings(settings));
  for (const std::string& name : settings.list("worker.lanes")) {
    const auto lane = parse_lane(name);
    if (!lane)
      return fail(
          ErrorCode::bad_config,
          "worker.lanes are metadata, image, video and maintenance, not " + in_quotes(name) + ".");
    app.jobs.concurrency[*lane] = concurrency_of(settings, *lane);
  }
  if (app.jobs.concurrency.empty())
    return fail(ErrorCode::bad_config,
                "worker.lanes names no lane; there are metadata, image, video and maintenance.");
  return app;
}

}  // namespace calotype
