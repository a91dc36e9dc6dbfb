// SPDX-License-Identifier: Apache-2.0
// A request's body. Small ones are read whole; an upload's goes through two buffers: the socket
// fills one while a thread of the ingest pool hashes and writes the other, so that an upload of any
// size holds the same memory. One that fits into the first buffer goes to the pool once.
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <cstring>
#include <format>

#include "base/log.hpp"
#include "http/connection.hpp"
#include "http/partial_upload_routes.hpp"

namespace calotype {
namespace {

constexpr std::size_t small_body_bytes_max = 64 << 10;
/// For what had come already when somebody else wanted the upload.
constexpr std::chrono::milliseconds last_bytes_time{500};
constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

std::unexpected<Error> incomplete() {
  return fail(ErrorCode::body_incomplete, "The body ended early.");
}

std::unexpected<Error> unwanted() {
  return fail(ErrorCode::upload_locked, "Another request goes on with this upload.");
}

}  // namespace

/// 408 where it was the client who took too long: the server is well.
Response Connection::refuse_body(const Error& error) const {
  if (timed_out_ && error.code == ErrorCode::timeout)
    return problem_response(408, error.code, error.message);
  return problem_response(error);
}

void Connection::begin_body() {
  body_at_ = begin_ + head_.bytes;
  body_left_ = head_.content_length.value_or(0);
  chunks_.reset();
  if (head_.chunked) chunks_.emplace();
  body_done_ = !head_.has_body();
  body_broken_ = false;
  body_unwanted_ = false;
  body_bytes_ = 0;
  body_waited_ = std::chrono::milliseconds{0};
}

bool Connection::nothing_came() const {
  boost::system::error_code error;
  return body_at_ == end_ && socket_.available(error) == 0;
}

/// Raw bytes of the connection: what came with the head first, then from the socket.
Task<Result<std::size_t>> Connection::receive(std::span<char> buffer) {
  if (body_unwanted_ && (nothing_came() || thread_.now() >= unwanted_until_)) {
    body_broken_ = true;
    co_return unwanted();
  }
  if (body_at_ < end_) {
    const std::size_t count = std::min(buffer.size(), end_ - body_at_);
    std::memcpy(buffer.data(), in_.data() + body_at_, count);
    body_at_ += count;
    co_return count;
  }
  reading_body_ = true;
  deadline_ = thread_.now() + parts_.site.settings.body_timeout;
  const auto [error, received] = co_await socket_.async_read_some(
      asio::buffer(buffer.data(), buffer.size()), asio::as_tuple(asio::deferred));
  deadline_ = SteadyTime::max();
  reading_body_ = false;
  if (error || timed_out_ || cancelled_) {
    body_broken_ = true;
    if (body_unwanted_) co_return unwanted();
    if (cancelled_) co_return fail(ErrorCode::cancelled, "The server is stopping.");
    if (timed_out_) co_return fail(ErrorCode::timeout, "The body came too slowly.");
    co_return incomplete();
  }
  body_bytes_ += received;
  ThreadCounts::add(thread_.counts().bytes_in, received);
  co_return received;
}

/// Payload, until the buffer is full or the body has ended. Also where it fails, `filled` is what
/// has come.
Task<Result<void>> Connection::fill(std::span<char> buffer, std::size_t& filled) {
  filled = 0;
  while (!body_done_ && filled < buffer.size()) {
    std::span<char> rest = buffer.subspan(filled);
    if (!chunks_ && rest.size() > body_left_) rest = rest.first(body_left_);
    const bool came_with_head = body_at_ < end_;
    const auto received = co_await receive(rest);
    if (!received) co_return std::unexpected(received.error());
    if (!chunks_) {
      filled += *received;
      body_left_ -= *received;
      body_done_ = body_left_ == 0;
      continue;
    }
    const auto decoded = chunks_->decode(rest.first(*received));
    if (!decoded) co_return std::unexpected(decoded.error());
    filled += decoded->payload;
    body_done_ = chunks_->done();
    const std::size_t left = *received - decoded->consumed;
    if (came_with_head)
      body_at_ -= left;  // they are in the connection's buffer still
    else
      after_body_.append(rest.data() + decoded->consumed, left);
  }
  co_return Result<void>{};
}

Task<bool> Connection::say_continue() {
  if (!head_.expects_continue || body_at_ < end_) co_return true;
  out_.emplace_back(std::string(continue_line));
  co_return co_await flush();
}

Task<Result<std::string>> Connection::read_small_body() {
  const auto too_large = [] {
    return fail(ErrorCode::too_large,
                std::format("The body is at most {} bytes here.", small_body_bytes_max));
  };
  if (body_left_ > small_body_bytes_max) co_return too_large();
  if (!co_await say_continue()) co_return incomplete();
  std::string body(chunks_ ? small_body_bytes_max : body_left_, '\0');
  std::size_t filled = 0;
  const auto received = co_await fill(body, filled);
  if (!received) co_return std::unexpected(received.error());
  if (!body_done_) co_return too_large();
  body.resize(filled);
  co_return body;
}

/// A plain upload asks nobody before its first byte.
Task<Result<UploadStart>> Connection::begin_upload(const Route& route, const Exchange& exchange) {
  const Site& site = parts_.site;
  if (!route.blocks && !asks_for_resumption(head_)) co_return route.begin_upload(site, exchange);
  co_return co_await offload(thread_.executor(), parts_.ingests, [&site, &route, &exchange] {
    return route.begin_upload(site, exchange);
  });
}

/// False where the connection is broken.
Task<bool> Connection::say_interim(UploadSink& sink) {
  std::string interim = head_.http_1_0 ? std::string{} : sink.interim();
  if (interim.empty()) co_return true;
  out_.emplace_back(std::move(interim));
  co_return co_await flush();
}

/// What it gives has to be set to false before the request is answered: whoever stops the body may
/// come when this connection is long gone.
std::shared_ptr<bool> Connection::stop_when_unwanted(UploadSink& sink) {
  auto is_coming = std::make_shared<bool>(true);
  sink.on_unwanted([this, is_coming, executor = thread_.executor()] {
    asio::post(executor, [this, is_coming] {
      if (!*is_coming) return;
      body_unwanted_ = true;
      unwanted_until_ = thread_.now() + last_bytes_time;
      if (reading_body_ && nothing_came()) socket_.cancel();
    });
  });
  return is_coming;
}

Task<Response> Connection::run_upload(const Route& route, const Exchange& exchange) {
  auto begun = co_await begin_upload(route, exchange);
  if (!begun) co_return problem_response(begun.error());
  if (auto* response = std::get_if<Response>(&*begun)) co_return std::move(*response);
  // Shared with the pool's thread that drops it.
  std::shared_ptr<UploadSink> sink = std::get<std::unique_ptr<UploadSink>>(*std::move(begun));
  const auto is_coming = stop_when_unwanted(*sink);
  Result<Response> response = incomplete();
  if (co_await say_interim(*sink) && co_await say_continue()) response = co_await stream_to(sink);
  *is_coming = false;
  if (response) co_return *std::move(response);
  const Error error = std::move(response).error();
  if (error.kind() == ErrorKind::upstream || error.kind() == ErrorKind::internal ||
      error.kind() == ErrorKind::no_space)
    log::error("upload failed", {{"error", error}});
  // To drop a large spool file takes the file system a while.
  (void)parts_.ingests.post([sink = std::move(sink)](std::stop_token) mutable { sink.reset(); });
  Response refusal = refuse_body(error);
  refusal.close = !body_done_ || body_broken_;
  co_return refusal;
}

Task<Result<Response>> Connection::stream_to(std::shared_ptr<UploadSink> sink) {
  const std::size_t capacity = parts_.site.settings.upload_buffer_bytes;
  const std::size_t first_size =
      chunks_ ? capacity : static_cast<std::size_t>(std::min<std::uint64_t>(capacity, body_left_));
  std::unique_ptr<char[]> buffers[2] = {std::make_unique_for_overwrite<char[]>(first_size), {}};
  std::optional<Offloaded<Result<void>>> writing;
  for (std::size_t turn = 0;; turn ^= 1) {
    if (!buffers[turn]) buffers[turn] = std::make_unique_for_overwrite<char[]>(capacity);
    const std::span<char> buffer(buffers[turn].get(), turn == 0 ? first_size : capacity);
    std::size_t filled = 0;
    const auto received = co_await fill(buffer, filled);
    // The pool's thread reads the other buffer until it has landed.
    const auto written = writing ? co_await writing->get() : Result<void>{};
    if (!written) co_return std::unexpected(written.error());
    const ByteSpan chunk = std::as_bytes(buffer.first(filled));
    if (!received) {
      (void)co_await offload(thread_.executor(), parts_.ingests, [sink, chunk]() -> Result<void> {
        sink->break_off(chunk);
        return {};
      });
      co_return std::unexpected(received.error());
    }
    if (body_done_) co_return co_await finish_upload(std::move(sink), chunk);
    (void)co_await say_interim(*sink);  // a connection that is broken is noticed by its reader
    writing.emplace(thread_.executor(), parts_.ingests,
                    [sink, chunk] { return sink->write(chunk); });
  }
}

/// `last` is written first; its buffer is the caller's.
Task<Result<Response>> Connection::finish_upload(std::shared_ptr<UploadSink> sink, ByteSpan last) {
  const bool takes_long = sink->takes_long();
  if (takes_long) {
    interrupt_ = [sink] { sink->cancel(); };
    watch_for_leaving([this, sink] {
      cancelled_ = true;
      sink->cancel();
    });
  }
  auto response =
      co_await offload(thread_.executor(), parts_.ingests, [sink, last]() -> Result<Response> {
        TRY_VOID(sink->write(last));
        return sink->finish();
      });
  if (takes_long) {
    interrupt_ = nullptr;
    stop_watching();
  }
  co_return response;
}

}  // namespace calotype
