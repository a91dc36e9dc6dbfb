// SPDX-License-Identifier: Apache-2.0
#include "blobs/s3_store.hpp"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <format>
#include <set>

#include "base/log.hpp"
#include "blobs/blob_cache.hpp"
#include "blobs/s3_client.hpp"
#include "blobs/s3_hash.hpp"
#include "blobs/s3_multipart.hpp"
#include "blobs/s3_probe.hpp"
#include "blobs/s3_streams.hpp"
#include "blobs/s3_xml.hpp"

namespace calotype {
namespace {

constexpr std::size_t page_max = 1'000;                            // S3's own limit
constexpr std::uint64_t copy_bytes_max = std::uint64_t{5} << 30;   // likewise
constexpr std::uint64_t put_bytes_max = std::uint64_t{5} << 30;    // likewise
constexpr std::uint64_t stop_bytes_min = std::uint64_t{16} << 20;  // above it a transfer is long
constexpr std::chrono::milliseconds verdict_age_max{1'000};
constexpr std::chrono::milliseconds skew_ignored{2'000};

std::unexpected<Error> missing(const BlobKey& key) {
  return fail(ErrorCode::blob_not_found, "The bytes are not in the store.", key.text());
}
std::unexpected<Error> differs(const BlobKey& key) {
  return fail(ErrorCode::blob_corrupt, "Stored bytes differ from their hash.", key.text());
}

class S3Store final : public BlobStore {
 public:
  S3Store(const S3Settings& settings, const Clock& clock, Metrics& metrics,
          std::unique_ptr<BlobCache> cache)
      : clock_(clock), cache_(std::move(cache)), client_(settings, metrics), streams_(client_) {}

  Result<Blob> open(const BlobKey& key) override {
    return cache_->get(key, free_bytes_min() / 2,
                       [&](FolderSpoolFile& file) { return fetch(key, file); });
  }

  Result<bool> exists(const BlobKey& key) override {
    const S3Request request = head_of(key);
    TRY(const S3Answer answer, client_.send(request));
    if (answer.ok()) return true;
    if (is_missing(answer)) return false;
    return std::unexpected(client_.error_of(request, answer));
  }

  Result<std::string> read(const BlobKey& key, std::uint64_t bytes) override;
  Result<std::string> read_range(const BlobKey& key, std::uint64_t offset,
                                 std::size_t bytes) override;
  Result<BlobSource> source(const BlobKey& key, std::uint64_t bytes) override;

  Result<std::unique_ptr<SpoolFile>> spool() override {
    return cache_->spool().make(free_bytes_min());
  }
  Result<void> publish(SpoolFile& file, const BlobKey& key) override;
  Result<void> replace(SpoolFile& file, const BlobKey& key) override;
  Result<Hashed> hash(const BlobKey& key, const std::stop_token& stop) override {
    return hash_object(client_, object_of(key), stop);
  }
  Result<void> put(ByteSpan bytes, const BlobKey& key) override;
  Result<void> remove(const BlobKey& key) override;
  Result<void> remove_leftovers(Timestamp began_before) override {
    return abort_old_uploads(client_, began_before);
  }
  Result<std::vector<BlobEntry>> list(std::string_view prefix, std::string_view after,
                                      std::size_t limit) override;
  Result<void> check() override;
  void interrupt() override {
    stop_.request_stop();
    streams_.interrupt();
  }

  /// What S3 says to the settings: bad_config, or nothing where they work or it does not answer.
  Result<void> check_settings();

 private:
  class Remote;
  class Turn;

  const S3Settings& settings() const { return client_.settings(); }
  std::uint64_t free_bytes_min() const { return settings().free_bytes_min; }
  std::string object_of(const BlobKey& key) const { return settings().place.prefix + key.text(); }
  const std::string& class_of(const BlobKey& key) const {
    return key.is_original() ? settings().originals_class : settings().variants_class;
  }
  S3Request head_of(const BlobKey& key) const {
    return {.operation = S3Operation::head, .method = "HEAD", .key = object_of(key)};
  }
  /// The bucket is there, the object is not.
  bool is_missing(const S3Answer& answer) const {
    return answer.status == 404 && !client_.config_fault(answer);
  }
  /// Long transfers end when the server stops; short ones are finished.
  std::stop_token stop_for(std::uint64_t bytes) const {
    return bytes >= stop_bytes_min ? stop_.get_token() : std::stop_token{};
  }

  void learn_ranges();
  Result<bool> goes_in_parts(std::uint64_t bytes);
  Result<void> fetch(const BlobKey& key, FolderSpoolFile& file);
  Result<bool> put_object(const BlobKey& key, const S3Body& body, bool only_where_free);
  Result<void> upload(FolderSpoolFile& file, const BlobKey& key, bool only_where_free);
  Result<bool> keep_what_is_there(const BlobKey& key, std::uint64_t bytes);
  S3Request list_request(std::string_view prefix, std::string_view after, std::size_t limit,
                         const std::string& continuation) const;
  std::chrono::milliseconds skew_of(const S3Answer& answer) const;

  const Clock& clock_;
  const std::unique_ptr<BlobCache> cache_;
  S3Client client_;
  std::stop_source stop_;
  std::atomic<bool> knows_conditions_ = true;  // until S3 says that it has no If-None-Match

  std::mutex mutex_;
  std::condition_variable turn_over_;
  std::set<std::string> publishing_;

  std::mutex ranges_mutex_;
  bool ranges_known_ = false;
  std::mutex parts_mutex_;
  std::optional<bool> joins_parts_;

  std::mutex verdict_mutex_;
  std::optional<Result<void>> verdict_;
  std::chrono::steady_clock::time_point verdict_at_;

  S3Streams streams_;  // last: its thread uses the client
};

/// A blob that is streamed from S3.
class S3Store::Remote final : public RemoteBlob {
 public:
  Remote(S3Store& store, BlobKey key, std::uint64_t bytes)
      : store_(store), key_(std::move(key)), bytes_(bytes) {}
  Result<std::unique_ptr<BlobStream>> read(std::uint64_t offset, std::uint64_t bytes) override {
    if (offset > 0) store_.learn_ranges();
    return store_.streams_.open(key_, offset, bytes, offset == 0 && bytes == bytes_);
  }

 private:
  S3Store& store_;
  const BlobKey key_;
  const std::uint64_t bytes_;
};

/// The right to publish a key: one at a time in this process.
class S3Store::Turn {
 public:
  Turn(S3Store& store, const BlobKey& key) : store_(store), key_(key.text()) {
    std::unique_lock lock(store_.mutex_);
    waited_ = store_.publishing_.contains(key_);
    store_.turn_over_.wait(lock, [this] { return !store_.publishing_.contains(key_); });
    store_.publishing_.insert(key_);
  }
  ~Turn() {
    {
      const std::lock_guard lock(store_.mutex_);
      store_.publishing_.erase(key_);
    }
    store_.turn_over_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  /// Somebody has just published it, or tried to.
  bool waited() const { return waited_; }

 private:
  S3Store& store_;
  const std::string& key_;
  bool waited_ = false;
};

// --- out -

Result<void> S3Store::fetch(const BlobKey& key, FolderSpoolFile& file) {
  Sha256 hash;
  std::optional<Error> failed;
  S3Request request{.operation = S3Operation::get, .key = object_of(key)};
  request.open_ended = true;
  request.sink = [&](ByteSpan piece) {
    hash.update(piece);
    if (auto written = file.append(piece); !written) {
      failed = std::move(written).error();
      return S3Taken::never;
    }
    return S3Taken::all;
  };
  const auto answer = client_.send(request, stop_.get_token());
  if (failed) return std::unexpected(*failed);
  if (!answer) return std::unexpected(answer.error());
  if (is_missing(*answer)) return missing(key);
  if (!answer->ok()) return std::unexpected(client_.error_of(request, *answer));
  return hash.finish() == key.digest() ? Result<void>{} : differs(key);
}

/// Once, when the first range is wanted.
void S3Store::learn_ranges() {
  const std::lock_guard lock(ranges_mutex_);
  if (ranges_known_) return;
  const auto kept = settings().place.is_amazon() ? true : keeps_to_ranges(client_);
  ranges_known_ = kept.has_value();
  if (kept && *kept) client_.trust_ranges();
  if (kept && !*kept)
    log::warn(
        "this S3 gives other bytes than the range it is asked for; ranges are read from the "
        "beginning of their object");
}

Result<std::string> S3Store::read(const BlobKey& key, std::uint64_t bytes) {
  if (const auto near = cache_->find(key)) {
    std::string text(near->bytes, '\0');
    const ssize_t got = ::pread(near->file->get(), text.data(), text.size(), 0);
    if (near->bytes == bytes && got == static_cast<ssize_t>(bytes) &&
        Sha256::of(as_bytes(text)) == key.digest())
      return text;
    cache_->remove(key);
  }
  std::string text;
  text.reserve(bytes);
  S3Request request{.operation = S3Operation::get, .key = object_of(key), .bytes_expected = bytes};
  request.sink = [&](ByteSpan piece) {
    if (text.size() + piece.size() > bytes) return S3Taken::never;
    text.append(as_text(piece));
    return S3Taken::all;
  };
  const auto answer = client_.send(request, stop_for(bytes));
  if (!answer && answer.error().code == ErrorCode::cancelled && !stop_.stop_requested())
    return fail(ErrorCode::blob_corrupt, "Stored bytes have another size than their record.",
                key.text());
  if (!answer) return std::unexpected(answer.error());
  if (is_missing(*answer)) return missing(key);
  if (!answer->ok()) return std::unexpected(client_.error_of(request, *answer));
  if (text.size() != bytes || Sha256::of(as_bytes(text)) != key.digest()) return differs(key);
  if (cache_->missed_again(key)) cache_->keep(key, as_bytes(text), free_bytes_min() / 2);
  return text;
}

Result<std::string> S3Store::read_range(const BlobKey& key, std::uint64_t offset,
                                        std::size_t bytes) {
  if (bytes == 0) return std::string{};
  if (cache_->find(key)) return BlobReader::read_range(key, offset, bytes);
  learn_ranges();
  const S3Request request{.operation = S3Operation::get,
                          .key = object_of(key),
                          .range = S3ByteRange{offset, bytes},
                          .bytes_expected = bytes};
  TRY(S3Answer answer, client_.send(request, stop_for(bytes)));
  if (is_missing(answer)) return missing(key);
  if (answer.status == 416 || (answer.ok() && answer.body.size() != bytes))
    return fail(ErrorCode::blob_corrupt, "Stored bytes are cut off.", key.text());
  if (!answer.ok()) return std::unexpected(client_.error_of(request, answer));
  return std::move(answer.body);
}

Result<BlobSource> S3Store::source(const BlobKey& key, std::uint64_t bytes) {
  if (auto near = cache_->find(key); near && near->bytes == bytes)
    return BlobSource(*std::move(near));
  if (bytes == 0) return BlobReader::source(key, bytes);
  return BlobSource(std::make_shared<Remote>(*this, key, bytes));
}

// --- in -

/// Whether it was written; false where the key was not free.
Result<bool> S3Store::put_object(const BlobKey& key, const S3Body& body, bool only_where_free) {
  S3Request request{.operation = S3Operation::put,
                    .method = "PUT",
                    .key = object_of(key),
                    .body = body,
                    .payload_sha256 = key.digest().hex()};
  request.headers.push_back("x-amz-checksum-sha256: " + to_base64(key.digest().bytes));
  if (!class_of(key).empty()) request.headers.push_back("x-amz-storage-class: " + class_of(key));
  const bool conditional = only_where_free && knows_conditions_;
  if (conditional) request.headers.emplace_back("If-None-Match: *");
  TRY(const S3Answer answer, client_.send(request, stop_for(body.bytes)));
  if (answer.ok()) return true;
  if (conditional && answer.status == 412) return false;
  if (conditional && answer.status == 501) {
    log::info("this S3 has no conditional writes; bytes that are there are written again");
    knows_conditions_ = false;
    return put_object(key, body, false);
  }
  return std::unexpected(client_.error_of(request, answer));
}

/// Tried once, when the first large file comes: what S3 spoils must not be acknowledged.
Result<bool> S3Store::goes_in_parts(std::uint64_t bytes) {
  if (bytes < settings().multipart_min) return false;
  const std::lock_guard lock(parts_mutex_);
  if (!joins_parts_ && settings().place.is_amazon()) joins_parts_ = true;
  if (!joins_parts_) {
    TRY(joins_parts_, joins_parts(client_));
    if (!*joins_parts_)
      log::warn("this S3 mixes up the parts of large objects; they are put in one piece");
  }
  if (*joins_parts_ || bytes <= put_bytes_max) return *joins_parts_;
  return fail(ErrorCode::storage_failed, "So large a file cannot be stored here.",
              "more than 5 GiB need an upload in parts, which this S3 spoils");
}

/// False where it has to be put: it is not there, or not of that size. What has lain there for long
/// begins its age anew, by a copy onto itself that moves no bytes.
Result<bool> S3Store::keep_what_is_there(const BlobKey& key, std::uint64_t bytes) {
  const S3Request head = head_of(key);
  TRY(const S3Answer answer, client_.send(head));
  if (is_missing(answer)) return false;
  if (!answer.ok()) return std::unexpected(client_.error_of(head, answer));
  if (answer.content_length != bytes) {
    log::warn("a stored blob has the wrong size and is replaced",
              {{"key", key.text()}, {"expected", bytes}});
    return false;
  }
  const auto modified = parse_http_date(answer.last_modified);
  const auto now = parse_http_date(answer.date);
  if (!modified || !now || *now - *modified < settings().renew_age) return true;
  if (bytes > copy_bytes_max) return true;
  S3Request copy{
      .operation = S3Operation::copy,
      .method = "PUT",
      .key = object_of(key),
      .headers = {"x-amz-copy-source: /" + settings().place.bucket + "/" + object_of(key),
                  "x-amz-metadata-directive: REPLACE"}};
  if (!class_of(key).empty()) copy.headers.push_back("x-amz-storage-class: " + class_of(key));
  TRY(const S3Answer copied, client_.send(copy));
  if (is_missing(copied)) return false;
  if (!copied.ok() || parse_s3_error(copied.body))
    return std::unexpected(client_.error_of(copy, copied));
  return true;
}

Result<void> S3Store::upload(FolderSpoolFile& file, const BlobKey& key, bool only_where_free) {
  for (bool conditional = only_where_free;; conditional = false) {
    TRY(const bool parts, goes_in_parts(file.bytes()));
    if (parts) {
      TRY_VOID(file.settle());
      return put_in_parts(client_, object_of(key), file.fd(), file.bytes(), class_of(key),
                          stop_.get_token());
    }
    const auto memory = file.in_memory();
    if (!memory) TRY_VOID(file.settle());
    const auto body = memory ? S3Body::of(*memory) : S3Body::of(file.fd(), 0, file.bytes());
    TRY(const bool written, put_object(key, body, conditional));
    if (written) return {};
    TRY(const bool kept, keep_what_is_there(key, file.bytes()));
    if (kept) return {};
  }
}

Result<void> S3Store::publish(SpoolFile& file, const BlobKey& key) {
  FolderSpoolFile& own = own_file(file);
  const Turn turn(*this, key);
  // What was asked after this call began, so that a removal before it is seen.
  const bool look_first = turn.waited() || own.bytes() >= settings().multipart_min;
  bool there = false;
  if (look_first) {
    TRY(there, keep_what_is_there(key, own.bytes()));
  }
  if (!there) TRY_VOID(upload(own, key, key.is_original() && !look_first));
  cache_->keep(key, own);
  return {};
}

Result<void> S3Store::replace(SpoolFile& file, const BlobKey& key) {
  FolderSpoolFile& own = own_file(file);
  const Turn turn(*this, key);
  TRY_VOID(upload(own, key, false));
  cache_->remove(key);
  cache_->keep(key, own);
  return {};
}

Result<void> S3Store::put(ByteSpan bytes, const BlobKey& key) {
  if (key.is_original() || bytes.size() >= settings().multipart_min) {
    const auto file = cache_->spool().make(free_bytes_min() / 2);
    TRY_VOID(file->append(bytes));
    return publish(*file, key);
  }
  TRY_VOID(put_object(key, S3Body::of(bytes), false));
  // Pictures are made of proofs; a variant that was just made is in memory.
  if (key.text().starts_with("proofs/")) cache_->keep(key, bytes, free_bytes_min() / 2);
  return {};
}

Result<void> S3Store::remove(const BlobKey& key) {
  const S3Request request{
      .operation = S3Operation::remove, .method = "DELETE", .key = object_of(key)};
  TRY(const S3Answer answer, client_.send(request));
  cache_->remove(key);
  if (answer.ok() || is_missing(answer)) return {};
  return std::unexpected(client_.error_of(request, answer));
}

// --- what there is -

S3Request S3Store::list_request(std::string_view prefix, std::string_view after, std::size_t limit,
                                const std::string& continuation) const {
  const std::string& above = settings().place.prefix;
  std::string query;
  if (!continuation.empty()) query += "continuation-token=" + url_encoded(continuation) + "&";
  query += std::format("encoding-type=url&list-type=2&max-keys={}&prefix={}", limit,
                       url_encoded(above + std::string(prefix)));
  if (continuation.empty() && !after.empty())
    query += "&start-after=" + url_encoded(above + std::string(after));
  return {.operation = S3Operation::list, .query = std::move(query)};
}

/// To be added to S3's times.
std::chrono::milliseconds S3Store::skew_of(const S3Answer& answer) const {
  const auto there = parse_http_date(answer.date);
  if (!there) return {};
  const auto skew = clock_.now() - *there;
  return std::chrono::abs(skew) <= skew_ignored ? std::chrono::milliseconds{} : skew;
}

Result<std::vector<BlobEntry>> S3Store::list(std::string_view prefix, std::string_view after,
                                             std::size_t limit) {
  std::vector<BlobEntry> found;
  std::string continuation;
  const std::size_t above = settings().place.prefix.size();
  do {
    // One more, because a server may count `after` in.
    const std::size_t wanted = std::min(page_max, limit - found.size() + 1);
    const S3Request request = list_request(prefix, after, wanted, continuation);
    TRY(const S3Answer answer, client_.send(request));
    if (!answer.ok()) return std::unexpected(client_.error_of(request, answer));
    auto page = parse_list_page(answer.body);
    if (!page)
      return fail(ErrorCode::storage_failed, "The store cannot be listed now.",
                  "S3 answered something else than a list");
    const auto skew = skew_of(answer);
    for (const S3ListedObject& object : page->objects) {
      if (object.key.size() < above || found.size() == limit) continue;
      const std::string_view name = std::string_view(object.key).substr(above);
      auto key = BlobKey::parse(name);
      if (!key || name <= after || !name.starts_with(prefix)) continue;
      found.push_back(
          {.key = *std::move(key), .bytes = object.bytes, .modified = object.modified + skew});
    }
    continuation = std::move(page->continuation);
  } while (!continuation.empty() && found.size() < limit);
  return found;
}

/// By a request that S3 answers quickly, at most once a second however often it is asked.
Result<void> S3Store::check() {
  const std::lock_guard lock(verdict_mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (verdict_ && now - verdict_at_ < verdict_age_max) return *verdict_;
  S3Request request = list_request("raw/", "", 1, {});
  request.operation = S3Operation::check;
  request.urgent = true;
  const auto answer = client_.send(request);
  if (!answer)
    verdict_ = fail(ErrorCode::storage_failed, answer.error().message, answer.error().detail);
  else if (!answer->ok())
    verdict_ = std::unexpected(client_.error_of(request, *answer));
  else
    verdict_ = Result<void>{};
  verdict_at_ = std::chrono::steady_clock::now();
  return *verdict_;
}

Result<void> S3Store::check_settings() {
  S3Request request = list_request("raw/", "", 1, {});
  request.operation = S3Operation::check;
  request.urgent = true;
  const auto answer = client_.send(request);
  if (!answer) {
    log::error("the store of the bytes does not answer", {{"error", answer.error()}});
    return {};
  }
  if (const auto fault = client_.config_fault(*answer)) return fail(ErrorCode::bad_config, *fault);
  if (!answer->ok())
    log::error("the store of the bytes is not ready",
               {{"error", client_.error_of(request, *answer)}});
  return {};
}

}  // namespace

Result<std::unique_ptr<BlobStore>> open_s3_store(const S3Settings& settings, const Clock& clock,
                                                 Metrics& metrics) {
  TRY_VOID(settings.validate());
  TRY(auto cache, BlobCache::open(settings.folder, settings.cache_bytes_max, metrics));
  auto store = std::make_unique<S3Store>(settings, clock, metrics, std::move(cache));
  TRY_VOID(store->check_settings());
  return std::unique_ptr<BlobStore>(std::move(store));
}

}  // namespace calotype
