// SPDX-License-Identifier: Apache-2.0
// How an answer leaves: pieces in memory by sendmsg; files as connection_file.cpp says, and what is
// elsewhere as connection_remote.cpp does.
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <format>
#include <utility>

#include "http/connection.hpp"
#include "http/cors.hpp"

namespace calotype {
namespace {

constexpr std::size_t pieces_at_once = 16;
constexpr std::size_t linger_bytes_max = 1 << 20;
constexpr std::chrono::seconds linger_max{2};

/// The bytes of a piece that is in memory.
const char* bytes_of(const BodyPiece& piece) {
  if (const auto* memory = std::get_if<MemorySlice>(&piece))
    return memory->bytes->data() + memory->offset;
  if (const auto* fixed = std::get_if<StaticSlice>(&piece)) return fixed->bytes.data();
  return std::get<std::string>(piece).data();
}

bool has_no_content(int status) {
  return status == 204 || status == 304;
}

}  // namespace

void Connection::queue_answer(Response response, bool head_only) {
  const HttpSettings& settings = parts_.site.settings;
  const bool close = response.close || !head_.keep_alive || thread_.draining();
  std::string head =
      std::format("{}{} {}\r\n", answer_beginning, response.status, reason_phrase(response.status));
  head += thread_.date_field();
  head += response.fields;
  head += cors_fields(settings.cors_origins, head_.method == Method::other
                                                 ? std::string_view{}
                                                 : head_.first(FieldName::origin));
  // HEAD is answered with the length that GET would have, or with none where that is not known; a
  // stream of events ends with its connection.
  const bool is_unknown = response.events || (head_only && response.content_length() == 0);
  if (!has_no_content(response.status) && !is_unknown)
    head += std::format("Content-Length: {}\r\n", response.content_length());
  if (close)
    head += "Connection: close\r\n";
  else if (head_.http_1_0)
    head += "Connection: keep-alive\r\n";
  head += "\r\n";
  head.erase(0, std::exchange(sent_ahead_, 0));
  out_.emplace_back(std::move(head));
  if (head_only || has_no_content(response.status)) return;
  for (BodyPiece& piece : response.body)
    if (size_of(piece) > 0) out_.push_back(std::move(piece));
}

/// What sendmsg left of prepared answers.
void Connection::queue_hot(std::span<const HotEntry* const> entries,
                           std::span<const bool> heads_only, std::size_t sent) {
  std::uint64_t skip = sent;
  const auto queue = [&](BodyPiece piece) {
    const std::uint64_t size = size_of(piece);
    if (skip >= size) {
      skip -= size;
      return;
    }
    if (out_.empty()) out_offset_ = std::exchange(skip, 0);
    out_.push_back(std::move(piece));
  };
  for (std::size_t i = 0; i < entries.size(); ++i) {
    queue(thread_.hot_prefix());
    queue(entries[i]->head);
    if (!heads_only[i]) queue(entries[i]->representation.body);
  }
}

Task<bool> Connection::wait_writable() {
  deadline_ = thread_.now() + parts_.site.settings.idle_timeout;
  const auto [error] =
      co_await socket_.async_wait(asio::socket_base::wait_write, asio::as_tuple(asio::deferred));
  deadline_ = SteadyTime::max();
  co_return !error && !timed_out_ && !cancelled_;
}

/// Sends all that is queued; false where the connection is broken.
Task<bool> Connection::flush() {
  while (out_at_ < out_.size()) {
    if (const auto* file = std::get_if<FileSlice>(&out_[out_at_])) {
      if (!co_await send_file(*file)) co_return false;
      ++out_at_;
      continue;
    }
    if (auto* remote = std::get_if<RemoteSlice>(&out_[out_at_])) {
      if (!co_await send_remote(*remote)) co_return false;
      ++out_at_;
      continue;
    }
    std::array<iovec, pieces_at_once> pieces;
    std::size_t count = 0;
    for (std::size_t i = out_at_; i < out_.size() && count < pieces_at_once; ++i) {
      if (std::holds_alternative<FileSlice>(out_[i]) ||
          std::holds_alternative<RemoteSlice>(out_[i]))
        break;
      const std::uint64_t skip = count == 0 ? out_offset_ : 0;
      pieces[count++] = {const_cast<char*>(bytes_of(out_[i])) + skip, size_of(out_[i]) - skip};
    }
    const bool more = out_at_ + count < out_.size();  // a file follows
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    const ssize_t sent = sendmsg(socket_.native_handle(), &message,
                                 MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
    if (sent < 0) {
      if (errno == EINTR) continue;
      if ((errno != EAGAIN && errno != EWOULDBLOCK) || !co_await wait_writable()) co_return false;
      continue;
    }
    ThreadCounts::add(thread_.counts().bytes_out, static_cast<std::uint64_t>(sent));
    for (auto left = static_cast<std::uint64_t>(sent); out_at_ < out_.size();) {
      const std::uint64_t unsent = size_of(out_[out_at_]) - out_offset_;
      if (left < unsent) {
        out_offset_ += left;
        break;
      }
      left -= unsent;
      out_offset_ = 0;
      ++out_at_;
      if (left == 0) break;
    }
  }
  out_.clear();
  out_at_ = 0;
  co_return true;
}

/// False where the connection is broken. `more` follows at once.
Task<bool> Connection::send_all(std::span<const char> bytes, bool more) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_.native_handle(), bytes.data(), bytes.size(),
                              MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      if ((errno != EAGAIN && errno != EWOULDBLOCK) || !co_await wait_writable()) co_return false;
      continue;
    }
    ThreadCounts::add(thread_.counts().bytes_out, static_cast<std::uint64_t>(sent));
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  co_return true;
}

/// Closing while bytes of the client are unread makes the kernel reset the connection, and the
/// client may never see the answer. So a little is read and thrown away first.
Task<void> Connection::linger() {
  boost::system::error_code error;
  socket_.shutdown(asio::socket_base::shutdown_send, error);
  std::size_t drained = 0;
  deadline_ = thread_.now() + linger_max;
  while (!error && !timed_out_ && !cancelled_ && drained < linger_bytes_max) {
    const auto [failed, received] = co_await socket_.async_read_some(
        asio::buffer(in_.data(), in_.size()), asio::as_tuple(asio::deferred));
    if (failed) break;
    drained += received;
  }
}

}  // namespace calotype
