// SPDX-License-Identifier: Apache-2.0
// The door. A few I/O threads, each with its own listening socket and its own connections, which
// never change thread and never block; pools for everything that does. See connection.hpp for the
// way of one request.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "asset/preset.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/metrics.hpp"
#include "http/imgproxy_settings.hpp"

namespace calotype {

class AssetId;
class BlobStore;
class Catalog;
class Deliver;
class Ingest;
class NearDuplicates;
class ResumableUploads;
class UrlFetcher;

struct HttpSettings {
  std::string host = "127.0.0.1";   // a numeric address; other than loopback only with API keys
  std::uint16_t port = 8080;        // 0: any free one
  std::size_t io_threads = 0;       // 0: as many as cores, at most 4
  std::size_t lookup_threads = 8;   // requests that ask the catalog
  std::size_t ingest_threads = 64;  // uploads that hash, write and wait for the disk
  std::size_t connections_max = 10'000;
  std::size_t header_bytes_max = 16 << 10;
  std::size_t upload_buffer_bytes = 512 << 10;               // two for each upload under way
  std::chrono::milliseconds request_header_timeout{10'000};  // from its first byte to its last
  std::chrono::milliseconds idle_timeout{75'000};            // between requests; a stalled reader
  std::chrono::milliseconds body_timeout{30'000};            // a body that stands still
  std::uint64_t body_rate_min = 1'024;         // bytes a second, over what was waited for it
  std::chrono::milliseconds wait_max{35'000};  // for a picture that is being made
  std::string public_url;  // "https://pictures.example": what clients see; empty: http and Host
  std::vector<std::string> cors_origins{"*"};  // whose pages may read answers; none: no CORS
  std::uint64_t hot_bytes_max = 256 << 20;
  bool require_signature = false;
  std::string signing_key;
  ImgproxySettings imgproxy;
  std::chrono::milliseconds purge_after{0};           // from an asset's deletion to its bytes'
  std::chrono::milliseconds access_interval{60'000};  // between two writings of accesses
  bool operations_only = false;  // health, readiness and metrics, for a worker; needs no keys
  std::chrono::milliseconds probe_interval{5'000};
  std::chrono::milliseconds probe_timeout{5'000};

  /// bad_config, naming the setting.
  Result<void> validate() const;
};

/// What the routes need; all of it must outlive the server.
struct Services {
  Catalog& catalog;
  BlobStore& blobs;
  Ingest& ingest;
  ResumableUploads& resumable;
  Deliver& deliver;
  NearDuplicates& near_duplicates;
  Metrics& metrics;
  const Clock& clock;
  const PresetTable& presets;
  /// Renders a pixel by the deadline; called from a thread that does nothing else.
  std::function<Result<void>(std::chrono::steady_clock::time_point deadline)> probe_health;
  UrlFetcher* fetcher = nullptr;  // nothing: no URL is fetched
};

class HttpServer {
 public:
  /// Listens when it returns. bad_config: the address is taken, is none, or is not loopback and
  /// there is no API key.
  static Result<std::unique_ptr<HttpServer>> start(const HttpSettings& settings,
                                                   const Services& services);
  /// As drain, with no time left.
  ~HttpServer();

  /// Takes no new connection, ends idle ones, lets requests under way finish until the deadline
  /// (each answer ends its connection), cancels the rest, and joins. Idempotent.
  void drain(std::chrono::steady_clock::time_point deadline);

  std::uint16_t port() const;

  // From any thread, when another program has changed the catalog.
  /// The asset was deleted: nothing hot is served of it once this has returned.
  void forget_asset(const AssetId& id);
  void forget_keys();
  /// See HotIndex::trust_until.
  void trust_until(std::chrono::steady_clock::time_point moment);

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace calotype
