// SPDX-License-Identifier: Apache-2.0
// As much of an HTTP/1.1 client as a benchmark on loopback needs: one blocking keep-alive
// connection, responses with Content-Length. It trusts the server that it measures.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bench {

inline int connect_loopback(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/// The status of a complete response at the front of `received`, and where it ends; 0 while more
/// is needed.
struct ResponseHead {
  int status = 0;
  std::size_t body = 0;  // where the body begins
  std::size_t end = 0;   // where the response ends
};

inline ResponseHead parse_head(std::string_view received) {
  const std::size_t blank = received.find("\r\n\r\n");
  if (blank == std::string_view::npos || received.size() < 12) return {};
  ResponseHead head{.status = std::atoi(received.data() + 9), .body = blank + 4, .end = blank + 4};
  constexpr std::string_view name = "\r\ncontent-length:";
  for (std::size_t at = received.find("\r\n"); at < blank; at = received.find("\r\n", at + 2))
    if (::strncasecmp(received.data() + at, name.data(), name.size()) == 0)
      head.end = head.body + std::strtoull(received.data() + at + name.size(), nullptr, 10);
  return head;
}

inline void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) throw std::runtime_error(std::string("send: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

struct Response {
  int status = 0;
  std::string body;
};

inline Response read_response(int fd) {
  std::string received;
  for (;;) {
    const ResponseHead head = parse_head(received);
    if (head.end && head.status == 100) {  // an interim answer: the final one follows
      received.erase(0, head.body);
      continue;
    }
    if (head.end && received.size() >= head.end)
      return {.status = head.status, .body = received.substr(head.body, head.end - head.body)};
    const std::size_t before = received.size();
    received.resize(before + (256 << 10));
    const ssize_t count = ::recv(fd, received.data() + before, received.size() - before, 0);
    if (count < 0 && errno == EINTR) {
      received.resize(before);
      continue;
    }
    if (count <= 0) throw std::runtime_error("the server closed the connection");
    received.resize(before + static_cast<std::size_t>(count));
  }
}

}  // namespace bench
