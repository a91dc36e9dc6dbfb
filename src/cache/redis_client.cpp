// SPDX-License-Identifier: Apache-2.0
#include "cache/redis_client.hpp"

#include <pthread.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/redis/connection.hpp>
#include <boost/redis/src.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "base/log.hpp"

namespace calotype {
namespace {

namespace asio = boost::asio;
namespace redis = boost::redis;
using boost::system::error_code;

constexpr std::chrono::milliseconds tick{100};
constexpr std::chrono::milliseconds frozen_after{2'000};  // a ping without an answer
constexpr std::chrono::seconds connect_max{2};
constexpr int waits_in_vain_max = 3;
constexpr int under_way_max = 4'096;

redis::request request_of(const RedisClient::Command& command) {
  redis::request::config config;
  config.cancel_if_not_connected = true;
  config.cancel_on_connection_lost = true;
  config.cancel_if_unresponded = true;
  redis::request request(config);
  // push_range takes a command without arguments for nothing to do.
  if (command.size() == 1)
    request.push(command.front());
  else
    request.push_range(command.front(), command.begin() + 1, command.end());
  return request;
}

/// Some commands and whoever waits for their replies. Shared by both: the one who waits may give
/// up, while the connection still holds the requests. Each command has a request of its own, since
/// a generic_response throws when a reply comes after an error; they go out together all the same.
struct Ask {
  struct Part {
    redis::request request;
    redis::generic_response response;
  };
  std::vector<Part> parts;  // which stay where they are
  std::mutex mutex;
  std::condition_variable wake;
  std::size_t left;
  error_code error;

  explicit Ask(const std::vector<RedisClient::Command>& commands) : left(commands.size()) {
    parts.reserve(commands.size());
    for (const auto& command : commands) parts.push_back({request_of(command), {}});
  }

  /// True when it was the last.
  bool finish_one(error_code outcome) {
    const std::lock_guard lock(mutex);
    if (outcome && !error) error = outcome;
    if (--left > 0) return false;
    wake.notify_all();
    return true;
  }
};

/// The nodes come in the order of a walk through the tree, each with its depth.
RedisValue take_value(const std::vector<redis::resp3::node>& nodes, std::size_t& at) {
  if (at == nodes.size()) return {};
  const auto& node = nodes[at++];
  RedisValue value;
  if (redis::resp3::is_aggregate(node.data_type)) {
    while (at < nodes.size() && nodes[at].depth > node.depth)
      value.items.push_back(take_value(nodes, at));
  } else {
    value.is_null = node.data_type == redis::resp3::type::null;
    value.text = node.value;
  }
  return value;
}

redis::config config_of(const RedisUrl& url) {
  redis::config config;
  config.use_ssl = url.tls;
  config.addr = {url.host, url.port};
  config.username = url.user.empty() ? "default" : url.user;
  config.password = url.password;
  config.clientname = "calotype";
  config.database_index = url.database;
  config.resolve_timeout = config.connect_timeout = config.ssl_handshake_timeout = connect_max;
  config.health_check_interval = std::chrono::seconds{0};    // `watch` does it, faster
  config.reconnect_wait_interval = std::chrono::seconds{0};  // `connect` does it, from anew
  return config;
}

asio::ssl::context tls_context(const RedisUrl& url) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  if (!url.tls) return context;
  error_code ignored;
  context.set_default_verify_paths(ignored);  // SSL_CERT_FILE and SSL_CERT_DIR go before
  context.set_verify_mode(asio::ssl::verify_peer);
  context.set_verify_callback(asio::ssl::host_name_verification(url.host));
  return context;
}

}  // namespace

struct RedisClient::State {
  State(const RedisUrl& address, std::chrono::milliseconds answers, std::function<void(bool)> tell)
      : url(address), answers_within(answers), on_change(std::move(tell)) {}

  void run();
  asio::awaitable<void> connect();
  asio::awaitable<void> watch();
  void start(const std::shared_ptr<Ask>& ask);
  void ping();
  void judge_ping();
  void set_usable(bool now);
  void stop();

