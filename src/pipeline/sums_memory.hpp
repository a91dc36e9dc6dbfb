// SPDX-License-Identifier: Apache-2.0
// The chunk sums of blobs that were wanted lately, up to a number of bytes. What is in it was taken
// from bytes that had their hash, and stays true for as long as the key exists. Any thread.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "blobs/chunk_sums.hpp"

namespace calotype {

/// Which file it is, and that nobody has written to it.
struct FileStamp {
  std::uint64_t inode = 0;
  std::int64_t changed_ns = 0;
  std::uint64_t bytes = 0;
  static FileStamp of(const Blob& blob);
  bool operator==(const FileStamp&) const = default;
};

class SumsMemory {
 public:
  explicit SumsMemory(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// nullptr where they are not known here.
  std::shared_ptr<const ChunkSums> find(const BlobKey& key);
  std::shared_ptr<const ChunkSums> keep(const BlobKey& key, ChunkSums sums);
  void forget(const BlobKey& key);

  /// All of the file was held against the sums that are kept here; and whether that was so of this
  /// very file not long ago.
  void note_whole(const BlobKey& key, const FileStamp& stamp);
  bool was_whole(const BlobKey& key, const FileStamp& stamp);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const ChunkSums> sums;  // shared with those who send the blob meanwhile
    FileStamp whole{};
    std::chrono::steady_clock::time_point whole_at{};
  };
  static std::size_t size_of(const Entry& entry) {
    return entry.sums->memory() + 2 * entry.key.size() + 128;
  }

  const std::size_t bytes_max_;
  std::mutex mutex_;
  std::list<Entry> order_;  // wanted last comes first
  std::unordered_map<std::string, std::list<Entry>::iterator> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace calotype
