// SPDX-License-Identifier: Apache-2.0
#include "http/server.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <condition_variable>
#include <format>
#include <thread>

#include "base/log.hpp"
#include "blobs/blob_store.hpp"
#include "http/io_thread.hpp"

namespace calotype {
namespace {

constexpr std::size_t lookups_waiting_max = 1'024;
constexpr std::size_t ingests_waiting_max = 4'096;
constexpr std::size_t io_threads_default_max = 4;

std::size_t io_thread_count(const HttpSettings& settings) {
  if (settings.io_threads > 0) return settings.io_threads;
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, io_threads_default_max);
}

/// With SO_REUSEPORT two programs of one user could share the port unawares; a plain bind first
/// shows whether somebody has it.
Result<void> check_free(const asio::ip::tcp::endpoint& endpoint) {
  if (endpoint.port() == 0) return {};
  asio::io_context io;
  TcpAcceptor probe(io);
  boost::system::error_code error;
  probe.open(endpoint.protocol(), error);
  if (!error) probe.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) probe.bind(endpoint, error);
  if (!error) probe.listen(1, error);
  if (!error) return {};
  return fail(ErrorCode::bad_config,
              std::format("Cannot listen on {}:{}: {}. Choose another address or port with "
                          "--listen.",
                          endpoint.address().to_string(), endpoint.port(), error.message()));
}

/// What the I/O threads count, added to the metrics whenever their page is made.
class CountReporter {
 public:
  CountReporter(Metrics& metrics, std::size_t threads)
      : threads_(threads),
        hot_(metrics.counter("variant_requests_total", "Requests for pictures, by where from.",
                             {{"result", "hot"}})),
        hot_requests_(metrics.counter("http_requests_total", "Requests answered.",
                                      {{"route", "hot"}, {"status", "200"}})),
        out_(metrics.counter("http_sent_bytes_total", "Bytes sent.")),
        in_(metrics.counter("http_body_bytes_total", "Bytes of request bodies received.")),
        connections_(metrics.gauge("http_connections", "Connections that are open.")) {}

  ThreadCounts& of(std::size_t thread) { return threads_[thread]; }

  void report() {
    const std::lock_guard lock(mutex_);
    std::uint64_t connections = 0;
    std::array<std::uint64_t, 4> totals{};
    for (const ThreadCounts& counts : threads_) {
      totals[0] += counts.hot_answers.load(std::memory_order_relaxed);
      totals[1] += counts.bytes_out.load(std::memory_order_relaxed);
      totals[2] += counts.bytes_in.load(std::memory_order_relaxed);
      totals[3] += counts.plain_answers.load(std::memory_order_relaxed);
      connections += counts.connections.load(std::memory_order_relaxed);
    }
    const auto since = [&](std::size_t i) { return static_cast<double>(totals[i] - reported_[i]); };
    hot_.add(since(0));
    hot_requests_.add(since(3));
    out_.add(since(1));
    in_.add(since(2));
    reported_ = totals;
    connections_.set(static_cast<double>(connections));
  }

 private:
  std::vector<ThreadCounts> threads_;
  Counter& hot_;
  Counter& hot_requests_;
  Counter& out_;
  Counter& in_;
  Gauge& connections_;
  std::mutex mutex_;
  std::array<std::uint64_t, 4> reported_{};
};

/// "https://host", "http://host:8080/prefix".
bool is_base_url(std::string_view url) {
  const bool has_scheme = url.starts_with("https://") || url.starts_with("http://");
  const auto host = url.find("://");
  return has_scheme && url.size() > host + 3 && !url.ends_with('/') &&
         url.find_first_of("?# \t\"<>\\") == url.npos;
}

}  // namespace

Result<void> HttpSettings::validate() const {
  boost::system::error_code error;
  asio::ip::make_address(host, error);
  if (error)
    return fail(ErrorCode::bad_config,
                std::format("http.listen: “{}” is not a numeric address, like 127.0.0.1.", host));
  if (require_signature && signing_key.empty())
    return fail(ErrorCode::bad_config,
                "delivery.require_signature needs delivery.signing_key to be set.");
  if (lookup_threads == 0 || ingest_threads == 0)
    return fail(ErrorCode::bad_config, "http: a pool needs at least one thread.");
  if (header_bytes_max < 4'096 || upload_buffer_bytes < 4'096)
    return fail(ErrorCode::bad_config, "http: a buffer needs at least 4096 bytes.");
  if (!public_url.empty() && !is_base_url(public_url))
    return fail(ErrorCode::bad_config,
                "http.public_url is where clients find the server, like https://pictures.example, "
                "without a slash at its end.");
  if (connections_max == 0)
    return fail(ErrorCode::bad_config, "http.connections_max must be at least 1.");
  return {};
}

struct HttpServer::State {
  State(const HttpSettings& given, const Services& parts_below, const Possession::Secret& secret)
      : settings(given),
        services(parts_below),
        keys(services.catalog),
        possession(secret),
        health(services.probe_health, settings.probe_interval, settings.probe_timeout),
        events(services.catalog.feed(), services.metrics, {}),
        hot(settings.hot_bytes_max),
        lookups("lookup", settings.lookup_threads, lookups_waiting_max),
        ingests("ingest", settings.ingest_threads, ingests_waiting_max),
        parts{{settings, services, hot, keys, health, possession, events}, lookups, ingests},
        reporter(std::make_shared<CountReporter>(services.metrics, io_thread_count(settings))) {}

