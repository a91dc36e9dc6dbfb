// SPDX-License-Identifier: Apache-2.0
// For tests: a TCP relay to PostgreSQL that cuts one connection at the worst moment, when a COMMIT
// is on its way: before the server has it, while the server is at it, or after the server has done
// it and before its answer is heard.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace calotype {

class PgCuttingProxy {
 public:
  enum class Cut { before_commit, while_committing, after_commit };

  explicit PgCuttingProxy(std::uint16_t target) : target_(target) {
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    require(::bind(listener_.get(), as_address(address), sizeof address) == 0 &&
                ::listen(listener_.get(), 64) == 0,
            "a port is free");
    socklen_t size = sizeof address;
    ::getsockname(listener_.get(), as_address(address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~PgCuttingProxy() {
    stopping_ = true;
    acceptor_.join();
    for (std::thread& relay : relays_) relay.join();
  }
  PgCuttingProxy(const PgCuttingProxy&) = delete;
  PgCuttingProxy& operator=(const PgCuttingProxy&) = delete;

  std::uint16_t port() const { return port_; }
  /// The next COMMIT of any connection; with `refuse`, nobody is let in any more after it.
  void cut_next(Cut cut, bool refuse = false) {
    refuse_after_ = refuse;
    cut_ = static_cast<int>(cut);
  }
  void let_in() { refusing_ = false; }
  bool has_cut() const { return cuts_ > 0; }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }
  static sockaddr* as_address(sockaddr_in& address) {
    return reinterpret_cast<sockaddr*>(&address);
  }

  void accept_all() {
    while (!stopping_) {
      pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 20) <= 0) continue;
      UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client || refusing_) continue;
      relays_.emplace_back([this, client = std::move(client)] { relay(client.get()); });
    }
  }

  void relay(int client) {
    const UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(target_);
    if (::connect(server.get(), as_address(address), sizeof address) != 0) return;
    std::array<char, 65'536> buffer{};
    while (!stopping_) {
      std::array<pollfd, 2> ready{{{.fd = client, .events = POLLIN, .revents = 0},
                                   {.fd = server.get(), .events = POLLIN, .revents = 0}}};
      if (::poll(ready.data(), 2, 20) <= 0) continue;
      for (const bool to_server : {true, false}) {
        if (ready[to_server ? 0 : 1].revents == 0) continue;
        const int from = to_server ? client : server.get();
        const int to = to_server ? server.get() : client;
        const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
        if (got <= 0) return;
        const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
        const int cut = to_server && bytes.contains(commit) ? cut_.exchange(-1) : -1;
        if (cut == static_cast<int>(Cut::before_commit)) return end();
        if (::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL) != got) return;
        if (cut == static_cast<int>(Cut::while_committing)) return end();
        if (cut == static_cast<int>(Cut::after_commit)) {
          (void)::recv(server.get(), buffer.data(), buffer.size(), 0);  // it has answered
          return end();
        }
      }
    }
  }
  void end() {
    if (refuse_after_) refusing_ = true;
    ++cuts_;
  }

  /// As a whole statement: READ COMMITTED is in the beginning of each transaction.
  static constexpr std::string_view commit{"COMMIT\0", 7};

  const std::uint16_t target_;
  std::uint16_t port_ = 0;
  UniqueFd listener_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> refuse_after_ = false;
  std::atomic<bool> refusing_ = false;
  std::atomic<int> cut_ = -1;
  std::atomic<int> cuts_ = 0;
  std::vector<std::thread> relays_;
  std::thread acceptor_;
};

}  // namespace calotype
