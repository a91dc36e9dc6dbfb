// SPDX-License-Identifier: Apache-2.0
// Blobs as files of one folder, on one file system that has hard links:
//
//   raw/9f/86/9f86d081…    as blob_store.hpp says, one file a key
//   proofs/…  variants/…
//   spool/                 bytes on their way in: files without a name (O_TMPFILE), or with one
//   where
//                          the file system has no such files
//
// A name appears only when the bytes behind it are on the disk, and publish returns only when the
// name is too. So a file that has a key for its name is whole, whatever was cut off and when.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "blobs/blob_store.hpp"
#include "blobs/file_ops.hpp"
#include "blobs/folder_publisher.hpp"

namespace calotype {

struct FolderSettings {
  std::string folder;  // made where it is missing; its parent has to be there
  /// What is left free of the disk: below it an upload is refused, below half of it proofs and
  /// variants too. So the catalog beside it can still write, and a full store be deleted from.
  std::uint64_t free_bytes_min = std::uint64_t{64} << 20;
  /// Nothing: as the file system has it (journal for XFS and for ext4 with its journal, else each).
  std::optional<FolderFlush> flush = std::nullopt;
};

/// storage_failed, insufficient_storage. Spool files that a dead process has left are removed;
/// those of a living one are not, and several processes may have the same folder open. `ops`
/// outlives it.
Result<std::unique_ptr<BlobStore>> open_folder_store(const FolderSettings& settings,
                                                     FileOps& ops = kernel_file_ops());

}  // namespace calotype
