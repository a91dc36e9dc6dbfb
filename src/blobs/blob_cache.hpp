// SPDX-License-Identifier: Apache-2.0
// Blobs of a remote store that are kept near, as files of one folder, up to a number of bytes; what
// was not wanted for the longest goes first.
//
//   spool/                         bytes on their way (folder_spool.hpp)
//   cache/9f/raw+9f86d081…         a key with its folders left out: whole, and of that hash
//   cache/fd/variants+fd61a03a…-m3xq…
//
// A file gets its name only after its bytes were held against the key's hash. What an earlier
// process left is kept too, and held against its hash when it is first wanted: nothing was flushed,
// so a power cut may have spoilt it. An open file stays readable when its name goes.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/metrics.hpp"
#include "blobs/blob_store.hpp"
#include "blobs/folder_spool.hpp"

namespace calotype {

class BlobCache {
 public:
  /// The folder is made where it is missing, and belongs to one process at a time: bad_config where
  /// another has it. storage_failed. `bytes_max` 0: nothing is kept. `ops` outlives it.
  static Result<std::unique_ptr<BlobCache>> open(const std::string& folder, std::uint64_t bytes_max,
                                                 Metrics& metrics,
                                                 FileOps& ops = kernel_file_ops());
  ~BlobCache();

  /// Where bytes on their way go, in either direction.
  FolderSpool& spool() { return spool_; }

  /// Nothing where it is not near (or is, and is spoilt: then it is removed).
  std::optional<Blob> find(const BlobKey& key);

  /// Writes what it fetches into the file, having held it against the key's hash.
  using Fetch = std::move_only_function<Result<void>(FolderSpoolFile& file)>;
  /// Fetches once for all who want the key at the same moment, and keeps it where there is room for
  /// it; otherwise the blob is a file without a name. `free_bytes_min` is left of the disk.
  Result<Blob> get(const BlobKey& key, std::uint64_t free_bytes_min, Fetch fetch);

  /// Keeps bytes that were just published from this file, or have just been read and held against
  /// their hash. Best effort.
  void keep(const BlobKey& key, FolderSpoolFile& file);
  void keep(const BlobKey& key, ByteSpan bytes, std::uint64_t free_bytes_min);
  /// Whether it was missed before, not long ago: worth keeping. Remembers this time.
  bool missed_again(const BlobKey& key);

  void remove(const BlobKey& key);

  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    BlobKey key;
    std::uint64_t bytes = 0;
    bool held = false;  // against its hash, by this process
  };
  using Order = std::list<Entry>;  // wanted last comes first
  struct Flight;

  BlobCache(FileOps& ops, UniqueFd root, UniqueFd lock, std::uint64_t bytes_max, Metrics& metrics);
  Result<void> read_folder();
  bool fits(std::uint64_t bytes) const { return bytes <= bytes_max_ / 4; }
  bool is_whole(const BlobKey& key, const Blob& blob) const;
  Result<Blob> open_named(const BlobKey& key);
  Result<Blob> fetch_one(const BlobKey& key, std::uint64_t free_bytes_min, Fetch& fetch);
  bool link(const BlobKey& key, int fd);
  void add(const BlobKey& key, std::uint64_t bytes);
  void drop(const BlobKey& key);
  void make_room(std::vector<BlobKey>& removed);

  FileOps& ops_;
  const UniqueFd root_;
  const UniqueFd lock_;
  const std::uint64_t bytes_max_;
  FolderSpool spool_;
  Counter& hits_;
  Counter& misses_;
  Counter& spoilt_;
  Gauge& bytes_gauge_;

  std::mutex mutex_;
  Order order_;
  std::unordered_map<std::string, Order::iterator> entries_;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
  // Two generations of what was missed lately, by hash of the key; the older is forgotten.
  std::unordered_set<std::size_t> missed_;
  std::unordered_set<std::size_t> missed_before_;
};

}  // namespace calotype
