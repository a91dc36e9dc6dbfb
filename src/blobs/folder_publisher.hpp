// SPDX-License-Identifier: Apache-2.0
// Makes spool files into blobs.
//
// A publication has three steps, each by its own thread: the bytes are made durable, then they get
// their name, then the name is made durable. Were the name first, a power cut could leave a name
// with nothing behind it, and the next upload of the same bytes would find it there and store
// nothing.
//
// On a file system that writes everything down in one journal, in order (FolderFlush::journal), the
// first step costs nothing for bytes that went past the page cache: they are in the disk's cache,
// and where they are stands in the journal before their name does, whose commit flushes that cache
// first. And the third is one commit of the journal for everybody who waits for one at that moment.
#pragma once

#include <bitset>
#include <map>
#include <mutex>
#include <span>
#include <string>

#include "async/group_commit.hpp"
#include "blobs/folder_spool.hpp"

namespace calotype {

/// How a name is made durable.
enum class FolderFlush : std::uint8_t {
  journal,  // a commit of the journal, which holds every name that was given before
  each,     // fsync of the folder with the name, and of those above whose own names may not be
};

class FolderPublisher {
 public:
  FolderPublisher(FileOps& ops, int root, FolderFlush flush);

  /// What becomes of bytes that have the key already, and are of the right size.
  enum class Present : std::uint8_t { kept, replaced };
  /// BlobWriter::publish or replace. Any thread; blocks for a flush, or two where others' is under
  /// way.
  Result<void> publish(FolderSpoolFile& file, const BlobKey& key, Present present = Present::kept);

 private:
  struct Commit {
    int error = 0;
  };
  /// Those who publish a key at this moment: only the last of them takes back a name that could
  /// not be made durable, and only where nobody was told that it is there.
  struct Publishing {
    int publishers = 0;
    bool is_ours = false;  // the name was given by one of them
    bool is_told = false;
  };

  Result<void> publish_settled(FolderSpoolFile& file, const BlobKey& key, Present present);
  /// A file that had a name and lost it can have none again: true.
  Result<bool> name(const FolderSpoolFile& file, const BlobKey& key, Present present);
  int link(const FolderSpoolFile& file, const BlobKey& key);
  int make_folders(const BlobKey& key);
  /// The key is there: keeps it, or replaces it where it cannot be whole.
  int adopt(const FolderSpoolFile& file, const BlobKey& key);
  int rename_over(const FolderSpoolFile& file, const BlobKey& key);
  int flush_name(const BlobKey& key);
  int commit_journal();
  int flush_folders(const BlobKey& key);
  int flush_folder(const std::string& folder);
  void enter(const BlobKey& key);
  void leave(const BlobKey& key, bool is_told);

  FileOps& ops_;
  const int root_;
  const FolderFlush flush_;
  GroupCommit<Commit> commits_;

  std::mutex mutex_;
  std::map<BlobKey, Publishing> publishing_;
  // By FolderIndex: which folders are there, and whose own names are known to be on the disk. What
  // an earlier process made and did not flush is unknown, so all of them start at no.
  using Folders = std::bitset<std::size_t{3} * (65536 + 256)>;
  Folders made_folders_;
  Folders durable_folders_;
};

}  // namespace calotype
