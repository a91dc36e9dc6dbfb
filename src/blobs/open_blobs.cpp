// SPDX-License-Identifier: Apache-2.0
#include "blobs/open_blobs.hpp"

#include <filesystem>

#include "blobs/folder_parts.hpp"
#include "blobs/s3_client.hpp"
#include "blobs/s3_lifecycle.hpp"
#include "blobs/s3_parts.hpp"
#include "blobs/s3_probe.hpp"
#include "blobs/s3_store.hpp"

namespace calotype {
namespace {

class S3Upkeep final : public StorageUpkeep {
 public:
  S3Upkeep(const S3Settings& settings, Metrics& metrics) : client_(settings, metrics) {}
  std::vector<Step> check() override { return probe_bucket(client_); }
  Result<std::vector<std::string>> apply_lifecycle(const Lifecycle& lifecycle) override {
    return put_lifecycle(client_, lifecycle);
  }

 private:
  S3Client client_;
};

}  // namespace

std::string place_of(const BlobSettings& settings) {
  if (const auto* s3 = std::get_if<S3Settings>(&settings))
    return s3->place.base_url() + "/" + s3->place.prefix;
  const std::string& folder = std::get<FolderSettings>(settings).folder;
  std::error_code error;
  const auto path = std::filesystem::weakly_canonical(folder, error);
  return "folder:" + (error ? folder : path.string());
}

Result<std::unique_ptr<BlobStore>> open_blobs(const BlobSettings& settings, const Clock& clock,
                                              Metrics& metrics) {
  if (const auto* folder = std::get_if<FolderSettings>(&settings))
    return open_folder_store(*folder);
  return open_s3_store(std::get<S3Settings>(settings), clock, metrics);
}

Result<std::unique_ptr<UploadParts>> open_upload_parts(const BlobSettings& settings,
                                                       Metrics& metrics) {
  if (const auto* folder = std::get_if<FolderSettings>(&settings))
    return open_folder_parts(*folder);
  return open_s3_parts(std::get<S3Settings>(settings), metrics);
}

Result<std::unique_ptr<StorageUpkeep>> open_storage_upkeep(const BlobSettings& settings,
                                                           Metrics& metrics) {
  const auto* s3 = std::get_if<S3Settings>(&settings);
  if (s3 == nullptr)
    return fail(ErrorCode::bad_config,
                "The bytes are in a folder, which needs no such thing: `blobs` is not s3://….");
  TRY_VOID(s3->validate());
  return std::make_unique<S3Upkeep>(*s3, metrics);
}

}  // namespace calotype
