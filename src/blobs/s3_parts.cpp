// SPDX-License-Identifier: Apache-2.0
#include "blobs/s3_parts.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <format>
#include <utility>

#include "blobs/folder_spool.hpp"
#include "blobs/s3_client.hpp"
#include "blobs/s3_xml.hpp"

namespace calotype {
namespace {

constexpr std::size_t page_max = 1'000;  // S3's own limit

class S3Writer final : public UploadWriter {
 public:
  S3Writer(S3Client& client, FolderSpool& spool, std::string folder, std::int64_t fence,
           std::uint64_t offset)
      : client_(client),
        spool_(spool),
        folder_(std::move(folder)),
        fence_(fence),
        offset_(offset) {}

  Result<void> append(ByteSpan bytes) override {
    while (!bytes.empty()) {
      if (!file_) file_ = spool_.make(client_.settings().free_bytes_min);
      const std::uint64_t room = client_.settings().part_bytes - file_->bytes();
      const auto piece =
          bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(room, bytes.size())));
      TRY_VOID(file_->append(piece));
      hash_.update(piece);
      bytes = bytes.subspan(piece.size());
      if (piece.size() == room) TRY_VOID(put_part());
    }
    return {};
  }

  Result<std::vector<std::string>> flush() override {
    if (file_) TRY_VOID(put_part());
    return std::exchange(parts_, {});
  }

 private:
  Result<void> put_part() {
    const auto memory = file_->in_memory();
    if (!memory) TRY_VOID(file_->settle());
    std::string name = std::format("{}-{:016x}", fence_, offset_);
    const S3Request request{
        .operation = S3Operation::put,
        .method = "PUT",
        .key = folder_ + name,
        .body = memory ? S3Body::of(*memory) : S3Body::of(file_->fd(), 0, file_->bytes()),
        .payload_sha256 = hash_.finish().hex()};
    TRY(const S3Answer answer, client_.send(request));
    if (!answer.ok()) return std::unexpected(client_.error_of(request, answer));
    offset_ += file_->bytes();
    parts_.push_back(std::move(name));
    file_.reset();
    return {};
  }

  S3Client& client_;
  FolderSpool& spool_;
  const std::string folder_;
  const std::int64_t fence_;
  std::uint64_t offset_;  // of the part that is being gathered
  std::unique_ptr<FolderSpoolFile> file_;
  Sha256 hash_;
  std::vector<std::string> parts_;
};

class S3Parts final : public UploadParts {
 public:
  S3Parts(const S3Settings& settings, Metrics& metrics, UniqueFd folder)
      : folder_(std::move(folder)),
        spool_(kernel_file_ops(), folder_.get(), false),
        client_(settings, metrics) {}

  Result<std::unique_ptr<UploadWriter>> resume(const KeptUpload& upload,
                                               std::int64_t fence) override {
    return std::make_unique<S3Writer>(client_, spool_, folder_of(upload.id), fence, upload.bytes);
  }

  Result<std::unique_ptr<SpoolFile>> assemble(const KeptUpload& upload) override {
    auto file = spool_.make(client_.settings().free_bytes_min);
    TRY_VOID(read(upload, [&](ByteSpan piece) { return file->append(piece); }));
    return file;
  }

  Result<void> read(const KeptUpload& upload, const Take& take) override {
    std::uint64_t bytes = 0;
    for (const std::string& part : upload.parts) {
      TRY(const std::uint64_t got, read_part(folder_of(upload.id) + part, take));
      bytes += got;
    }
    if (bytes == upload.bytes) return {};
    return fail(ErrorCode::upload_gone, "The upload's bytes are not here any more.",
                std::format("{} of {} bytes of {}", bytes, upload.bytes, upload.id));
  }

  Result<void> remove(std::string_view id) override {
    const std::string folder = folder_of(id);
    while (true) {
      const S3Request list{
          .operation = S3Operation::list,
          .query = std::format("encoding-type=url&list-type=2&max-keys={}&prefix={}", page_max,
                               url_encoded(folder))};
      TRY(const S3Answer answer, client_.send(list));
      if (!answer.ok()) return std::unexpected(client_.error_of(list, answer));
      const auto page = parse_list_page(answer.body);
      if (!page)
        return fail(ErrorCode::storage_failed, "The store cannot be listed now.",
                    "S3 answered something else than a list");
      for (const S3ListedObject& object : page->objects) TRY_VOID(remove_object(object.key));
      if (page->continuation.empty()) return {};
    }
  }

 private:
  std::string folder_of(std::string_view id) const {
    return client_.settings().place.prefix + "parts/" + std::string(id) + "/";
  }

  Result<std::uint64_t> read_part(std::string key, const Take& take) {
    std::uint64_t bytes = 0;
    std::optional<Error> failed;
    S3Request request{.operation = S3Operation::get, .key = std::move(key)};
    request.open_ended = true;
    request.sink = [&](ByteSpan piece) {
      bytes += piece.size();
      auto taken = take(piece);
      if (taken) return S3Taken::all;
      failed = std::move(taken).error();
      return S3Taken::never;
    };
    const auto answer = client_.send(request);
    if (failed) return std::unexpected(*failed);
    if (!answer) return std::unexpected(answer.error());
    if (answer->status == 404)
      return fail(ErrorCode::upload_gone, "The upload's bytes are not here any more.", request.key);
    if (!answer->ok()) return std::unexpected(client_.error_of(request, *answer));
    return bytes;
  }

  Result<void> remove_object(const std::string& key) {
    const S3Request request{.operation = S3Operation::remove, .method = "DELETE", .key = key};
    TRY(const S3Answer answer, client_.send(request));
    if (answer.ok() || answer.status == 404) return {};
    return std::unexpected(client_.error_of(request, answer));
  }

  const UniqueFd folder_;
  FolderSpool spool_;
  S3Client client_;
};

}  // namespace

Result<std::unique_ptr<UploadParts>> open_s3_parts(const S3Settings& settings, Metrics& metrics) {
  UniqueFd folder(::open(settings.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return fail_errno(ErrorCode::storage_failed, "The spool cannot be opened.", errno);
  return std::make_unique<S3Parts>(settings, metrics, std::move(folder));
}

}  // namespace calotype
