// SPDX-License-Identifier: Apache-2.0
#include "blobs/s3_probe.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <format>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "blobs/s3_multipart.hpp"
#include "blobs/s3_xml.hpp"

namespace calotype {
namespace {

constexpr std::size_t probe_bytes = 4'096;
constexpr S3ByteRange probe_range{.offset = 2'500, .bytes = 100};

/// An object that is there for as long as this is.
class Probe {
 public:
  explicit Probe(S3Client& client)
      : client_(client),
        key_(client.settings().place.prefix + "probe/" + new_id(SystemClock().now())),
        bytes_(probe_bytes) {
    random_bytes(bytes_);
  }
  ~Probe() { static_cast<void>(remove()); }  // best effort: the lifecycle expires probes
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  Result<S3Answer> ask(const S3Request& request) {
    TRY(S3Answer answer, client_.send(request));
    if (answer.ok()) return answer;
    if (const auto fault = client_.config_fault(answer)) return fail(ErrorCode::bad_config, *fault);
    return std::unexpected(client_.error_of(request, answer));
  }

  Result<void> list() {
    const std::string query = "encoding-type=url&list-type=2&max-keys=1&prefix=" +
                              url_encoded(client_.settings().place.prefix);
    TRY(const S3Answer answer, ask({.operation = S3Operation::check, .query = query}));
    if (parse_list_page(answer.body)) return {};
    return fail(ErrorCode::bad_config,
                std::format("What listens at {} answers, but not as S3 does.",
                            client_.settings().place.endpoint));
  }

  Result<void> put() {
    S3Request request{.operation = S3Operation::check,
                      .method = "PUT",
                      .key = key_,
                      .body = S3Body::of(bytes_),
                      .payload_sha256 = Sha256::of(bytes_).hex()};
    TRY_VOID(ask(request));
    there_ = true;
    return {};
  }

  Result<void> refuses_changed_bytes() {
    const S3Request request{.operation = S3Operation::check,
                            .method = "PUT",
                            .key = key_ + "-changed",
                            .body = S3Body::of(bytes_),
                            .payload_sha256 = Sha256::of(as_bytes("something else")).hex()};
    TRY(const S3Answer answer, client_.send(request));
    if (!answer.ok()) return {};
    TRY_VOID(ask({.operation = S3Operation::check, .method = "DELETE", .key = request.key}));
    return fail(ErrorCode::storage_failed,
                "It took bytes that do not have the hash they were sent with.");
  }

  Result<void> get() {
    TRY(const S3Answer answer, ask({.operation = S3Operation::check, .key = key_}));
    if (answer.body == as_text(bytes_)) return {};
    return fail(ErrorCode::storage_failed, "It gave back other bytes than it was given.");
  }

  Result<bool> gives_range() {
    S3Request request{.operation = S3Operation::check, .key = key_};
    request.range = probe_range;
    request.probes_range = true;
    TRY(const S3Answer answer, ask(request));
    return answer.status == 206 &&
           answer.body == as_text(ByteSpan(bytes_).subspan(probe_range.offset, probe_range.bytes));
  }

  Result<void> begin_parts_and_abort() {
    TRY(const S3Answer answer,
        ask({.operation = S3Operation::check, .method = "POST", .key = key_, .query = "uploads="}));
    const auto id = parse_upload_id(answer.body);
    if (!id) return fail(ErrorCode::storage_failed, "It gave no id for an upload in parts.");
    TRY_VOID(ask({.operation = S3Operation::check,
                  .method = "DELETE",
                  .key = key_,
                  .query = "uploadId=" + url_encoded(*id)}));
    return {};
  }

  const std::string& key() const { return key_; }
  void is_there() { there_ = true; }

  Result<void> remove() {
    if (!there_) return {};
    TRY_VOID(ask({.operation = S3Operation::check, .method = "DELETE", .key = key_}));
    there_ = false;
    return {};
  }

 private:
  S3Client& client_;
  const std::string key_;
  std::vector<std::byte> bytes_;
  bool there_ = false;
};

}  // namespace

Result<bool> keeps_to_ranges(S3Client& client) {
  Probe probe(client);
  TRY_VOID(probe.put());
  return probe.gives_range();
}

Result<bool> joins_parts(S3Client& client) {
  const std::uint64_t part = client.settings().part_bytes;
  Probe probe(client);
  const UniqueFd file(::memfd_create("parts", MFD_CLOEXEC));
  std::vector<std::byte> piece(std::size_t{1} << 20);
  Sha256 put;
  std::uint64_t bytes = 0;
  while (bytes <= part) {
    random_bytes(piece);
    put.update(piece);
    if (::write(file.get(), piece.data(), piece.size()) != static_cast<ssize_t>(piece.size()))
      return fail_errno(ErrorCode::storage_failed, "There is no memory to try an upload in parts.",
                        errno);
    bytes += piece.size();
  }
  TRY_VOID(put_in_parts(client, probe.key(), file.get(), bytes, {}, {}));
  probe.is_there();
  Sha256 got;
  S3Request request{.operation = S3Operation::check, .key = probe.key(), .open_ended = true};
  request.sink = [&](ByteSpan read) {
    got.update(read);
    return S3Taken::all;
  };
  TRY_VOID(probe.ask(request));
  return got.finish() == put.finish();
}

std::vector<StorageUpkeep::Step> probe_bucket(S3Client& client) {
  Probe probe(client);
  std::vector<StorageUpkeep::Step> steps;
  const auto step = [&](std::string name, Result<void> outcome) {
    steps.push_back({std::move(name), std::move(outcome)});
    return steps.back().outcome.has_value();
  };
  if (!step("list the bucket", probe.list()) || !step("put an object", probe.put())) return steps;
  step("refuse an object that was changed on its way", probe.refuses_changed_bytes());
  step("get it back", probe.get());
  const auto range = probe.gives_range();
  step("get a range of it",
       !range   ? std::unexpected(range.error())
       : *range ? Result<void>{}
                : fail(ErrorCode::storage_failed,
                       "It sends other bytes than the range it is asked for. Ranges are read from "
                       "the beginning of their object, which is slower."));
  step("begin an upload in parts and abort it", probe.begin_parts_and_abort());
  const auto joined = joins_parts(client);
  step("put an object in parts and get it back",
       !joined   ? std::unexpected(joined.error())
       : *joined ? Result<void>{}
                 : fail(ErrorCode::storage_failed,
                        "It mixes the parts up. Large files are put in one piece, up to 5 GiB."));
  step("remove the object", probe.remove());
  return steps;
}

}  // namespace calotype
