// SPDX-License-Identifier: Apache-2.0
// Uploads that come in pieces, as objects of the bucket, so that any server goes on with any
// upload:
//
//   <prefix>parts/mfrggzdfmztwq2lkmzxhi3lbnm/7-0000000000800000
//                 the upload                 the lease's fence, and the first byte's offset
//
// A piece is gathered in a local spool file and put when it has the size of a part, or when its
// request ends. The fence makes its name its writer's alone.
#pragma once

#include <memory>

#include "base/metrics.hpp"
#include "blobs/s3_settings.hpp"
#include "blobs/upload_parts.hpp"

namespace calotype {

/// storage_failed. The store of the same settings is open, and stays so for longer: the spool is in
/// its folder.
Result<std::unique_ptr<UploadParts>> open_s3_parts(const S3Settings& settings, Metrics& metrics);

}  // namespace calotype
