// SPDX-License-Identifier: Apache-2.0
// Objects of a bucket, each on its way through a file without a name: hashed while it comes, and
// sent, where it has to be, from there.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/metrics.hpp"
#include "base/write_all.hpp"
#include "blobs/bucket_reader.hpp"
#include "cli/import_source.hpp"

namespace calotype {
namespace {

std::string from_environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string(value);
}

Result<UniqueFd> nameless_file() {
  std::string folder = from_environment("TMPDIR");
  if (folder.empty()) folder = "/tmp";
  UniqueFd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file) return file;
  std::string name = folder + "/calotype-import-XXXXXX";
  file = UniqueFd(::mkostemp(name.data(), O_CLOEXEC));
  if (!file) return fail_errno(ErrorCode::storage_failed, "No file can be made in TMPDIR.", errno);
  ::unlink(name.c_str());
  return file;
}

Result<void> append(int fd, ByteSpan bytes) {
  if (write_all(fd, bytes)) return {};
  return fail_errno(ErrorCode::insufficient_storage, "TMPDIR has no room for it.", errno);
}

class BucketSource final : public ImportSource {
 public:
  explicit BucketSource(const S3Settings& settings)
      : id_(settings.place.base_url() + "/" + settings.place.prefix), settings_(settings) {}
  const std::string& id() const override { return id_; }

  Result<void> open() {
    TRY(bucket_, open_bucket(settings_, metrics_));
    return {};
  }

  Result<ImportListing> list(bool all, const std::stop_token& stop) override {
    ImportListing listing;
    std::string next;
    do {
      if (stop.stop_requested()) return fail(ErrorCode::cancelled, "Stopped.");
      TRY(auto page, bucket_->list(next));
      for (auto& object : page.objects) {
        const bool is_hidden = object.name.starts_with('.') || object.name.contains("/.");
        if (!all && (is_hidden || !is_media_name(object.name))) {
          ++listing.skipped;
          continue;
        }
        listing.items.push_back({std::move(object.name), object.bytes,
                                 object.etag.empty() ? "none" : std::move(object.etag)});
      }
      next = std::move(page.next);
    } while (!next.empty());
    return listing;
  }

  Result<Read> read(const ImportItem& item, const std::stop_token& stop) override {
    TRY(UniqueFd fd, nameless_file());
    Read read{.file = {std::move(fd), 0, item.name}, .digest = {}};
    Sha256 hash;
    const auto got = bucket_->get(
        {.name = item.name, .bytes = item.bytes, .etag = item.stamp == "none" ? "" : item.stamp},
        [&](ByteSpan piece) -> Result<void> {
          hash.update(piece);
          read.file.bytes += piece.size();
          return append(read.file.fd.get(), piece);
        },
        stop);
    if (!got && got.error().code == ErrorCode::blob_not_found)
      return fail(ErrorCode::bad_request, "It has changed or gone since the bucket was listed.");
    if (!got) return std::unexpected(got.error());
    if (read.file.bytes == 0) return fail(ErrorCode::missing_upload, "It is empty.");
    if (read.file.bytes != item.bytes)
      return fail(ErrorCode::bad_request, "S3 gave other bytes than it had listed.");
    read.digest = hash.finish();
    return read;
  }

 private:
  const std::string id_;
  const S3Settings settings_;
  Metrics metrics_;
  std::unique_ptr<BucketReader> bucket_;
};

}  // namespace

Result<std::unique_ptr<ImportSource>> bucket_source(const std::string& url) {
  S3Settings settings;
  TRY(settings.place, parse_s3_url(url));
  settings.access_key = from_environment("AWS_ACCESS_KEY_ID");
  settings.secret_key = from_environment("AWS_SECRET_ACCESS_KEY");
  settings.session_token = from_environment("AWS_SESSION_TOKEN");
  settings.ca_file = from_environment("AWS_CA_BUNDLE");
  settings.folder = "unused";
  if (settings.access_key.empty())
    return fail(ErrorCode::bad_config,
                "The bucket's keys are missing: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.");
  auto source = std::make_unique<BucketSource>(settings);
  TRY_VOID(source->open());
  return source;
}

}  // namespace calotype
