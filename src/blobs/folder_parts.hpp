// SPDX-License-Identifier: Apache-2.0
// Uploads that come in pieces, as files below `parts` in the folder store's folder: one file an
// upload. It is locked (flock) by whoever writes it, and becomes the blob by one more link.
#pragma once

#include <memory>

#include "blobs/folder_store.hpp"
#include "blobs/upload_parts.hpp"

namespace calotype {

/// storage_failed. `ops` outlives it.
Result<std::unique_ptr<UploadParts>> open_folder_parts(const FolderSettings& settings,
                                                       FileOps& ops = kernel_file_ops());

}  // namespace calotype
