// SPDX-License-Identifier: Apache-2.0
// The folder store's keys in order, from any key on, reading only the folders that the answer
// needs.
#pragma once

#include "blobs/blob_store.hpp"
#include "blobs/file_ops.hpp"

namespace calotype {

/// BlobLister::list over the store at `root`.
Result<std::vector<BlobEntry>> list_folder(FileOps& ops, int root, std::string_view prefix,
                                           std::string_view after, std::size_t limit);

}  // namespace calotype
