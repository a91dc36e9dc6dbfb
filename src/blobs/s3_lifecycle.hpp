// SPDX-License-Identifier: Apache-2.0
// A bucket's lifecycle as we want it: variants go to infrequent access, what never ended goes away.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "blobs/open_blobs.hpp"
#include "blobs/s3_client.hpp"
#include "blobs/s3_xml.hpp"

namespace calotype {

/// A whole LifecycleConfiguration: `there` with our rules for this prefix in place of earlier ones.
XmlElement merge_lifecycle(const std::optional<XmlElement>& there, const std::string& prefix,
                           const StorageUpkeep::Lifecycle& lifecycle);

/// The ids of our rules, which are in force when it returns. storage_failed, bad_config.
Result<std::vector<std::string>> put_lifecycle(S3Client& client,
                                               const StorageUpkeep::Lifecycle& lifecycle);

}  // namespace calotype
