// SPDX-License-Identifier: Apache-2.0
// Files of the folder store on their way in.
//
// A small one stays in memory until it is published, so that a duplicate or a refused upload costs
// the disk nothing, and then goes to the disk past the page cache (O_DIRECT), filled up to a whole
// block and cut off again: many of them are written at once by as many threads, no memory is taken
// for pages that are only written, and the flush that follows finds nothing to write. A large one
// is sent to the disk while it grows, one window behind the writer, so that neither memory fills
// with what is not yet written nor the flush at the end takes long.
#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "blobs/blob_store.hpp"
#include "blobs/file_ops.hpp"

namespace calotype {

class FolderSpoolFile;

/// What the spool files of a store share. Any thread; outlives its files.
class FolderSpool {
 public:
  /// What a file may have before it is given a place on the disk.
  static constexpr std::size_t buffer_bytes = std::size_t{128} << 10;

  FolderSpool(FileOps& ops, int root) : ops_(ops), root_(root) {}

  /// A file that leaves at least so much of the disk free.
  std::unique_ptr<FolderSpoolFile> make(std::uint64_t free_bytes_min);
  /// Removes the named spool files whose owners are dead.
  Result<void> remove_leftovers();

 private:
  friend class FolderSpoolFile;
  struct Free {
    void operator()(std::byte* buffer) const { std::free(buffer); }
  };
  using Buffer = std::unique_ptr<std::byte[], Free>;

  struct Place {
    UniqueFd file;
    std::string name;  // empty: it has none
  };

  Result<Place> make_place();
  Buffer take_buffer();
  void give_back(Buffer buffer);

  FileOps& ops_;
  const int root_;
  std::atomic<bool> unnamed_ = true;  // until the file system turns out to have no O_TMPFILE
  std::mutex mutex_;
  std::vector<Buffer> buffers_;  // warm ones, for the next file
};

class FolderSpoolFile final : public SpoolFile {
 public:
  FolderSpoolFile(FolderSpool& spool, std::uint64_t free_bytes_min)
      : spool_(spool), free_bytes_min_(free_bytes_min) {}
  ~FolderSpoolFile() override;
  FolderSpoolFile(const FolderSpoolFile&) = delete;
  FolderSpoolFile& operator=(const FolderSpoolFile&) = delete;

  Result<void> append(ByteSpan bytes) override;
  std::uint64_t bytes() const override { return bytes_; }

  /// Gives all its bytes to the file system (and to no disk yet). From then on it has an fd.
  Result<void> settle();
  /// After settle: all its bytes went to the disk's own cache, and the file system has written down
  /// where they are, in order with what it writes down later.
  bool is_past_cache() const { return is_past_cache_; }
  int fd() const { return place_.file.get(); }
  /// Moves to a new file with the same bytes: one that had a name and lost it can have none again.
  Result<void> renew();

 private:
  Result<void> make_place();
  Result<void> leave_room(std::uint64_t bytes);
  Result<void> write_past_cache();
  Result<void> write(ByteSpan bytes);
  Result<void> start_writeback();

  FolderSpool& spool_;
  const std::uint64_t free_bytes_min_;
  FolderSpool::Buffer buffer_;  // all its bytes, while there is no place
  FolderSpool::Place place_;
  std::uint64_t bytes_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t room_ = 0;     // up to here the disk was seen to have room
  std::uint64_t started_ = 0;  // up to here the kernel was told to write
  bool is_past_cache_ = false;
};

}  // namespace calotype
