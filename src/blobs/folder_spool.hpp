// SPDX-License-Identifier: Apache-2.0
// A file of the folder store on its way in. Large files are sent to the disk while they grow, one
// window behind the writer, so that neither memory fills with what is not yet written nor the flush
// at the end takes long.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "blobs/blob_store.hpp"
#include "blobs/file_ops.hpp"

namespace calotype {

class FolderSpoolFile final : public SpoolFile {
 public:
  /// In the folder `spool` of `root`; without a name where `unnamed`, and where that turns out not
  /// to be possible (-EOPNOTSUPP and its like) `unnamed`, which outlives it, becomes false.
  static Result<std::unique_ptr<FolderSpoolFile>> create(FileOps& ops, int root,
                                                         std::atomic<bool>& unnamed);
  ~FolderSpoolFile() override;
  FolderSpoolFile(const FolderSpoolFile&) = delete;
  FolderSpoolFile& operator=(const FolderSpoolFile&) = delete;

  Result<void> append(ByteSpan bytes) override;
  std::uint64_t bytes() const override { return bytes_; }
  int fd() const override { return file_.get(); }

  /// Moves to a new file with the same bytes: one that had a name and lost it can have none again.
  Result<void> renew();

 private:
  FolderSpoolFile(FileOps& ops, int root, std::atomic<bool>& unnamed, UniqueFd file,
                  std::string name)
      : ops_(ops), root_(root), unnamed_(unnamed), file_(std::move(file)), name_(std::move(name)) {}
  Result<void> start_writeback();

  FileOps& ops_;
  const int root_;
  std::atomic<bool>& unnamed_;
  UniqueFd file_;
  std::string name_;  // empty: it has none
  std::uint64_t bytes_ = 0;
  std::uint64_t started_ = 0;  // up to here the kernel was told to write
};

/// Removes the named spool files whose owners are dead.
Result<void> remove_spool_leftovers(FileOps& ops, int root);

}  // namespace calotype