  Result<void> check_keys(const asio::ip::address& address);
  Result<void> listen();
  void start();
  void flush_accesses(std::chrono::milliseconds turn);
  void upkeep(const std::stop_token& stop);
  void drain(std::chrono::steady_clock::time_point deadline);

  const HttpSettings settings;
  const Services services;
  KeyRing keys;
  Possession possession;
  Health health;
  EventFeed events;
  HotIndex hot;
  WorkerPool lookups;
  WorkerPool ingests;
  const ServerParts parts;
  // Shared with the metrics, which may outlive the server.
  std::shared_ptr<CountReporter> reporter;
  std::vector<std::unique_ptr<IoThread>> io_threads;
  std::uint16_t port = 0;
  std::mutex mutex;
  std::condition_variable ended;
  std::size_t running = 0;
  bool drained = false;
  std::vector<std::thread> threads;
  std::jthread upkeep_thread;
};

/// Anybody who reaches the server may do everything where there are no keys.
Result<void> HttpServer::State::check_keys(const asio::ip::address& address) {
  if (address.is_loopback() || settings.operations_only) return {};
  // Whoever revokes the last key must not open the server to everybody.
  keys.insist();
  TRY(const bool in_force, keys.in_force());
  if (in_force) return {};
  return fail(ErrorCode::bad_config,
              std::format("{} can be reached by others, and there is no API key: anybody could "
                          "upload and delete. Make a key first (`calotype key create --data DIR "
                          "--name NAME --scope admin`), or listen on 127.0.0.1.",
                          settings.host));
}

Result<void> HttpServer::State::listen() {
  const asio::ip::address address = asio::ip::make_address(settings.host);
  TRY_VOID(check_keys(address));
  asio::ip::tcp::endpoint endpoint(address, settings.port);
  TRY_VOID(check_free(endpoint));
  const std::size_t count = io_thread_count(settings);
  for (std::size_t i = 0; i < count; ++i) {
    io_threads.push_back(std::make_unique<IoThread>(
        parts, reporter->of(i), std::max<std::size_t>(settings.connections_max / count, 1)));
    TRY(port, io_threads.back()->listen(endpoint));
    endpoint.port(port);
  }
  return {};
}

void HttpServer::State::start() {
  services.metrics.before_exposition([reports = reporter] { reports->report(); });
  running = io_threads.size();
  for (const auto& io_thread : io_threads)
    threads.emplace_back([this, &thread = *io_thread] {
      thread.run();
      const std::lock_guard lock(mutex);
      --running;
      ended.notify_all();
    });
  upkeep_thread = std::jthread([this](const std::stop_token& stop) { upkeep(stop); });
}

void HttpServer::State::flush_accesses(std::chrono::milliseconds turn) {
  std::vector<VariantCatalog::Access> accesses;
  for (HotIndex::Served& served : hot.take_accessed())
    accesses.push_back({std::move(served.key), services.clock.now(), served.count});
  const auto flushed = services.deliver.flush_accesses(accesses, turn);
  if (!flushed) log::warn("accesses were not written down", {{"error", flushed.error()}});
}

void HttpServer::State::upkeep(const std::stop_token& stop) {
  std::mutex alone;
  std::condition_variable_any wake;
  std::unique_lock lock(alone);
  while (!stop.stop_requested()) {
    wake.wait_for(lock, stop, settings.access_interval, [] { return false; });
    // The last words do not wait for this server's turn: there may be no other any more.
    flush_accesses(stop.stop_requested() ? std::chrono::milliseconds{0}
                                         : settings.access_interval * 4 / 5);
  }
}

void HttpServer::State::drain(std::chrono::steady_clock::time_point deadline) {
  if (std::exchange(drained, true)) return;
  for (const auto& io_thread : io_threads) io_thread->stop_accepting();
  {
    std::unique_lock lock(mutex);
    if (!ended.wait_until(lock, deadline, [this] { return running == 0; }))
      for (const auto& io_thread : io_threads) io_thread->cancel_connections();
    services.blobs.interrupt();
  }
  for (std::thread& thread : threads) thread.join();
  lookups.stop();
  ingests.stop();
  upkeep_thread = {};  // flushes once more as it ends
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() {
  drain(std::chrono::steady_clock::now());
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpSettings& settings,
                                                      const Services& services) {
  TRY_VOID(settings.validate());
  TRY(const auto secret, services.catalog.shared_secret());
  auto state = std::make_unique<State>(settings, services, secret);
  TRY_VOID(state->listen());
  state->start();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

void HttpServer::drain(std::chrono::steady_clock::time_point deadline) {
  state_->drain(deadline);
}

std::uint16_t HttpServer::port() const {
  return state_->port;
}

void HttpServer::forget_asset(const AssetId& id) {
  state_->hot.erase(id);
}

void HttpServer::forget_keys() {
  state_->keys.forget();
}

void HttpServer::trust_until(std::chrono::steady_clock::time_point moment) {
  state_->hot.trust_until(moment);
}

}  // namespace calotype
