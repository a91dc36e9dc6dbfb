// SPDX-License-Identifier: Apache-2.0
// The one place that chooses where bytes are kept.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "base/metrics.hpp"
#include "blobs/blob_store.hpp"
#include "blobs/folder_store.hpp"
#include "blobs/s3_settings.hpp"
#include "blobs/upload_parts.hpp"

namespace calotype {

using BlobSettings = std::variant<FolderSettings, S3Settings>;

/// "folder:/srv/blobs" or "http://127.0.0.1:9000/pictures/team-a/": where the bytes are, whatever
/// else is set.
std::string place_of(const BlobSettings& settings);

/// As open_folder_store or open_s3_store. `clock` and `metrics` outlive it.
Result<std::unique_ptr<BlobStore>> open_blobs(const BlobSettings& settings, const Clock& clock,
                                              Metrics& metrics);

/// Where uploads that come in pieces lie until they are whole: beside the blobs of an open store of
/// the same settings, which it does not outlive. storage_failed. `metrics` outlives it.
Result<std::unique_ptr<UploadParts>> open_upload_parts(const BlobSettings& settings,
                                                       Metrics& metrics);

/// What an operator may do with an S3 store besides serving from it.
class StorageUpkeep {
 public:
  virtual ~StorageUpkeep() = default;
  struct Step {
    std::string name;  // "put an object"
    Result<void> outcome;
  };
  /// Tries all that the store needs of its bucket, with an object that is removed again.
  virtual std::vector<Step> check() = 0;
  struct Lifecycle {
    int infrequent_after_days = 30;  // variants, from their making
    std::string infrequent_class = "STANDARD_IA";
    int abort_after_days = 2;  // uploads in parts that never ended
  };
  /// Puts our rules into the bucket's lifecycle beside those that others have there, in place of
  /// earlier ones of ours. Gives the ids of our rules.
  virtual Result<std::vector<std::string>> apply_lifecycle(const Lifecycle& lifecycle) = 0;
};
/// bad_config for a folder: there is nothing to keep up.
Result<std::unique_ptr<StorageUpkeep>> open_storage_upkeep(const BlobSettings& settings,
                                                           Metrics& metrics);

}  // namespace calotype
