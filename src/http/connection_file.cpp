// SPDX-License-Identifier: Apache-2.0
// Files, by way of a buffer that is filled from the page cache at once, or on a pool where the disk
// has to be asked. A blob's file goes out chunk by chunk, each held against its sum before it is
// sent (BlobCheck): a damaged one is never sent, whatever range was asked for. The first chunk is
// checked before the head goes out, so that the answer can still be a problem document; after that
// all that can be done is to end the connection early.
#include <sys/uio.h>

#include <algorithm>

#include "base/log.hpp"
#include "http/connection.hpp"

namespace calotype {
namespace {

constexpr std::size_t file_chunk_bytes = BlobCheck::chunk_bytes;

/// Bytes read; 0 at the end; an error of ours. Blocks only where `may_block`; nothing where the
/// bytes are not in the page cache.
std::optional<Result<std::size_t>> read_at(int fd, std::span<char> out, std::uint64_t offset,
                                           bool may_block) {
  const iovec piece{out.data(), out.size()};
  while (true) {
    const ssize_t got =
        preadv2(fd, &piece, 1, static_cast<off_t>(offset), may_block ? 0 : RWF_NOWAIT);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    if (!may_block && (errno == EAGAIN || errno == EOPNOTSUPP || errno == ENOSYS))
      return std::nullopt;
    return fail_errno(ErrorCode::storage_failed, "The bytes could not be read.", errno);
  }
}

}  // namespace

/// As much as there is, up to the buffer's size.
Task<Result<std::size_t>> Connection::read_file(int fd, std::span<char> out, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::span<char> rest = out.subspan(done);
    const std::uint64_t at = offset + done;
    auto got = read_at(fd, rest, at, false);
    if (!got)
      got = co_await offload(thread_.executor(), parts_.lookups,
                             [=] { return *read_at(fd, rest, at, true); });
    if (!*got) co_return std::unexpected(got->error());
    if (**got == 0) break;
    done += **got;
  }
  co_return done;
}

/// What of the slice lies in the chunk that it begins in, checked. `buffer` has a chunk's size.
Task<Result<std::span<char>>> Connection::read_checked(const FileSlice& slice,
                                                       std::span<char> buffer) {
  const std::uint64_t chunk = slice.offset / file_chunk_bytes;
  const std::uint64_t begin = chunk * file_chunk_bytes;
  const std::uint64_t wanted_end = std::min(slice.offset + slice.size, begin + file_chunk_bytes);
  // Without a check there is no need of what lies beside the slice.
  const std::uint64_t from = slice.check ? begin : slice.offset;
  const std::span<char> window = slice.check ? buffer : buffer.first(wanted_end - from);
  const auto got = co_await read_file(slice.file->get(), window, from);
  if (!got) co_return std::unexpected(got.error());
  const std::span<char> bytes = window.first(*got);
  if (slice.check && !slice.check->holds(chunk, std::as_bytes(bytes))) co_return quarantined_blob();
  if (from + bytes.size() < wanted_end)
    co_return fail(ErrorCode::blob_corrupt, "Stored bytes are cut off.");
  co_return bytes.subspan(slice.offset - from, wanted_end - slice.offset);
}

/// Reads the first chunk of a file that begins the answer; what is wrong with it becomes a refusal.
Task<void> Connection::begin_file(Response& response) {
  if (head_.method == Method::head || response.body.empty()) co_return;
  auto* const slice = std::get_if<FileSlice>(&response.body.front());
  if (slice == nullptr || !slice->check || slice->size == 0) co_return;
  std::string first(file_chunk_bytes, '\0');
  const auto bytes = co_await read_checked(*slice, first);
  if (!bytes) {
    log::error("request failed", {{"target", head_.target}, {"error", bytes.error()}});
    response = problem_response(bytes.error());
    co_return;
  }
  FileSlice rest = std::move(*slice);
  const std::size_t skipped = static_cast<std::size_t>(bytes->data() - first.data());
  const std::size_t size = bytes->size();
  first.resize(skipped + size);
  response.body.front() = MemorySlice{share(std::move(first)), skipped, size};
  rest.offset += size;
  rest.size -= size;
  if (rest.size > 0) response.body.insert(response.body.begin() + 1, std::move(rest));
}

Task<bool> Connection::send_file(FileSlice slice) {
  std::vector<char> buffer(file_chunk_bytes);
  while (slice.size > 0) {
    const auto bytes = co_await read_checked(slice, buffer);
    if (!bytes) {
      log::error("an answer was cut off", {{"target", head_.target}, {"error", bytes.error()}});
      co_return false;
    }
    slice.offset += bytes->size();
    slice.size -= bytes->size();
    if (!co_await send_all(*bytes, slice.size > 0)) co_return false;
  }
  co_return true;
}

}  // namespace calotype
