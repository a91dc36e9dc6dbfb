// SPDX-License-Identifier: Apache-2.0
#include "blobs/s3_multipart.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <format>
#include <thread>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "blobs/blob_store.hpp"
#include "blobs/s3_xml.hpp"

namespace calotype {
namespace {

constexpr std::uint64_t parts_max = 10'000;
constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

/// At least as set; more where the file would have too many of them.
std::uint64_t part_bytes_for(std::uint64_t bytes, std::uint64_t wanted) {
  const std::uint64_t least = (bytes + parts_max - 1) / parts_max;
  return std::max(wanted, (least + mebibyte - 1) / mebibyte * mebibyte);
}

Result<Digest> hash_part(int fd, std::uint64_t offset, std::uint64_t bytes) {
  Sha256 hash;
  std::vector<std::byte> buffer(std::size_t{256} << 10);
  while (bytes > 0) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, buffer.size()));
    const ssize_t got = ::pread(fd, buffer.data(), wanted, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return fail_errno(ErrorCode::storage_failed, "The upload cannot be read back.",
                        got == 0 ? EIO : errno);
    hash.update(std::span(buffer).first(static_cast<std::size_t>(got)));
    offset += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::uint64_t>(got);
  }
  return hash.finish();
}

/// One upload, from its id to its end.
class PartedUpload {
 public:
  PartedUpload(S3Client& client, const std::string& key, std::string id, int fd,
               std::uint64_t bytes, const std::stop_token& stop)
      : client_(client),
        key_(key),
        id_(std::move(id)),
        fd_(fd),
        bytes_(bytes),
        part_bytes_(part_bytes_for(bytes, client.settings().part_bytes)),
        tags_((bytes + part_bytes_ - 1) / part_bytes_),
        outside_(stop, [this] { stop_.request_stop(); }) {}

  Result<void> send() {
    {
      const std::size_t threads = std::min(client_.settings().parts_at_once, tags_.size());
      std::vector<std::jthread> senders;
      for (std::size_t i = 0; i < threads; ++i) senders.emplace_back([this] { send_parts(); });
    }
    if (error_) return std::unexpected(*error_);
    return complete();
  }

  void abort() {
    const S3Request request{.operation = S3Operation::abort_multipart,
                            .method = "DELETE",
                            .key = key_,
                            .query = "uploadId=" + url_encoded(id_)};
    const auto answer = client_.send(request);
    if (answer && (answer->ok() || answer->status == 404)) return;
    log::warn(
        "parts of an upload stay in S3 until the scrub or the lifecycle removes them",
        {{"key", key_}, {"error", answer ? client_.error_of(request, *answer) : answer.error()}});
  }

 private:
  void send_parts() {
    while (!stop_.stop_requested()) {
      const std::size_t index = next_.fetch_add(1);
      if (index >= tags_.size()) return;
      auto tag = send_part(index);
      if (tag) {
        tags_[index] = *std::move(tag);
        continue;
      }
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::move(tag).error();
      stop_.request_stop();
    }
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = fail(ErrorCode::cancelled, "The server is stopping.").error();
  }

  Result<std::string> send_part(std::size_t index) {
    const std::uint64_t offset = index * part_bytes_;
    const std::uint64_t size = std::min(part_bytes_, bytes_ - offset);
    TRY(const Digest hash, hash_part(fd_, offset, size));
    const S3Request request{
        .operation = S3Operation::put_part,
        .method = "PUT",
        .key = key_,
        .query = std::format("partNumber={}&uploadId={}", index + 1, url_encoded(id_)),
        .body = S3Body::of(fd_, offset, size),
        .payload_sha256 = hash.hex()};
    TRY(const S3Answer answer, client_.send(request, stop_.get_token()));
    if (!answer.ok()) return std::unexpected(client_.error_of(request, answer));
    if (answer.etag.empty())
      return fail(ErrorCode::storage_failed, "The bytes cannot be stored now.",
                  "S3 gave no ETag for a part");
    return answer.etag;
  }

