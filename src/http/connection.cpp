// SPDX-License-Identifier: Apache-2.0
// The loop over requests, and the fast path. Nothing here allocates for a hit.
#include "http/connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <cstring>

#include "http/cors.hpp"

namespace calotype {
namespace {

constexpr std::size_t first_buffer_bytes = 4'096;

/// Of these a request that the prepared answer fits as it is has none.
constexpr std::uint32_t conditions = bit(FieldName::if_match) | bit(FieldName::if_modified_since) |
                                     bit(FieldName::if_none_match) | bit(FieldName::if_range) |
                                     bit(FieldName::if_unmodified_since) | bit(FieldName::range);

}  // namespace

Connection::Connection(IoThread& thread, TcpSocket socket)
    : thread_(thread), parts_(thread.parts()), socket_(std::move(socket)), in_(first_buffer_bytes) {
  thread_.enter(*this);
}

Connection::~Connection() {
  unlink();
  thread_.left();
}

void Connection::tick(SteadyTime now, std::chrono::milliseconds elapsed) {
  const HttpSettings& settings = parts_.site.settings;
  if (reading_body_) {
    body_waited_ += elapsed;
    const auto waited_s = static_cast<std::uint64_t>(body_waited_.count()) / 1'000;
    if (body_waited_ > settings.body_timeout && body_bytes_ < waited_s * settings.body_rate_min)
      deadline_ = now;
  }
  if (now < deadline_) return;
  deadline_ = SteadyTime::max();
  timed_out_ = true;
  if (interrupt_)
    interrupt_();
  else
    socket_.cancel();
}

void Connection::end_if_idle() {
  if (idle_) cancel();
}

void Connection::cancel() {
  cancelled_ = true;
  if (interrupt_) interrupt_();
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

Task<void> Connection::run() {
  while (!cancelled_) {
    bool go_on = false;
    switch (serve_buffered()) {
      case Step::need_input:
        go_on = co_await read_more();
        break;
      case Step::blocked:
        go_on = co_await flush();
        break;
      case Step::request:
        go_on = co_await answer_request();
        break;
      case Step::refused: {
        Response response =
            problem_response(refusal_.status, ErrorCode::bad_request, refusal_.reason);
        response.close = true;
        route_name_ = "none";
        head_.method = Method::other;
        body_done_ = true;
        go_on = co_await finish_request(std::move(response), false);
        break;
      }
      case Step::broken:
        break;
    }
    if (!go_on) break;
  }
}

/// Answers what is hot and stops at what is not.
Connection::Step Connection::serve_buffered() {
  std::array<const HotEntry*, hot_batch_max> batch;
  std::array<bool, hot_batch_max> heads_only;
  std::size_t count = 0;
  const auto send_batch = [&] {
    return count == 0 || send_hot({batch.data(), count}, {heads_only.data(), count});
  };
  while (true) {
    const std::string_view buffered(in_.data() + begin_, end_ - begin_);
    HeadStatus status = HeadStatus::incomplete;
    if (buffered.size() > scanned_ &&
        (scanned_ == 0 || buffered.find('\n', scanned_) != std::string_view::npos))
      status = read_head(buffered, head_, refusal_);
    if (status == HeadStatus::incomplete) {
      scanned_ = buffered.size();
      if (scanned_ >= parts_.site.settings.header_bytes_max) {
        refusal_ = {431, "The request's head is too large."};
        status = HeadStatus::refused;
      } else {
        if (!send_batch()) return Step::broken;
        return out_.empty() ? Step::need_input : Step::blocked;
      }
    }
    const HotEntry* entry = status == HeadStatus::complete ? plain_hot_entry() : nullptr;
    if (entry == nullptr) {
      if (!send_batch()) return Step::broken;
      if (!out_.empty()) return Step::blocked;
      return status == HeadStatus::complete ? Step::request : Step::refused;
    }
    batch[count] = entry;
    heads_only[count++] = head_.method == Method::head;
    consume(head_.bytes);
    if (count < hot_batch_max) continue;
    if (!send_batch()) return Step::broken;
    if (!out_.empty()) return Step::blocked;
    count = 0;
  }
}

/// The prepared answer, where this request gets just that.
const HotEntry* Connection::plain_hot_entry() {
  if (head_.method != Method::get && head_.method != Method::head) return nullptr;
  if (head_.http_1_0 || !head_.keep_alive || head_.has_body() || thread_.draining()) return nullptr;
  if ((head_.present & conditions) != 0 || head_.repeated != 0) return nullptr;
  if (head_.has(FieldName::origin) && cors_varies(parts_.site.settings.cors_origins))
    return nullptr;
  return thread_.hot().find(head_.target, head_.first(FieldName::accept));
}

void Connection::consume(std::size_t bytes) {
  begin_ += bytes;
  scanned_ = 0;
  deadline_ = SteadyTime::max();
  if (begin_ == end_) begin_ = end_ = 0;
}

/// Room for at least one more byte.
bool Connection::make_room() {
  if (end_ < in_.size()) return true;
  if (begin_ > 0) {
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return true;
  }
  if (in_.size() >= parts_.site.settings.header_bytes_max) return false;
  in_.resize(std::min(in_.size() * 2, parts_.site.settings.header_bytes_max));
  return true;
}

Task<bool> Connection::read_more() {
  const HttpSettings& settings = parts_.site.settings;
  if (!make_room()) co_return false;
  idle_ = begin_ == end_;
  if (idle_ && thread_.draining()) co_return false;
  if (idle_)
    deadline_ = thread_.now() + settings.idle_timeout;
  else if (deadline_ == SteadyTime::max())
    deadline_ = thread_.now() + settings.request_header_timeout;
  const auto [error, received] = co_await socket_.async_read_some(
      asio::buffer(in_.data() + end_, in_.size() - end_), asio::as_tuple(asio::deferred));
  // A head's deadline runs from its first byte: it is not put off by the bytes that trickle in.
  if (idle_) deadline_ = SteadyTime::max();
  idle_ = false;
  if (error || timed_out_) co_return false;
  end_ += received;
  co_return true;
}

}  // namespace calotype
