// SPDX-License-Identifier: Apache-2.0
// What every store has where it has no better way.
#include "blobs/blob_store.hpp"

#include <unistd.h>

#include <cerrno>

namespace calotype {
namespace {

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
  if (error == EIO)  // the disk does not give them back any more
    return fail_errno(ErrorCode::blob_corrupt, "Stored bytes are damaged.", error);
  if (error != 0)
    return fail_errno(ErrorCode::storage_failed, "The bytes cannot be read now.", error);
  if (text.size() < bytes) return fail(ErrorCode::blob_corrupt, "Stored bytes are cut off.");
  return text;
}

}  // namespace

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

Result<void> BlobRemover::remove_leftovers(Timestamp) {
  return {};
}

}  // namespace calotype
