// SPDX-License-Identifier: Apache-2.0
// How an answer leaves: pieces in memory by sendmsg, or by sendfile
// where they are large and in a file in memory; files as connection_file.cpp says, and what is
// elsewhere as connection_remote.cpp does.
#include <sys/sendfile.h>
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

/// What the kernel sends from its file, uncopied. Not a small range: two calls cost more then.
bool uncopied(const BodyPiece& piece) {
  const auto* memory = std::get_if<MemorySlice>(&piece);
  return memory != nullptr && memory->bytes->file() >= 0 && memory->size >= uncopied_bytes_min;
}

bool goes_alone(const BodyPiece& piece) {
  return std::holds_alternative<FileSlice>(piece) || std::holds_alternative<RemoteSlice>(piece) ||
         uncopied(piece);
}

/// What the socket takes of it: 0 where it is full, nothing where the connection is broken.
std::optional<std::size_t> taken(ssize_t sent) {
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
  return std::nullopt;
}

std::optional<std::size_t> send_some(int socket, std::span<iovec> pieces, bool more) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
  } while (sent < 0 && errno == EINTR);
  return taken(sent);
}

/// The socket does not block: it has been read from by the reactor.
std::optional<std::size_t> send_some(int socket, const Bytes& bytes, std::uint64_t offset,
                                     std::uint64_t size) {
  auto at = static_cast<off_t>(offset);
  ssize_t sent = 0;
  do {
    sent = sendfile(socket, bytes.file(), &at, size);
  } while (sent < 0 && errno == EINTR);
  return taken(sent);
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
  const bool is_picture = response.fields.contains("\r\nX-Cache: ");
  head += cors_fields(
      settings.cors_origins,
      head_.method == Method::other ? std::string_view{} : head_.first(FieldName::origin),
      is_picture ? Exposed::fields_of_pictures : Exposed::all);
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

/// False where the connection is broken. What the socket does not take at once is queued.
bool Connection::send_hot(std::span<const HotEntry* const> entries,
                          std::span<const bool> heads_only) {
  const int socket = socket_.native_handle();
  std::array<iovec, hot_batch_max * 3> pieces;
  std::size_t count = 0;
  std::size_t gathered = 0;
  std::size_t total = 0;
  std::size_t sent = 0;
  bool takes_more = true;
  bool broken = false;
  const auto gather = [&](std::string_view bytes) {
    pieces[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
    gathered += bytes.size();
    total += bytes.size();
  };
  const auto note = [&](std::optional<std::size_t> taken, std::size_t offered) {
    broken = !taken;
    takes_more = taken == offered;
    sent += taken.value_or(0);
  };
  const auto send_gathered = [&](bool more) {
    if (takes_more && count > 0) note(send_some(socket, {pieces.data(), count}, more), gathered);
    count = gathered = 0;
  };
  for (std::size_t i = 0; i < entries.size(); ++i) {
    gather(thread_.hot_prefix());
    gather(entries[i]->head);
    if (heads_only[i]) continue;
    const Bytes& body = *entries[i]->bytes();
    if (!uncopied(entries[i]->representation.body)) {
      gather(body.view());
      continue;
    }
    send_gathered(true);
    if (takes_more) note(send_some(socket, body, 0, body.size()), body.size());
    total += body.size();
  }
  send_gathered(false);
  if (broken) return false;
  ThreadCounts::add(thread_.counts().hot_answers, entries.size());
  ThreadCounts::add(thread_.counts().plain_answers, entries.size());
  ThreadCounts::add(thread_.counts().bytes_out, sent);
  if (sent < total) queue_hot(entries, heads_only, sent);
  return true;
}

/// What the socket left of prepared answers.
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

/// Of what is queued, as much as the socket takes at once: nothing where it is broken.
std::optional<std::size_t> Connection::send_queued() {
  const int socket = socket_.native_handle();
  if (uncopied(out_[out_at_])) {
    const auto& slice = std::get<MemorySlice>(out_[out_at_]);
    return send_some(socket, *slice.bytes, slice.offset + out_offset_, slice.size - out_offset_);
  }
  std::array<iovec, pieces_at_once> pieces;
  std::size_t count = 0;
  for (std::size_t i = out_at_; i < out_.size() && count < pieces_at_once; ++i) {
    if (goes_alone(out_[i])) break;
    const std::uint64_t skip = count == 0 ? out_offset_ : 0;
    pieces[count++] = {const_cast<char*>(bytes_of(out_[i])) + skip, size_of(out_[i]) - skip};
  }
  const bool more = out_at_ + count < out_.size();
  return send_some(socket, {pieces.data(), count}, more);
}

void Connection::count_sent(std::size_t sent) {
  ThreadCounts::add(thread_.counts().bytes_out, sent);
  while (out_at_ < out_.size()) {
    const std::uint64_t unsent = size_of(out_[out_at_]) - out_offset_;
    if (sent < unsent) {
      out_offset_ += sent;
      return;
    }
    sent -= unsent;
    out_offset_ = 0;
    ++out_at_;
    if (sent == 0) return;
  }
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
    const auto sent = send_queued();
    if (!sent) co_return false;
    if (*sent > 0)
      count_sent(*sent);
    else if (!co_await wait_writable())
      co_return false;
  }
  out_.clear();
  out_at_ = 0;
  co_return true;
}

/// False where the connection is broken. `more` follows at once.
Task<bool> Connection::send_all(std::span<const char> bytes, bool more) {
  while (!bytes.empty()) {
    iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    const auto sent = send_some(socket_.native_handle(), {&piece, 1}, more);
    if (!sent) co_return false;
    if (*sent == 0 && !co_await wait_writable()) co_return false;
    ThreadCounts::add(thread_.counts().bytes_out, *sent);
    bytes = bytes.subspan(*sent);
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