  Result<void> complete() {
    XmlElement document{.name = "CompleteMultipartUpload"};
    for (std::size_t i = 0; i < tags_.size(); ++i)
      document.children.push_back(
          {.name = "Part",
           .children = {{.name = "PartNumber", .text = std::to_string(i + 1)},
                        {.name = "ETag", .text = tags_[i]}}});
    const std::string body = to_xml(document);
    const S3Request request{.operation = S3Operation::complete_multipart,
                            .method = "POST",
                            .key = key_,
                            .query = "uploadId=" + url_encoded(id_),
                            .body = S3Body::of(as_bytes(body)),
                            .payload_sha256 = Sha256::of(as_bytes(body)).hex(),
                            .slow = true};
    TRY(const S3Answer answer, client_.send(request, stop_.get_token()));
    // S3 begins to answer 200 before it is done; what has gone wrong then stands in the body.
    const auto refused = parse_s3_error(answer.body);
    if (answer.ok() && !refused) return {};
    if (answer.status == 404 && is_there()) return {};  // an attempt whose answer was lost
    return std::unexpected(client_.error_of(request, answer));
  }

  bool is_there() {
    const auto answer =
        client_.send({.operation = S3Operation::head, .method = "HEAD", .key = key_});
    return answer && answer->ok() && answer->content_length == bytes_;
  }

  S3Client& client_;
  const std::string& key_;
  const std::string id_;
  const int fd_;
  const std::uint64_t bytes_;
  const std::uint64_t part_bytes_;
  std::vector<std::string> tags_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;
  std::optional<Error> error_;
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> outside_;
};

}  // namespace

Result<void> put_in_parts(S3Client& client, const std::string& key, int fd, std::uint64_t bytes,
                          const std::string& storage_class, const std::stop_token& stop) {
  S3Request request{.operation = S3Operation::create_multipart,
                    .method = "POST",
                    .key = key,
                    .query = "uploads="};
  if (!storage_class.empty()) request.headers.push_back("x-amz-storage-class: " + storage_class);
  TRY(const S3Answer answer, client.send(request, stop));
  if (!answer.ok()) return std::unexpected(client.error_of(request, answer));
  auto id = parse_upload_id(answer.body);
  if (!id)
    return fail(ErrorCode::storage_failed, "The bytes cannot be stored now.",
                "S3 gave no id for an upload in parts");
  PartedUpload upload(client, key, *std::move(id), fd, bytes, stop);
  auto sent = upload.send();
  if (!sent) upload.abort();
  return sent;
}

Result<void> abort_old_uploads(S3Client& client, Timestamp began_before) {
  S3UploadPage page;
  do {
    std::string query = "encoding-type=url";
    if (!page.key_marker.empty()) query += "&key-marker=" + url_encoded(page.key_marker);
    query += "&prefix=" + url_encoded(client.settings().place.prefix);
    if (!page.upload_marker.empty())
      query += "&upload-id-marker=" + url_encoded(page.upload_marker);
    query += "&uploads=";
    const S3Request request{.operation = S3Operation::list_multiparts, .query = std::move(query)};
    TRY(const S3Answer answer, client.send(request));
    if (!answer.ok()) return std::unexpected(client.error_of(request, answer));
    auto parsed = parse_upload_page(answer.body);
    if (!parsed)
      return fail(ErrorCode::storage_failed, "The store cannot be listed now.",
                  "S3 answered something else than a list of uploads");
    page = *std::move(parsed);
    for (const S3ListedUpload& upload : page.uploads) {
      // In a shared bucket without a prefix only what can be ours.
      const bool ours = BlobKey::parse(std::string_view(upload.key)
                                           .substr(std::min(client.settings().place.prefix.size(),
                                                            upload.key.size())))
                            .has_value();
      if (!ours || upload.initiated >= began_before) continue;
      log::info("parts without an owner are removed", {{"key", upload.key}});
      const S3Request abort{.operation = S3Operation::abort_multipart,
                            .method = "DELETE",
                            .key = upload.key,
                            .query = "uploadId=" + url_encoded(upload.upload_id)};
      TRY(const S3Answer aborted, client.send(abort));
      if (!aborted.ok() && aborted.status != 404)
        return std::unexpected(client.error_of(abort, aborted));
    }
  } while (!page.key_marker.empty());
  return {};
}

}  // namespace calotype
