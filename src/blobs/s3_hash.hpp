// SPDX-License-Identifier: Apache-2.0
// An object read again from S3 itself, for its hash: nothing of it is kept.
#pragma once

#include "blobs/blob_store.hpp"
#include "blobs/s3_client.hpp"

namespace calotype {

/// blob_not_found, storage_failed, cancelled.
Result<BlobReader::Hashed> hash_object(S3Client& client, const std::string& object,
                                       const std::stop_token& stop);

}  // namespace calotype
