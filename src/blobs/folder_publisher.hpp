// SPDX-License-Identifier: Apache-2.0
// Makes spool files into blobs, many at a time.
//
// A publication has two flushes, and the link stands between them: the bytes are flushed, then they
// get their name, then the name is flushed. Were the name first, a power cut could leave a name
// with nothing behind it, and the next upload of the same bytes would find it there and store
// nothing.
//
// Publishers that arrive while a round is under way are taken by the next. A round flushes once,
// and that one flush serves two kinds: the bytes of those who have just come, and the names of
// those who were linked at the end of the round before. So each publication takes part in two
// rounds, and there is one flush a round, however many there are. One of the publishers leads a
// round; there is no thread of its own, and a single publisher waits for nobody.
#pragma once

#include <bitset>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "blobs/folder_spool.hpp"

namespace calotype {

class FolderPublisher {
 public:
  /// `flush_together_min` as in FolderSettings; SIZE_MAX: never.
  FolderPublisher(FileOps& ops, int root, std::size_t flush_together_min)
      : ops_(ops), root_(root), flush_together_min_(flush_together_min) {}

  /// BlobWriter::publish. Any thread; blocks for as long as two rounds last.
  Result<void> publish(FolderSpoolFile& file, const BlobKey& key);

 private:
  struct Item {
    FolderSpoolFile& file;
    const BlobKey& key;
    bool bytes_durable = false;  // flushed by its own thread, because there are so many of them
    bool named = false;          // the key is its own link, not one that was there before
    bool nameless = false;       // it had a name and lost it, and cannot have another
    bool done = false;
    Result<void> outcome{};
    std::condition_variable changed{};
  };
  using Items = std::vector<Item*>;

  void run(Item& item);
  void lead(std::unique_lock<std::mutex>& lock, const Item& own);
  void round(const Items& arrived, const Items& linked);
  bool flush_together(const Items& arrived);
  void flush_each(const Items& arrived, const Items& linked);
  int flush_folder(const std::string& folder);
  void link(Item& item);
  int link_in_folder(Item& item);
  int make_folders(const BlobKey& key);
  /// The key is there: keeps it, or replaces it where it cannot be whole.
  int adopt(Item& item);
  void withdraw(Item& item);
  void mark_durable(const Items& linked);

  FileOps& ops_;
  const int root_;
  const std::size_t flush_together_min_;

  std::mutex mutex_;
  bool leading_ = false;
  Items arrived_;
  Items linked_;

  // Only the leader's. Which folders' own names are known to be on the disk, by FolderIndex; what
  // an earlier process made and did not flush is unknown, so all of them start at no.
  std::bitset<std::size_t{3} * (65536 + 256)> durable_folders_;
};

}  // namespace calotype
