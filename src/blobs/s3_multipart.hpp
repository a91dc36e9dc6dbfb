// SPDX-License-Identifier: Apache-2.0
// A large file in parts, several at once. Each part is signed with its own hash, so that S3 refuses
// a part that was changed on its way; the object appears when all parts are there, whole. Whatever
// goes wrong, a stop included, the upload is aborted, so that no part stays behind; what even that
// does not reach (S3 away, power cut) is found by the scrub or by the bucket's lifecycle.
#pragma once

#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "blobs/s3_client.hpp"

namespace calotype {

/// The file's first `bytes` bytes become the object. cancelled, or as S3Client::send.
Result<void> put_in_parts(S3Client& client, const std::string& key, int fd, std::uint64_t bytes,
                          const std::string& storage_class, const std::stop_token& stop);

/// Aborts uploads below the prefix that began before: they belong to nobody any more.
Result<void> abort_old_uploads(S3Client& client, Timestamp began_before);

}  // namespace calotype
