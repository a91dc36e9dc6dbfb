// SPDX-License-Identifier: Apache-2.0
// Blobs as objects of an S3 bucket, under the place's prefix and the keys of blob_store.hpp, with a
// local cache in front (blob_cache.hpp). An object appears whole or not at all, by S3's promise,
// and S3 holds what it is sent against the hash that the request is signed with.
//
// One request a put and one a get. An original is put on condition that its key is free
// (If-None-Match), so that bytes which are there already are not written again; where a server does
// not know that condition, it puts the same bytes over themselves, which harms nobody.
#pragma once

#include <memory>

#include "base/metrics.hpp"
#include "blobs/blob_store.hpp"
#include "blobs/s3_settings.hpp"

namespace calotype {

/// bad_config where S3 says that the settings are wrong, with a message that says what to do; where
/// it does not answer the store opens all the same, and check tells.
Result<std::unique_ptr<BlobStore>> open_s3_store(const S3Settings& settings, const Clock& clock,
                                                 Metrics& metrics);

}  // namespace calotype
