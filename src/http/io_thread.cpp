// SPDX-License-Identifier: Apache-2.0
#include "http/io_thread.hpp"

#include <pthread.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <format>

#include "base/log.hpp"
#include "http/connection.hpp"

namespace calotype {
namespace {

constexpr std::chrono::milliseconds tick_interval{250};
constexpr std::chrono::milliseconds accept_pause{100};
constexpr int backlog = 4'096;

constexpr std::string_view overloaded_answer =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
    "Cache-Control: no-store\r\nRetry-After: 1\r\nContent-Length: 121\r\nConnection: "
    "close\r\n\r\n"
    R"({"type":"about:blank","title":"Service Unavailable","status":503,)"
    R"("code":"OVERLOADED","detail":"Too many connections."}   )";

using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

}  // namespace

/// Only this thread touches the context's sockets and timers: the reactor needs no locks.
IoThread::IoThread(const ServerParts& parts, ThreadCounts& counts, std::size_t connections_max)
    : io_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      parts_(parts),
      counts_(counts),
      connections_max_(connections_max),
      hot_(parts.site.hot),
      acceptor_(io_),
      ticker_(io_),
      accept_pause_(io_),
      tasks_(io_.get_executor()) {
  refresh_clock();
}

IoThread::~IoThread() = default;

Result<std::uint16_t> IoThread::listen(const asio::ip::tcp::endpoint& endpoint) {
  boost::system::error_code error;
  const auto failed = [&] {
    return fail(ErrorCode::bad_config,
                std::format("Cannot listen on {}:{}: {}. Choose another address or port with "
                            "--listen.",
                            endpoint.address().to_string(), endpoint.port(), error.message()));
  };
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.set_option(ReusePort(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(backlog, error);
  if (error) return failed();
  return acceptor_.local_endpoint(error).port();
}

void IoThread::run() {
  pthread_setname_np(pthread_self(), "http");
  tasks_.spawn(accept());
  tasks_.spawn(tick());
  io_.run();
}

Task<void> IoThread::accept() {
  while (acceptor_.is_open()) {
    auto [error, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::deferred));
    if (!error) {
      welcome(std::move(socket));
      continue;
    }
    if (draining_) break;
    // Out of descriptors, most likely: they come back as connections end.
    log::warn("a connection was not accepted", {{"error", error.message()}});
    accept_pause_.expires_after(accept_pause);
    co_await accept_pause_.async_wait(asio::as_tuple(asio::deferred));
  }
}

void IoThread::welcome(TcpSocket socket) {
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  if (counts_.connections.load(std::memory_order_relaxed) >= connections_max_) {
    (void)send(socket.native_handle(), overloaded_answer.data(), overloaded_answer.size(),
               MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  tasks_.spawn([](IoThread& thread, TcpSocket accepted) -> Task<void> {
    Connection connection(thread, std::move(accepted));
    co_await connection.run();
  }(*this, std::move(socket)));
}

void IoThread::refresh_clock() {
  now_ = std::chrono::steady_clock::now();
  date_field_ = "Date: " + to_http_date(parts_.site.services.clock.now()) + "\r\n";
  hot_prefix_ = "HTTP/1.1 200 OK\r\n" + date_field_;
}

Task<void> IoThread::tick() {
  int round = 0;
  while (!draining_ || !connections_.empty()) {
    ticker_.expires_after(tick_interval);
    co_await ticker_.async_wait(asio::as_tuple(asio::deferred));
    const SteadyTime before = now_;
    refresh_clock();
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - before);
    for (Connection& connection : connections_) connection.tick(now_, elapsed);
    if (++round % 4 == 0) hot_.sweep(now_);
  }
}

void IoThread::stop_accepting() {
  asio::post(io_, [this] {
    draining_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    accept_pause_.cancel();
    for (Connection& connection : connections_) connection.end_if_idle();
    ticker_.cancel();
  });
}

void IoThread::cancel_connections() {
  asio::post(io_, [this] {
    for (Connection& connection : connections_) connection.cancel();
  });
}

void IoThread::count_answer(std::string_view route, int status) {
  Counter*& counter = answer_counters_[{route, status}];
  if (counter == nullptr)
    counter = &parts_.site.services.metrics.counter(
        "http_requests_total", "Requests answered.",
        {{"route", std::string(route)}, {"status", std::to_string(status)}});
  counter->add();
}

void IoThread::count_picture(std::string_view result) {
  Counter*& counter = picture_counters_[result];
  if (counter == nullptr)
    counter = &parts_.site.services.metrics.counter("variant_requests_total",
                                                    "Requests for pictures, by where from.",
                                                    {{"result", std::string(result)}});
  counter->add();
}

void IoThread::enter(Connection& connection) {
  connections_.push_back(connection);
  ThreadCounts::add(counts_.connections, 1);
}

void IoThread::left() {
  counts_.connections.store(counts_.connections.load(std::memory_order_relaxed) - 1,
                            std::memory_order_relaxed);
  if (draining_ && connections_.empty()) ticker_.cancel();
}

}  // namespace calotype
