// SPDX-License-Identifier: Apache-2.0
#include "cli/setting_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "asset/parameter.hpp"

namespace calotype {
namespace {

using enum SettingType;

constexpr std::uint64_t day_ms = 24ULL * 3'600 * 1'000;
constexpr std::uint64_t year_ms = 365 * day_ms;

constexpr std::array table = {
    SettingSpec{"data", text, "data", "The folder of everything that is kept. One server owns it."},
    SettingSpec{"catalog", text, "",
                "The catalog, as sqlite:PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME. Empty: "
                "catalog.db in data."},
    SettingSpec{"blobs", text, "",
                "The bytes, as folder:PATH or s3://BUCKET/PREFIX?endpoint=URL&region=NAME. Empty: "
                "blobs in data."},
    SettingSpec{"blobs.access_key", text, "", "S3's access key; else AWS_ACCESS_KEY_ID."},
    SettingSpec{"blobs.secret_key", text, "",
                "S3's secret key; AWS_SECRET_ACCESS_KEY where there is no blobs.access_key.", 0, 0,
                "", true},
    SettingSpec{"blobs.session_token", text, "",
                "Of temporary keys; AWS_SESSION_TOKEN where there is no blobs.access_key.", 0, 0,
                "", true},
    SettingSpec{"blobs.storage_class", text, "",
                "S3's storage class for originals, like STANDARD. Empty: the bucket's own."},
    SettingSpec{"blobs.variant_storage_class", text, "",
                "S3's storage class for variants and proofs."},
    SettingSpec{"blobs.cache_max_bytes", bytes, "1GiB",
                "Disk under data for blobs of S3 that are kept near. 0: none are."},
    SettingSpec{"blobs.connections_max", whole, "128", "Connections to S3 open at once.", 1,
                10'000},
    SettingSpec{"blobs.streams_max", whole, "256",
                "Originals on their way from S3 to clients at once.", 1, 10'000},
    SettingSpec{"blobs.attempts_max", whole, "5",
                "Attempts at a request to S3 before it has failed.", 1, 20},
    SettingSpec{"blobs.connect_timeout", duration, "3s", "To connect to S3.", 1, day_ms},
    SettingSpec{"blobs.stall_timeout", duration, "10s",
                "Without a byte to or from S3 before an attempt has failed; whole seconds.", 1'000,
                day_ms},
    SettingSpec{"blobs.request_timeout", duration, "30s",
                "For a request to S3 with all its attempts, and 1s more for each 256KiB.", 1,
                day_ms},
    SettingSpec{"blobs.multipart_min", bytes, "64MiB", "Files from here on go to S3 in parts.",
                5 << 20},
    SettingSpec{"blobs.part_bytes", bytes, "16MiB", "The size of such a part.", 5 << 20},
    SettingSpec{"blobs.parts_at_once", whole, "4", "Parts of one file on their way at once.", 1,
                64},
    SettingSpec{"blobs.ca_file", text, "",
                "Certificates that S3's is held against. Empty: the system's."},
    SettingSpec{"cache", text, "memory",
                "What servers share besides: memory (nothing), or "
                "redis://[user:password@]host:port/db; rediss:// for TLS."},
    SettingSpec{"cache.prefix", text, "calotype", "Of every key in Redis, to share a database."},
    SettingSpec{"cache.timeout", duration, "25ms",
                "For an answer of Redis, before going on without.", 1, 10'000},

    SettingSpec{"catalog.replica", text, "",
                "PostgreSQL: a streaming replica for lists that may lag. Empty: none."},
    SettingSpec{"catalog.listen", text, "",
                "PostgreSQL: the server itself, where catalog is a pooler's. Empty: catalog."},
    SettingSpec{"catalog.pool_size", whole, "16",
                "PostgreSQL: connections of this program, and as many again to a replica.", 1,
                1'000},
    SettingSpec{"catalog.pool_wait_max", duration, "5s",
                "PostgreSQL: for a connection to become free; past it the answer is 503.", 1,
                day_ms},
    SettingSpec{"catalog.connect_timeout", duration, "5s",
                "PostgreSQL: for a connection to be made.", 1, day_ms},
    SettingSpec{"catalog.transaction_timeout", duration, "10s",
                "PostgreSQL: for a transaction, with all that has to be repeated of it.", 10,
                day_ms},
    SettingSpec{"catalog.replica_lag_max", duration, "5s",
                "PostgreSQL: a replica that is further behind is not asked.", 1, day_ms},

    SettingSpec{"http.listen", text, "127.0.0.1:8080",
                "HOST:PORT. Port 0 takes a free one. Elsewhere than loopback it needs API keys."},
    SettingSpec{"http.io_threads", whole, "0",
                "Threads that read and write sockets. 0: one a core, at most 4.", 0, 256},
    SettingSpec{"http.connections_max", whole, "10000",
                "Connections open at once; more are answered 503.", 1, 1'000'000},
    SettingSpec{"http.request_header_timeout", duration, "10s",
                "For a request's header to arrive whole.", 1, day_ms},
    SettingSpec{"http.idle_timeout", duration, "75s", "For the next request on a connection.", 1,
                day_ms},
    SettingSpec{"http.body_timeout", duration, "30s",
                "For the next bytes of a body to arrive, or to be taken.", 1, day_ms},
    SettingSpec{"http.body_rate_min", bytes, "1KiB",
                "Bytes a second below which a transfer is ended, over body_timeout."},
    SettingSpec{"http.public_url", text, "",
                "Where clients find the server, like https://pictures.example, for documents that "
                "must name themselves (IIIF). Empty: http:// and the request's Host."},
    SettingSpec{"http.cors_origins", list, "*",
                "Origins whose pages may read the answers; * for any, empty for none."},
    SettingSpec{"http.drain_max", duration, "10s",
                "For what is in flight when the server is told to stop.", 0, day_ms},

    SettingSpec{"ingest.max_bytes", bytes, "16GiB", "The largest file that is accepted.", 1},
    SettingSpec{"ingest.free_bytes_min", bytes, "64MiB",
                "What uploads leave free of the disk, so that a full store can be deleted from."},
    SettingSpec{"ingest.lane_threads", whole, "64",
                "Uploads that are written to disk at the same moment.", 1, 1'024},
    SettingSpec{"ingest.resumable_expires", duration, "24h",
                "Without a byte before an upload that comes in parts (tus) is given up.", 1'000,
                year_ms},

    SettingSpec{"fetch.allow", list, "",
                "Hosts that uploads by URL may be fetched from: images.example.org, "
                "*.example.org or *, with :PORT. Empty: none."},
    SettingSpec{"fetch.allow_addresses", list, "",
                "Addresses that may be fetched from though they are not public: 10.1.0.0/16."},
    SettingSpec{"fetch.connect_timeout", duration, "5s", "To connect to such a host.", 1, day_ms},
    SettingSpec{"fetch.stall_timeout", duration, "15s",
                "With less than 1KiB a second from it; whole seconds.", 1'000, day_ms},
    SettingSpec{"fetch.timeout", duration, "5m", "For one file, with every redirect.", 1, day_ms},
    SettingSpec{"fetch.redirects_max", whole, "5", "Redirects that are followed.", 0, 50},
    SettingSpec{"fetch.at_once", whole, "16", "URLs that are fetched at the same moment.", 1,
                1'024},
    SettingSpec{"fetch.ca_file", text, "",
                "Certificates that such a host's is held against. Empty: the system's."},

    SettingSpec{"render.program", text, "",
                "The renderer's executable. Empty: calotype-renderer beside calotype."},
    SettingSpec{"render.processes", whole, "0", "Renderers. 0: one a core.", 0, 256},
    SettingSpec{"render.sandbox", choice, "on",
                "off decodes untrusted pictures without a sandbox: only where none can be had.", 0,
                0, "on off"},
    SettingSpec{"render.process_memory_max", bytes, "1GiB",
                "Memory of one renderer; past it the picture is refused.", 64 << 20},
    SettingSpec{"render.render_timeout", duration, "20s", "For one variant, its decode included.",
                1, day_ms},
    SettingSpec{"render.inspect_timeout", duration, "30s", "For the inspection of one original.", 1,
                day_ms},
    SettingSpec{"render.renders_per_process", whole, "2000",
                "Pictures that a renderer makes before it is replaced.", 1, 1'000'000'000},
    SettingSpec{"render.process_growth_max", bytes, "256MiB",
                "Growth of a renderer's memory before it is replaced.", 1 << 20},
    SettingSpec{"render.queue_max", whole, "256", "Renders that wait; more are answered 503.", 1,
                1'000'000},
    SettingSpec{"render.queue_bytes_max", bytes, "8GiB",
                "Estimated memory of the renders that wait.", 1 << 20},
    SettingSpec{"render.output_bytes_max", bytes, "64MiB", "The largest variant.", 1 << 10},
    SettingSpec{"render.input_pixels_max", whole, "200000000",
                "Pixels of an original, over all the frames that are made.", 1},
    SettingSpec{"render.output_side_max", whole, "8192", "Width or height of a variant, in pixels.",
                1, 65'535},
    SettingSpec{"render.output_pixels_max", whole, "40000000", "Pixels of a variant.", 1},
    SettingSpec{"render.frames_max", whole, "1000", "Frames of an animation that stays one.", 1,
                100'000},
    SettingSpec{"render.animation_pixels_max", whole, "100000000",
                "Pixels of an animated variant, over all its frames.", 1},

    SettingSpec{"models.faces", text, "",
                "An ONNX model that finds faces, such as YuNet, for crops around them (g=faces). "
                "Empty: such crops are refused."},

    SettingSpec{"delivery.hot_bytes_max", bytes, "256MiB",
                "Memory for variants that are sent without asking anybody."},
    SettingSpec{"delivery.in_memory_bytes_max", bytes, "4MiB",
                "Variants up to this size are sent from memory, larger ones from their file."},
    SettingSpec{"delivery.write_behind_bytes_max", bytes, "256MiB",
                "Variants that are sent already and still to be stored."},
    SettingSpec{"delivery.renders_waiting_max", whole, "64",
                "Distinct variants that are being made at the same moment.", 1, 100'000},
    SettingSpec{"delivery.wait_max", duration, "30s", "For a variant that has to be made.", 1,
                day_ms},
    SettingSpec{"delivery.lease", duration, "8s",
                "How long a server that died keeps others from making its variant.", 500, day_ms},
    SettingSpec{"delivery.access_interval", duration, "60s",
                "Between two writings of how often variants were asked for.", 100, day_ms},
    SettingSpec{"delivery.popular_after", whole, "100",
                "Requests for a variant after which it is made again at high effort; 0: none is.",
                0, 1'000'000'000},
    SettingSpec{"delivery.staleness_max", duration, "10s",
                "For how long variants are served from memory while the catalog does not answer "
                "and other servers may have deleted them. 0s: without limit.",
                0, day_ms},
    SettingSpec{"delivery.require_signature", flag, "false",
                "Whether variant URLs must be signed (calotype sign)."},
    SettingSpec{"delivery.signing_key", text, "", "The secret that they are signed with.", 0, 0, "",
                true},

    SettingSpec{"imgproxy.key", text, "",
                "The keys of imgproxy's signatures, as hexadecimal; several joined by commas. "
                "Empty: any signature will do.",
                0, 0, "", true},
    SettingSpec{"imgproxy.salt", text, "",
                "The salts of imgproxy's signatures, as hexadecimal, one for each key.", 0, 0, "",
                true},
    SettingSpec{"imgproxy.signature_size", whole, "32",
                "Bytes of imgproxy's signatures that are in use.", 1, 32},
    SettingSpec{"imgproxy.presets", text, "",
                "imgproxy's presets, as name=options joined by commas; default is applied to all."},
    SettingSpec{"imgproxy.watermark", text, "",
                "The asset that imgproxy's watermark option lays over. Empty: none can be."},
    SettingSpec{"imgproxy.allow_security_options", flag, "false",
                "Whether imgproxy's URLs may say max_src_resolution and its kin."},

    SettingSpec{"jobs.in_server", flag, "true",
                "Whether `calotype serve` runs jobs itself (--no-workers: false)."},
    SettingSpec{"jobs.lease", duration, "8s",
                "How long a worker that died keeps its jobs from others.", 500, day_ms},
    SettingSpec{"jobs.metadata_concurrency", whole, "2", "Inspections at the same moment.", 1, 256},
    SettingSpec{"jobs.image_concurrency", whole, "1",
                "Popular variants that are made again at the same moment.", 1, 256},
    SettingSpec{"jobs.video_concurrency", whole, "1",
                "Of the lane video, which has no kinds of jobs yet.", 1, 256},
    SettingSpec{"jobs.maintenance_concurrency", whole, "2", "Upkeep jobs at the same moment.", 1,
                64},

    SettingSpec{"lifecycle.grace", duration, "1h", "Age before bytes without an owner are removed.",
                0, 100 * year_ms},
    SettingSpec{"lifecycle.variant_max_age", duration, "180d",
                "Time without an access before a variant is removed.", 1, 100 * year_ms},
    SettingSpec{"lifecycle.scrub_interval", duration, "1h",
                "Between two searches for what can be removed.", 100, year_ms},

    SettingSpec{"verify.shares", whole, "30",
                "The blobs are hashed again in so many shares, one each interval; 0: never.", 0,
                65'536},
    SettingSpec{"verify.interval", duration, "24h", "Between two shares.", 100, year_ms},

    SettingSpec{"worker.lanes", list, "metadata,image,video,maintenance",
                "The lanes of `calotype worker` (--lanes)."},
    SettingSpec{"worker.listen", text, "",
                "HOST:PORT for a worker's /healthz, /readyz and /metrics (--listen). Empty: none."},

    SettingSpec{"log.format", choice, "text", "Lines for people, or JSON.", 0, 0, "text json"},
    SettingSpec{"log.level", choice, "info", "The least that is worth a line.", 0, 0,
                "debug info warn error off"},
};

/// The number at the front and what follows it; nothing where it does not begin with a digit or is
/// past 2^64.
struct Measure {
  std::uint64_t number;
  std::string_view unit;
};
std::optional<Measure> split_measure(std::string_view text) {
  Measure measure{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), measure.number);
  if (error != std::errc{}) return std::nullopt;
  measure.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  return measure;
}

std::optional<std::uint64_t> times(std::uint64_t number, std::uint64_t factor) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(number, factor, &product)) return std::nullopt;
  return product;
}

/// Levenshtein's distance, by rows.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
    }
  }
  return row.back();
}

/// "a b c" as "a, b or c".
std::string alternatives(std::string_view names) {
  std::string out;
  while (!names.empty()) {
    const auto end = names.find(' ');
    const bool is_last = end == std::string_view::npos;
    if (!out.empty()) out += is_last ? " or " : ", ";
    out += names.substr(0, end);
    names.remove_prefix(is_last ? names.size() : end + 1);
  }
  return out;
}

std::string what_is_allowed(const SettingSpec& spec) {
  const auto bounded = [&](std::string what) {
    if (spec.max == UINT64_MAX)
      return spec.min == 0 ? what : what + " of at least " + std::to_string(spec.min);
    return what + " from " + std::to_string(spec.min) + " to " + std::to_string(spec.max);
  };
  switch (spec.type) {
    case text:
      return "text";
    case whole:
      return bounded("a whole number");
    case flag:
      return "true or false";
    case bytes:
      return "a size like 1024, 64KiB, 16MiB or 2GB" +
             (spec.min > 1 ? ", at least " + std::to_string(spec.min) : std::string{});
    case duration:
      return "a duration like 250ms, 10s, 5m, 1h or 180d";
    case list:
      return "names joined by commas";
    case choice:
      return alternatives(spec.choices);
  }
  std::unreachable();
}

bool is_allowed(const SettingSpec& spec, std::string_view value) {
  const auto within = [&](std::optional<std::uint64_t> number) {
    return number && *number >= spec.min && *number <= spec.max;
  };
  switch (spec.type) {
    case text:
    case list:
      return true;
    case flag:
      return parse_flag(value).has_value();
    case bytes:
      return within(parse_bytes(value));
    case whole: {
      const auto measure = split_measure(value);
      return measure && measure->unit.empty() && within(measure->number);
    }
    case duration: {
      const auto time = parse_duration(value);
      return time && within(static_cast<std::uint64_t>(time->count()));
    }
    case choice: {
      const std::string padded = " " + std::string(spec.choices) + " ";
      return !value.empty() && !value.contains(' ') &&
             padded.contains(" " + std::string(value) + " ");
    }
  }
  std::unreachable();
}

}  // namespace

std::span<const SettingSpec> setting_table() {
  return table;
}

const SettingSpec* find_setting(std::string_view key) {
  const auto place = std::ranges::find(table, key, &SettingSpec::key);
  return place == table.end() ? nullptr : &*place;
}

std::optional<std::string> nearest_setting(std::string_view key) {
  constexpr std::size_t alike = 4;
  const SettingSpec* best = nullptr;
  std::size_t best_distance = alike + 1;
  for (const SettingSpec& spec : table) {
    // What stands after the section is often all that somebody remembers.
    const auto tail = spec.key.substr(spec.key.find('.') + 1);
    const std::size_t away = tail == key ? 0 : distance(key, spec.key);
    if (away < best_distance && away < spec.key.size() / 2 + 1) {
      best = &spec;
      best_distance = away;
    }
  }
  if (!best) return std::nullopt;
  return std::string(best->key);
}

std::string environment_name(std::string_view key) {
  std::string name = "CALOTYPE_";
  for (const char c : key) {
    const bool is_lower = c >= 'a' && c <= 'z';
    name += c == '.' || c == '-' ? '_' : is_lower ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto measure = split_measure(text);
  if (!measure) return std::nullopt;
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 10> units = {
      {{"", 1},
       {"B", 1},
       {"KB", 1'000},
       {"KiB", 1ULL << 10},
       {"MB", 1'000'000},
       {"MiB", 1ULL << 20},
       {"GB", 1'000'000'000},
       {"GiB", 1ULL << 30},
       {"TB", 1'000'000'000'000},
       {"TiB", 1ULL << 40}}};
  for (const auto& [unit, factor] : units)
    if (unit == measure->unit) return times(measure->number, factor);
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto measure = split_measure(text);
  if (!measure) return std::nullopt;
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 5> units = {
      {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", day_ms}}};
  for (const auto& [unit, factor] : units) {
    if (unit != measure->unit) continue;
    const auto ms = times(measure->number, factor);
    if (!ms || *ms > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    return std::chrono::milliseconds{static_cast<std::int64_t>(*ms)};
  }
  return std::nullopt;
}

std::optional<bool> parse_flag(std::string_view text) {
  if (text == "true" || text == "on" || text == "1") return true;
  if (text == "false" || text == "off" || text == "0") return false;
  return std::nullopt;
}

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto end = text.find(',');
    auto item = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

Result<void> check_value(const SettingSpec& spec, std::string_view value) {
  if (is_allowed(spec, value)) return {};
  return fail(ErrorCode::bad_config, std::string(spec.key) + " must be " + what_is_allowed(spec) +
                                         ", not " + (spec.secret ? "that" : in_quotes(value)) +
                                         ".");
}

}  // namespace calotype
