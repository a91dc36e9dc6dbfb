// SPDX-License-Identifier: Apache-2.0
#include "cli/app_settings.hpp"

#include <charconv>
#include <format>

namespace calotype {
namespace {

struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
};

/// HOST:PORT, or [IPv6]:PORT.
Result<ListenAddress> parse_listen(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto refuse = [&] {
    return fail(ErrorCode::bad_config,
                std::format("http.listen must be HOST:PORT, not “{}”.", text));
  };
  if (colon == std::string_view::npos || colon == 0) return refuse();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  ListenAddress address{std::string(host == "localhost" ? "127.0.0.1" : host)};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size()) return refuse();
  return address;
}

Result<std::string> folder_of(const std::string& blobs_url) {
  constexpr std::string_view scheme = "folder:";
  if (blobs_url.starts_with(scheme)) return blobs_url.substr(scheme.size());
  return fail(ErrorCode::bad_config,
              std::format("blobs must be folder:PATH, not “{}”.", blobs_url));
}

RenderSettings render_settings(const Settings& settings) {
  RenderSettings render;
  render.program = settings.text("render.program");
  render.processes = static_cast<int>(settings.whole("render.processes"));
  render.sandbox = settings.text("render.sandbox") == "on";
  render.process_memory_max = settings.bytes("render.process_memory_max");
  render.render_timeout = settings.duration("render.render_timeout");
  render.inspect_timeout = settings.duration("render.inspect_timeout");
  render.renders_per_process = static_cast<int>(settings.whole("render.renders_per_process"));
  render.process_growth_max = settings.bytes("render.process_growth_max");
  render.queue_max = static_cast<int>(settings.whole("render.queue_max"));
  render.queue_bytes_max = settings.bytes("render.queue_bytes_max");
  render.output_bytes_max = settings.bytes("render.output_bytes_max");
  render.limits.input_pixels_max = settings.whole("render.input_pixels_max");
  render.limits.output_side_max =
      static_cast<std::uint32_t>(settings.whole("render.output_side_max"));
  render.limits.output_pixels_max = settings.whole("render.output_pixels_max");
  return render;
}

DeliverSettings deliver_settings(const Settings& settings) {
  DeliverSettings deliver;
  deliver.wait_max = settings.duration("delivery.wait_max");
  deliver.renders_waiting_max = settings.whole("delivery.renders_waiting_max");
  deliver.in_memory_bytes_max = settings.bytes("delivery.in_memory_bytes_max");
  deliver.write_behind_bytes_max = settings.bytes("delivery.write_behind_bytes_max");
  return deliver;
}

Result<HttpSettings> http_settings(const Settings& settings) {
  TRY(const auto listen, parse_listen(settings.text("http.listen")));
  HttpSettings http;
  http.host = listen.host;
  http.port = listen.port;
  http.io_threads = settings.whole("http.io_threads");
  http.ingest_threads = settings.whole("ingest.lane_threads");
  http.connections_max = settings.whole("http.connections_max");
  http.request_header_timeout = settings.duration("http.request_header_timeout");
  http.idle_timeout = settings.duration("http.idle_timeout");
  http.body_timeout = settings.duration("http.body_timeout");
  http.body_rate_min = settings.bytes("http.body_rate_min");
  http.cors_origins = settings.list("http.cors_origins");
  http.hot_bytes_max = settings.bytes("delivery.hot_bytes_max");
  http.require_signature = settings.flag("delivery.require_signature");
  http.signing_key = settings.text("delivery.signing_key");
  http.wait_max = settings.duration("delivery.wait_max") + std::chrono::seconds{5};
  return http;
}

}  // namespace

Result<AppSettings> app_settings(const Settings& settings) {
  AppSettings app;
  app.data = settings.text("data");
  app.catalog.url = settings.catalog_url();
  TRY(app.blobs.folder, folder_of(settings.blobs_url()));
  app.render = render_settings(settings);
  app.deliver = deliver_settings(settings);
  TRY(app.http, http_settings(settings));
  app.ingest.bytes_max = settings.bytes("ingest.max_bytes");
  app.jobs.concurrency = {{Lane::metadata, settings.whole("jobs.metadata_concurrency")},
                          {Lane::maintenance, settings.whole("jobs.maintenance_concurrency")}};
  app.scrub.grace = settings.duration("lifecycle.grace");
  app.scrub.variant_age_max = settings.duration("lifecycle.variant_max_age");
  app.scrub_interval = settings.duration("lifecycle.scrub_interval");
  app.drain_max = settings.duration("http.drain_max");
  app.presets = settings.presets();
  TRY_VOID(app.render.validate());
  TRY_VOID(app.http.validate());
  return app;
}

}  // namespace calotype
