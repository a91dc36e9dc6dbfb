// SPDX-License-Identifier: Apache-2.0
#include "render/wire.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <utility>

namespace calotype::wire {

Result<void> send_bytes(int socket, Kind kind, ByteSpan body, std::string_view text, int fd) {
  text = text.substr(0, text_bytes_max);
  Header header{magic, protocol_version, kind, static_cast<std::uint32_t>(body.size()),
                static_cast<std::uint32_t>(text.size())};
  iovec parts[] = {{&header, sizeof header},
                   {const_cast<std::byte*>(body.data()), body.size()},
                   {const_cast<char*>(text.data()), text.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = std::size(parts);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  while (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
    if (errno != EINTR)
      return fail_errno(ErrorCode::renderer_failed, "The renderer could not be reached.", errno);
  return {};
}

namespace {

/// Keeps the first descriptor that came, closes any other.
UniqueFd take_descriptor(msghdr& message) {
  UniqueFd first;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      UniqueFd owned(fd);
      if (!first) first = std::move(owned);
    }
  }
  return first;
}

}  // namespace

Result<std::optional<Message>> receive(int socket, bool wait, bool take_fd) {
  Message received;
  iovec part{received.bytes_.data(), received.bytes_.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = {};
  if (take_fd) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
  }
  ssize_t length = 0;
  const int flags = MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT);
  while ((length = ::recvmsg(socket, &message, flags)) < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::nullopt;
    if (errno != EINTR)
      return fail_errno(ErrorCode::renderer_failed, "The renderer has gone.", errno);
  }
  if (take_fd) received.fd = take_descriptor(message);
  if (length == 0) return fail(ErrorCode::renderer_failed, "The renderer has gone.");
  const auto bad = [](const char* why) {
    return fail(ErrorCode::renderer_failed, "The renderer sent nonsense.", why);
  };
  if ((message.msg_flags & MSG_TRUNC) != 0) return bad("message too long");
  if (static_cast<std::size_t>(length) < sizeof(Header)) return bad("no header");
  std::memcpy(&received.header_, received.bytes_.data(), sizeof(Header));
  const Header& header = received.header_;
  if (header.magic != magic || header.version != protocol_version) return bad("another protocol");
  if (std::uint64_t{sizeof(Header)} + header.body_bytes + header.text_bytes !=
          static_cast<std::uint64_t>(length) ||
      header.text_bytes > text_bytes_max)
    return bad("lengths disagree");
  return std::optional<Message>(std::move(received));
}

}  // namespace calotype::wire
