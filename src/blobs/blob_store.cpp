// SPDX-License-Identifier: Apache-2.0
// What every store has where it has no better way.
#include "blobs/blob_store.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace calotype {
namespace {

std::unexpected<Error> cannot_read(int error) {
  if (error == EIO)  // the disk does not give them back any more
    return fail_errno(ErrorCode::blob_corrupt, "Stored bytes are damaged.", error);
  return fail_errno(ErrorCode::storage_failed, "The bytes cannot be read now.", error);
}

Result<std::string> read_at(const Blob& blob, std::uint64_t offset, std::size_t bytes) {
  std::string text;
  int error = 0;
  text.resize_and_overwrite(bytes, [&](char* out, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t got =
          ::pread(blob.file->get(), out + done, size - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) error = errno;
      if (got <= 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  });
  if (error != 0) return cannot_read(error);
  if (text.size() < bytes) return fail(ErrorCode::blob_corrupt, "Stored bytes are cut off.");
  return text;
}

}  // namespace

std::unexpected<Error> quarantined_blob(std::string detail) {
  return fail(ErrorCode::blob_quarantined,
              "The stored bytes are damaged and quarantined. Bring the file in again to mend it.",
              std::move(detail));
}

Result<std::string> BlobReader::read(const BlobKey& key, std::uint64_t bytes) {
  TRY(const Blob blob, open(key));
  if (blob.bytes != bytes)
    return fail(ErrorCode::blob_corrupt, "Stored bytes have another size than their record.");
  TRY(auto text, read_at(blob, 0, bytes));
  if (Sha256::of(as_bytes(text)) != key.digest())
    return fail(ErrorCode::blob_corrupt, "Stored bytes differ from their hash.");
  return text;
}

Result<std::string> BlobReader::read_range(const BlobKey& key, std::uint64_t offset,
                                           std::size_t bytes) {
  TRY(const Blob blob, open(key));
  return read_at(blob, offset, bytes);
}

Result<BlobSource> BlobReader::source(const BlobKey& key, std::uint64_t bytes) {
  TRY(Blob blob, open(key));
  if (blob.bytes != bytes)
    return fail(ErrorCode::blob_corrupt, "Stored bytes have another size than their record.");
  return BlobSource(std::move(blob));
}

Result<BlobReader::Hashed> BlobReader::hash(const BlobKey& key, const std::stop_token& stop) {
  constexpr std::size_t read_bytes = std::size_t{256} << 10;
  thread_local std::vector<std::byte> buffer(read_bytes);
  TRY(const Blob blob, open(key));
  const int fd = blob.file->get();
  (void)::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  Sha256 hash;
  std::uint64_t done = 0;
  while (!stop.stop_requested()) {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_read(errno);
    if (got == 0) return Hashed{hash.finish(), done};
    hash.update(ByteSpan(buffer).first(static_cast<std::size_t>(got)));
    done += static_cast<std::uint64_t>(got);
  }
  return fail(ErrorCode::cancelled, "Stopped while a blob was read.");
}

Result<void> BlobRemover::remove_leftovers(Timestamp) {
  return {};
}

}  // namespace calotype