  const RedisUrl url;
  const std::chrono::milliseconds answers_within;
  const std::function<void(bool)> on_change;
  asio::io_context io{1};
  asio::steady_timer pause{io};
  asio::steady_timer beat{io};
  // Shared with the requests on it, which end after it has been given up.
  std::shared_ptr<redis::connection> connection;
  bool stopping = false;
  std::shared_ptr<Ask> pinged;
  std::chrono::steady_clock::time_point pinged_at;
  std::atomic<bool> usable = false;
  bool is_told = false;  // that it cannot be reached is news once, at the start too
  std::atomic<int> waits_in_vain = 0;
  std::atomic<int> under_way = 0;
  std::thread thread;
};

void RedisClient::State::run() {
  pthread_setname_np(pthread_self(), "cache");
  const auto ended = [](const std::exception_ptr& thrown) {
    require(thrown == nullptr, "the cache's tasks do not throw");
  };
  asio::co_spawn(io, connect(), ended);
  asio::co_spawn(io, watch(), ended);
  io.run();
}

/// One connection after another, each from anew.
asio::awaitable<void> RedisClient::State::connect() {
  const auto config = config_of(url);
  while (!stopping) {
    connection = std::make_shared<redis::connection>(io.get_executor(), tls_context(url));
    if (url.tls)
      SSL_set_tlsext_host_name(connection->next_layer().native_handle(), url.host.c_str());
    const auto [error] = co_await connection->async_run(
        config, redis::logger{redis::logger::level::disabled}, asio::as_tuple(asio::deferred));
    connection->cancel(redis::operation::all);
    connection.reset();
    if (stopping) break;
    if (usable) log::warn("the connection to the shared cache ended", {{"error", error.message()}});
    set_usable(false);
    pause.expires_after(tick);
    co_await pause.async_wait(asio::as_tuple(asio::deferred));
  }
}

/// While it is not usable: is there an answer in time? A connection that gives none is ended.
asio::awaitable<void> RedisClient::State::watch() {
  while (!stopping) {
    beat.expires_after(tick);
    co_await beat.async_wait(asio::as_tuple(asio::deferred));
    if (stopping) break;
    if (usable && waits_in_vain >= waits_in_vain_max) set_usable(false);
    if (pinged)
      judge_ping();
    else if (!usable && connection)
      ping();
  }
}

void RedisClient::State::ping() {
  pinged = std::make_shared<Ask>(std::vector<RedisClient::Command>{{"PING"}});
  pinged_at = std::chrono::steady_clock::now();
  Ask::Part& part = pinged->parts.front();
  connection->async_exec(part.request, part.response,
                         [this, ask = pinged, kept = connection](error_code error, std::size_t) {
                           ask->finish_one(error);
                           const auto took = std::chrono::steady_clock::now() - pinged_at;
                           if (ask != pinged) return;
                           pinged.reset();
                           if (!error && ask->parts.front().response.has_value() &&
                               took <= answers_within && !stopping)
                             set_usable(true);
                         });
}

void RedisClient::State::judge_ping() {
  if (std::chrono::steady_clock::now() - pinged_at < frozen_after || !connection) return;
  pinged.reset();
  connection->cancel(redis::operation::all);
}

void RedisClient::State::set_usable(bool now) {
  if (now) waits_in_vain = 0;
  const bool is_news = usable.exchange(now) != now || !is_told;
  is_told = true;
  if (is_news) on_change(now);
}

void RedisClient::State::start(const std::shared_ptr<Ask>& ask) {
  for (Ask::Part& part : ask->parts) {
    auto ended = [this, ask, kept = connection](error_code error, std::size_t) {
      if (ask->finish_one(error)) --under_way;
    };
    if (!connection || stopping)
      ended(asio::error::not_connected, 0);
    else
      connection->async_exec(part.request, part.response, std::move(ended));
  }
}

void RedisClient::State::stop() {
  asio::post(io, [this] {
    stopping = true;
    pause.cancel();
    beat.cancel();
    if (connection) connection->cancel(redis::operation::all);
  });
  thread.join();
}

RedisClient::RedisClient(const RedisUrl& url, std::chrono::milliseconds answers_within,
                         std::function<void(bool)> on_change)
    : state_(std::make_unique<State>(url, answers_within, std::move(on_change))) {
  state_->thread = std::thread([this] { state_->run(); });
}

RedisClient::~RedisClient() {
  state_->stop();
}

bool RedisClient::usable() const {
  return state_->usable.load(std::memory_order_relaxed);
}

Result<std::vector<RedisValue>> RedisClient::ask(std::vector<Command> commands,
                                                 std::chrono::milliseconds within) {
  if (!usable()) return fail(ErrorCode::server_unreachable, "The shared cache is out of reach.");
  auto ask = std::make_shared<Ask>(commands);
  ++state_->under_way;
  asio::post(state_->io, [state = state_.get(), ask] { state->start(ask); });
  std::unique_lock lock(ask->mutex);
  if (!ask->wake.wait_for(lock, within, [&] { return ask->left == 0; })) {
    ++state_->waits_in_vain;
    return fail(ErrorCode::timeout, "The shared cache did not answer in time.");
  }
  if (ask->error)
    return fail(ErrorCode::server_unreachable, "The shared cache is out of reach.",
                ask->error.message());
  state_->waits_in_vain = 0;
  std::vector<RedisValue> replies;
  for (const Ask::Part& part : ask->parts) {
    if (part.response.has_error())
      return fail(ErrorCode::server_unreachable, "The shared cache refused a command.",
                  part.response.error().diagnostic);
    std::size_t at = 0;
    replies.push_back(take_value(part.response.value(), at));
  }
  return replies;
}

bool RedisClient::tell(std::vector<Command> commands) {
  if (!usable() || state_->under_way.load() >= under_way_max) return false;
  auto ask = std::make_shared<Ask>(commands);
  ++state_->under_way;
  asio::post(state_->io, [state = state_.get(), ask] { state->start(ask); });
  return true;
}

}  // namespace calotype
