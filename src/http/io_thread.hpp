// SPDX-License-Identifier: Apache-2.0
// One I/O thread: an io_context that it alone runs, its listening socket, its connections, its view
// of the hot index. One timer ticks for all of it: deadlines are plain numbers that the tick looks
// at four times a second, so that a request arms no timer.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <map>
#include <string>

#include "async/task.hpp"
#include "async/worker_pool.hpp"
#include "http/hot_index.hpp"
#include "http/site.hpp"

namespace calotype {

using SteadyTime = std::chrono::steady_clock::time_point;
using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, IoExecutor>;
using TcpAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, IoExecutor>;

class Connection;

/// Written by one thread, read by the one that makes the metrics' page.
struct ThreadCounts {
  std::atomic<std::uint64_t> hot_answers = 0;
  std::atomic<std::uint64_t> plain_answers = 0;  // those of them that went the fast path
  std::atomic<std::uint64_t> bytes_out = 0;
  std::atomic<std::uint64_t> bytes_in = 0;
  std::atomic<std::uint64_t> connections = 0;

  /// No other thread writes, so no atomic read-modify-write is needed.
  static void add(std::atomic<std::uint64_t>& count, std::uint64_t by) {
    count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
};

/// What a connection needs and does not own.
struct ServerParts {
  Site site;
  WorkerPool& lookups;
  WorkerPool& ingests;
};

using ConnectionHook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

class IoThread {
 public:
  IoThread(const ServerParts& parts, ThreadCounts& counts, std::size_t connections_max);
  ~IoThread();

  /// bad_config where the address is taken. Before run.
  Result<std::uint16_t> listen(const asio::ip::tcp::endpoint& endpoint);
  /// Until everything has ended after stop_accepting.
  void run();
  /// From any thread.
  void stop_accepting();
  void cancel_connections();

  IoExecutor executor() { return io_.get_executor(); }
  const ServerParts& parts() const { return parts_; }
  ThreadCounts& counts() { return counts_; }
  HotView& hot() { return hot_; }
  SteadyTime now() const { return now_; }
  bool draining() const { return draining_; }
  /// "Date: …\r\n", as of the last tick.
  const std::string& date_field() const { return date_field_; }
  /// The beginning of every plain hot answer: status line and Date.
  const std::string& hot_prefix() const { return hot_prefix_; }
  /// One more answer by a route, for the metrics.
  void count_answer(std::string_view route, int status);
  /// A picture that was not hot: "hit", "miss" or "error".
  void count_picture(std::string_view result);

  void enter(Connection& connection);
  void left();

 private:
  Task<void> accept();
  Task<void> tick();
  void refresh_clock();
  void welcome(TcpSocket socket);

  asio::io_context io_;
  const ServerParts& parts_;
  ThreadCounts& counts_;
  const std::size_t connections_max_;
  HotView hot_;
  TcpAcceptor acceptor_;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, IoExecutor>
      ticker_;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, IoExecutor>
      accept_pause_;
  SteadyTime now_;
  std::string date_field_;
  std::string hot_prefix_;
  bool draining_ = false;
  std::map<std::pair<std::string_view, int>, Counter*> answer_counters_;
  std::map<std::string_view, Counter*> picture_counters_;
  boost::intrusive::list<Connection, boost::intrusive::base_hook<ConnectionHook>,
                         boost::intrusive::constant_time_size<false>>
      connections_;
  TaskGroup tasks_;
};

}  // namespace calotype
