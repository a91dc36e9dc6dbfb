// SPDX-License-Identifier: Apache-2.0
// Files of the folder store on their way in.
//
// They go to the disk past the page cache (O_DIRECT), which is faster than through it, takes no
// memory for pages that are only written, and leaves nothing for the flush that follows. A small
// one stays in memory until it is published, so that a duplicate or a refused upload costs the disk
// nothing, and is then written by its publisher, many at once. A large one is collected into
// blocks: one is being written, by a thread of the spool, while the next fills. The last block is
// filled up to what the disk writes at least, and the file cut off again. Where so many are under
// way that their blocks would take too much memory, or where the file system cannot, a large one
// goes through the page cache, one window behind the writer, so that neither memory fills with what
// is not yet written nor the flush at the end takes long.
#pragma once

#include <atomic>
#include <cstdlib>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "async/worker_pool.hpp"
#include "blobs/blob_store.hpp"
#include "blobs/file_ops.hpp"

namespace calotype {

class FolderSpoolFile;

/// What the spool files of a store share. Any thread; outlives its files.
class FolderSpool {
 public:
  /// What a file may have before it is given a place on the disk.
  static constexpr std::size_t buffer_bytes = std::size_t{128} << 10;
  /// What a large one writes at once; it has two.
  static constexpr std::size_t block_bytes = std::size_t{4} << 20;
  /// All blocks together.
  static constexpr std::size_t blocks_max = 64;

  /// `past_cache`: as above; false where the bytes are read again soon, and flushed by nobody.
  FolderSpool(FileOps& ops, int root, bool past_cache = true);

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
  /// Nothing where there are too many.
  Buffer take_block();
  void give_back_block(Buffer block);

  FileOps& ops_;
  const int root_;
  const bool past_cache_;
  std::atomic<bool> unnamed_ = true;  // until the file system turns out to have no O_TMPFILE
  std::mutex mutex_;
  std::vector<Buffer> buffers_;  // warm ones, for the next file
  std::vector<Buffer> blocks_;   // likewise
  std::size_t blocks_taken_ = 0;
  WorkerPool writers_;  // last: its threads use files of this spool
};

class FolderSpoolFile final : public SpoolFile {
 public:
  FolderSpoolFile(FolderSpool& spool, std::uint64_t free_bytes_min)
      : spool_(spool), free_bytes_min_(free_bytes_min) {}
  /// Goes on with a file that has its own name and keeps it: its first `bytes` bytes are on the
  /// disk.
  FolderSpoolFile(FolderSpool& spool, std::uint64_t free_bytes_min, UniqueFd file,
                  std::uint64_t bytes);
  ~FolderSpoolFile() override;
  FolderSpoolFile(const FolderSpoolFile&) = delete;
  FolderSpoolFile& operator=(const FolderSpoolFile&) = delete;

  Result<void> append(ByteSpan bytes) override;
  std::uint64_t bytes() const override { return bytes_; }

  /// Gives all its bytes to the file system (and to no disk yet). From then on it has an fd.
  Result<void> settle();
  /// All its bytes are on the disk on return, and more may follow.
  Result<void> flush();
  /// After settle: all its bytes went to the disk's own cache, and the file system has written down
  /// where they are, in order with what it writes down later.
  bool is_past_cache() const { return is_past_cache_; }
  /// All its bytes, while they are in memory: until it is settled, or grows past the buffer.
  std::optional<ByteSpan> in_memory() const {
    if (place_.file) return std::nullopt;
    return ByteSpan{buffer_.get(), bytes_};
  }
  int fd() const { return place_.file.get(); }
  /// Moves to a new file with the same bytes: one that had a name and lost it can have none again.
  Result<void> renew();

 private:
  Result<void> make_place();
  Result<void> leave_room(std::uint64_t bytes);
  /// Collects into blocks, if there is one to be had.
  void begin_direct();
  Result<void> append_direct(ByteSpan bytes);
  Result<void> end_direct();
  Result<void> await_block();
  Result<void> write_block();
  /// Fills up what it writes past the cache; there is room behind `bytes` for it.
  Result<void> write_direct(std::byte* from, std::size_t bytes);
  Result<void> write_last(std::byte* from, std::size_t bytes);
  Result<void> leave_direct();
  Result<void> write(ByteSpan bytes);
  Result<void> start_writeback();

  FolderSpool& spool_;
  const std::uint64_t free_bytes_min_;
  FolderSpool::Buffer buffer_;  // all its bytes, while there is no place
  FolderSpool::Place place_;
  std::uint64_t bytes_ = 0;
  std::uint64_t written_ = 0;  // the writer's while a block is under way
  std::uint64_t room_ = 0;     // up to here the disk was seen to have room
  std::uint64_t started_ = 0;  // up to here the kernel was told to write
  bool is_direct_ = false;     // the writer's while a block is under way
  bool is_past_cache_ = false;
  bool may_collect_ = false;  // what follows begins where the disk can write past the cache
  FolderSpool::Buffer filling_;
  std::size_t filled_ = 0;
  FolderSpool::Buffer writing_;
  std::future<Result<void>> block_written_;  // valid while a block is under way
};

/// A spool file of a store that keeps them in a FolderSpool, as that store made it.
FolderSpoolFile& own_file(SpoolFile& file);

}  // namespace calotype
