// SPDX-License-Identifier: Apache-2.0
// Objects on their way to clients: one thread runs all of them (libcurl's multi interface), each
// through a buffer of fixed size. A full buffer pauses its transfer, and TCP holds S3 back; who
// takes bytes out lets it go on. A transfer that is cut goes on where it was (a blob's bytes never
// change), so that the client notices nothing.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "blobs/blob_store.hpp"
#include "blobs/s3_client.hpp"

namespace calotype {

class S3Streams {
 public:
  explicit S3Streams(S3Client& client);
  /// Ends all of them with `cancelled`. No stream is used after it.
  ~S3Streams();
  S3Streams(const S3Streams&) = delete;
  S3Streams& operator=(const S3Streams&) = delete;

  /// `whole`: the range is all of the blob, whose hash it is held against.
  Result<std::unique_ptr<BlobStream>> open(const BlobKey& key, std::uint64_t offset,
                                           std::uint64_t bytes, bool whole);
  /// Ends all that there are with `cancelled`; further ones are refused.
  void interrupt();

 private:
  struct Flow;
  class Stream;
  struct Loop;

  S3Client& client_;
  // Shared with the streams, which tell the loop to go on or to let go.
  std::shared_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace calotype
