// SPDX-License-Identifier: Apache-2.0
// Bytes that are elsewhere, sent while they come: a piece is taken out of the stream's buffer only
// when the one before it has gone out, so that a client that reads slowly slows the store down, and
// no more is held than two buffers of fixed size. The first bytes are there before the head is
// sent: a store that does not answer is a problem document and not a broken answer.
#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "base/log.hpp"
#include "http/connection.hpp"

namespace calotype {
namespace {

constexpr std::size_t remote_chunk_bytes = 64 << 10;

RemoteSlice* first_remote(Response& response) {
  for (BodyPiece& piece : response.body)
    if (auto* slice = std::get_if<RemoteSlice>(&piece)) return slice;
  return nullptr;
}

}  // namespace

/// Until something of the first remote piece is there; otherwise the answer becomes a refusal.
Task<void> Connection::begin_remote(Response& response) {
  RemoteSlice* const slice = head_.method == Method::head ? nullptr : first_remote(response);
  if (slice == nullptr) co_return;
  const auto opened = co_await open_stream(*slice);
  if (opened) co_return;
  if (opened.error().kind() == ErrorKind::corrupt) {
    // What was found may have been deleted since, and its bytes with it: asked once more.
    Response again = co_await make_answer();
    if (again.status == 404) {
      response = std::move(again);
      co_return;
    }
  }
  log::error("request failed", {{"target", head_.target}, {"error", opened.error()}});
  response = problem_response(opened.error());
}

Task<Result<void>> Connection::open_stream(RemoteSlice& slice) {
  auto opened = co_await offload(thread_.executor(), parts_.lookups,
                                 [&slice]() -> Result<std::shared_ptr<BlobStream>> {
                                   TRY(auto stream, slice.blob->read(slice.offset, slice.size));
                                   return std::shared_ptr<BlobStream>(std::move(stream));
                                 });
  if (!opened) co_return std::unexpected(std::move(opened).error());
  slice.stream = *std::move(opened);
  co_await arrival(*slice.stream);
  if (timed_out_ || cancelled_)
    co_return fail(ErrorCode::cancelled, "The server is stopping, or the client has gone.");
  if (const auto failed = slice.stream->read_some({}); !failed)
    co_return std::unexpected(failed.error());
  co_return Result<void>{};
}

/// Until the stream has something to say, or the connection ends. Its deadlines are its own.
Task<void> Connection::arrival(BlobStream& stream) {
  // Shared by this task, the stream that calls back, and whoever interrupts.
  const auto landing = std::make_shared<Landing<bool>>();
  stream.when_ready([landing, guard = asio::make_work_guard(thread_.executor())] {
    asio::post(guard.get_executor(), [landing] { landing->land(true); });
  });
  interrupt_ = [this, landing] {
    asio::post(thread_.executor(), [landing] { landing->land(false); });
  };
  co_await landing->get();
  interrupt_ = nullptr;
}

Task<bool> Connection::send_remote(RemoteSlice& slice) {
  if (!slice.stream) {
    if (const auto opened = co_await open_stream(slice); !opened) co_return false;
  }
  std::vector<char> chunk(
      static_cast<std::size_t>(std::min<std::uint64_t>(remote_chunk_bytes, slice.size)));
  std::uint64_t done = 0;
  while (done < slice.size) {
    const auto got = slice.stream->read_some(chunk);
    // A head has gone out already: all that can be done is to end the connection early.
    if (!got) {
      log::error("an answer was cut off", {{"target", head_.target}, {"error", got.error()}});
      co_return false;
    }
    if (*got == 0) {
      co_await arrival(*slice.stream);
      if (timed_out_ || cancelled_) co_return false;
      continue;
    }
    done += *got;
    if (!co_await send_all(std::span(chunk).first(*got), done < slice.size)) co_return false;
  }
  slice.stream.reset();
  co_return true;
}

}  // namespace calotype
