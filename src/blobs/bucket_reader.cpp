// SPDX-License-Identifier: Apache-2.0
#include "blobs/bucket_reader.hpp"

#include <format>
#include <optional>

#include "blobs/s3_client.hpp"
#include "blobs/s3_xml.hpp"

namespace calotype {
namespace {

constexpr std::size_t page_max = 1'000;

/// Ours are plain; others' names have blanks and worse in them.
std::string path_encoded(std::string_view name) {
  std::string path;
  while (true) {
    const auto slash = name.find('/');
    path += url_encoded(name.substr(0, slash));
    if (slash == name.npos) return path;
    path += '/';
    name.remove_prefix(slash + 1);
  }
}

class S3Bucket final : public BucketReader {
 public:
  S3Bucket(const S3Settings& settings, Metrics& metrics) : client_(settings, metrics) {}

  Result<Page> list(const std::string& next) override {
    const std::string& prefix = client_.settings().place.prefix;
    S3Request request{.operation = S3Operation::list};
    if (!next.empty()) request.query = "continuation-token=" + url_encoded(next) + "&";
    request.query += std::format("encoding-type=url&list-type=2&max-keys={}&prefix={}", page_max,
                                 url_encoded(prefix));
    TRY(const S3Answer answer, client_.send(request));
    if (!answer.ok()) return std::unexpected(fault(request, answer));
    auto found = parse_list_page(answer.body);
    if (!found) return fail(ErrorCode::storage_failed, "S3 answered something else than a list.");
    Page page{.objects = {}, .next = std::move(found->continuation)};
    for (S3ListedObject& object : found->objects)
      if (object.key.starts_with(prefix) && !object.key.ends_with('/'))
        page.objects.push_back(
            {object.key.substr(prefix.size()), object.bytes, std::move(object.etag)});
    return page;
  }

  Result<void> get(const Object& object, const Sink& sink, const std::stop_token& stop) override {
    std::optional<Error> failed;
    S3Request request{.operation = S3Operation::get,
                      .key = path_encoded(client_.settings().place.prefix + object.name)};
    if (!object.etag.empty()) request.headers.push_back("If-Match: " + object.etag);
    request.open_ended = true;
    request.sink = [&](ByteSpan piece) {
      auto taken = sink(piece);
      if (taken) return S3Taken::all;
      failed = std::move(taken).error();
      return S3Taken::never;
    };
    const auto answer = client_.send(request, stop);
    if (failed) return std::unexpected(*failed);
    if (!answer) return std::unexpected(answer.error());
    if (answer->status == 404 || answer->status == 412)
      return fail(ErrorCode::blob_not_found, "It is gone, or another one by now.");
    if (!answer->ok()) return std::unexpected(fault(request, *answer));
    return {};
  }

 private:
  Error fault(const S3Request& request, const S3Answer& answer) const {
    if (const auto wrong = client_.config_fault(answer))
      return fail(ErrorCode::bad_config, *wrong).error();
    return client_.error_of(request, answer);
  }

  S3Client client_;
};

}  // namespace

Result<std::unique_ptr<BucketReader>> open_bucket(const S3Settings& settings, Metrics& metrics) {
  TRY_VOID(settings.validate());
  return std::make_unique<S3Bucket>(settings, metrics);
}

}  // namespace calotype
