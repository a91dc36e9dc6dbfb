// SPDX-License-Identifier: Apache-2.0
// What a bucket can do, tried with an object under "probe/" that is removed again.
#pragma once

#include <string>
#include <vector>

#include "blobs/open_blobs.hpp"
#include "blobs/s3_client.hpp"

namespace calotype {

/// Whether S3 gives the range that it is asked for. Ceph's radosgw 18 over dbstore, for one, says
/// 206 with the right Content-Range and sends bytes from elsewhere in the object.
Result<bool> keeps_to_ranges(S3Client& client);

/// Whether an object that was put in parts is read as it was put; the same server, for one, mixes
/// the parts up.
Result<bool> joins_parts(S3Client& client);

/// Each thing that the store needs, in order; ends at the first without which nothing else goes.
std::vector<StorageUpkeep::Step> probe_bucket(S3Client& client);

}  // namespace calotype
