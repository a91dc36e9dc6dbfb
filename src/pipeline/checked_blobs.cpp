// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checked_blobs.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <set>

#include "async/worker_pool.hpp"
#include "base/log.hpp"
#include "pipeline/checked_streams.hpp"
#include "pipeline/sums_memory.hpp"

namespace calotype {
namespace {

constexpr std::uint64_t chunk_bytes = BlobCheck::chunk_bytes;
/// From here on an original's sums are kept in the catalog: to hash it would be noticed.
constexpr std::uint64_t kept_bytes_min = std::uint64_t{16} << 20;
/// A file from here on that was checked whole a while ago, and is the same file untouched, is not
/// read through again for every picture that is made of it.
constexpr std::uint64_t checked_rarely_min = std::uint64_t{64} << 20;
constexpr std::size_t memory_bytes_max = std::size_t{32} << 20;
constexpr std::size_t reports_max = 1'024;

using Sums = std::shared_ptr<const ChunkSums>;

/// Sums what it passes on.
class SummedSpoolFile final : public SpoolFile {
 public:
  explicit SummedSpoolFile(std::unique_ptr<SpoolFile> inner) : inner_(std::move(inner)) {}
  Result<void> append(ByteSpan bytes) override {
    summer_.update(bytes);
    return inner_->append(bytes);
  }
  std::uint64_t bytes() const override { return inner_->bytes(); }
  SpoolFile& inner() { return *inner_; }
  /// Of all bytes; nothing is appended any more.
  const ChunkSums& sums() {
    if (!sums_) sums_ = summer_.finish();
    return *sums_;
  }

 private:
  const std::unique_ptr<SpoolFile> inner_;
  ChunkSummer summer_;
  std::optional<ChunkSums> sums_;
};

/// nullptr for one that was spooled elsewhere (UploadParts::assemble): its bytes came in at other
/// times, and are summed when they are first read.
SummedSpoolFile* summed_of(SpoolFile& file) {
  return dynamic_cast<SummedSpoolFile*>(&file);
}

SpoolFile& inner_of(SpoolFile& file) {
  auto* const summed = summed_of(file);
  return summed == nullptr ? file : summed->inner();
}

/// Each chunk of the file, in order; blob_corrupt where the disk does not give them back.
Result<void> for_each_chunk(const Blob& blob, const std::function<Result<void>(ByteSpan)>& use) {
  std::vector<std::byte> buffer(std::min(chunk_bytes, std::max<std::uint64_t>(blob.bytes, 1)));
  std::uint64_t at = 0;
  while (at < blob.bytes) {
    std::size_t done = 0;
    const std::size_t size = std::min<std::uint64_t>(buffer.size(), blob.bytes - at);
    while (done < size) {
      const ssize_t got = ::pread(blob.file->get(), buffer.data() + done, size - done,
                                  static_cast<off_t>(at + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno != EIO)
        return fail_errno(ErrorCode::storage_failed, "The bytes cannot be read now.", errno);
      if (got <= 0) return fail(ErrorCode::blob_corrupt, "Stored bytes are damaged.");
      done += static_cast<std::size_t>(got);
    }
    TRY_VOID(use(ByteSpan(buffer).first(size)));
    at += size;
  }
  return {};
}

class CheckedBlobs final : public BlobStore {
 public:
  CheckedBlobs(std::unique_ptr<BlobStore> store, IntegrityCatalog& integrity, Metrics& metrics)
      : store_(std::move(store)),
        integrity_(integrity),
        damaged_(metrics.counter("blobs_damaged_total",
                                 "Times that stored bytes differed from their hash.")),
        memory_(memory_bytes_max),
        reports_("quarantine", 1, reports_max) {}

  Result<Blob> open(const BlobKey& key) override;
  Result<bool> exists(const BlobKey& key) override { return store_->exists(key); }
  Result<std::string> read(const BlobKey& key, std::uint64_t bytes) override {
    auto text = store_->read(key, bytes);
    if (!text && text.error().code == ErrorCode::blob_corrupt) note(key, "read", text.error());
    return text;
  }
  Result<std::string> read_range(const BlobKey& key, std::uint64_t offset,
                                 std::size_t bytes) override {
    TRY_VOID(refuse_quarantined(key));
    return store_->read_range(key, offset, bytes);
  }
  Result<BlobSource> source(const BlobKey& key, std::uint64_t bytes) override;
  Result<Hashed> hash(const BlobKey& key, const std::stop_token& stop) override {
    return store_->hash(key, stop);
  }

  Result<std::unique_ptr<SpoolFile>> spool() override {
    TRY(auto file, store_->spool());
    return std::make_unique<SummedSpoolFile>(std::move(file));
  }
  Result<void> publish(SpoolFile& file, const BlobKey& key) override;
  Result<void> replace(SpoolFile& file, const BlobKey& key) override {
    return store_->replace(inner_of(file), key);
  }
  Result<void> put(ByteSpan bytes, const BlobKey& key) override { return store_->put(bytes, key); }
  Result<void> remove(const BlobKey& key) override {
    memory_.forget(key);
    return store_->remove(key);
  }
  Result<void> remove_leftovers(Timestamp began_before) override {
    return store_->remove_leftovers(began_before);
  }
  Result<std::vector<BlobEntry>> list(std::string_view prefix, std::string_view after,
                                      std::size_t limit) override {
    return store_->list(prefix, after, limit);
  }
  Result<void> check() override { return store_->check(); }
  void interrupt() override { store_->interrupt(); }

 private:
  class Check;
  class Remote;

  Result<void> refuse_quarantined(const BlobKey& key);
  Result<Sums> find_sums(const BlobKey& key, std::uint64_t bytes);
  Result<Sums> hash_now(const BlobKey& key, const Blob& blob);
  Result<Sums> sums_of(const BlobKey& key, const Blob& blob);
  void keep_sums(const BlobKey& key, const ChunkSums& sums);
  std::unexpected<Error> damaged(const BlobKey& key, const Error& why);
  void note(const BlobKey& key, std::string_view where, const Error& why);
  void report(const BlobKey& key);
  void look_again(const BlobKey& key, const std::stop_token& stop);
  void quarantine(const BlobKey& key, std::string_view reason);
  void mend_proof(const BlobKey& key);

  const std::unique_ptr<BlobStore> store_;
  IntegrityCatalog& integrity_;
  Counter& damaged_;
  SumsMemory memory_;
  std::mutex reported_mutex_;
  std::set<std::string> reported_;  // and not looked at again yet
  WorkerPool reports_;              // last: its thread uses all of the above
};

class CheckedBlobs::Check final : public BlobCheck {
 public:
  Check(CheckedBlobs& store, BlobKey key, Sums sums)
      : store_(store), key_(std::move(key)), sums_(std::move(sums)) {}
  bool holds(std::uint64_t chunk, ByteSpan bytes) const override {
    if (sums_->holds(chunk, bytes)) return true;
    store_.report(key_);
    return false;
  }

 private:
  CheckedBlobs& store_;
  const BlobKey key_;
  const Sums sums_;
};

/// What is near is never remote, so a range whose sums nobody knows brings the blob near: it is
/// hashed on its way, and its sums are known from then on.
class CheckedBlobs::Remote final : public RemoteBlob {
 public:
  Remote(CheckedBlobs& store, BlobKey key, std::uint64_t bytes, std::shared_ptr<RemoteBlob> inner)
      : store_(store), key_(std::move(key)), bytes_(bytes), inner_(std::move(inner)) {}

  Result<std::unique_ptr<BlobStream>> read(std::uint64_t offset, std::uint64_t bytes) override {
    auto report = [&store = store_, key = key_] { store.report(key); };
    TRY(auto sums, store_.find_sums(key_, bytes_));
    const bool is_whole = offset == 0 && bytes == bytes_;
    if (!sums && !is_whole) {
      TRY(Blob blob, store_.open(key_));
      return stream_of(std::move(blob), offset, bytes);
    }
    if (!sums) {
      TRY(auto stream, inner_->read(offset, bytes));
      return reporting_stream(std::move(stream), std::move(report));
    }
    const std::uint64_t begin = offset / chunk_bytes * chunk_bytes;
    const std::uint64_t end =
        std::min(bytes_, (offset + bytes + chunk_bytes - 1) / chunk_bytes * chunk_bytes);
    TRY(auto stream, inner_->read(begin, end - begin));
    return checked_stream(std::move(stream), std::move(sums), offset, bytes, std::move(report));
  }

 private:
  CheckedBlobs& store_;
  const BlobKey key_;
  const std::uint64_t bytes_;
  const std::shared_ptr<RemoteBlob> inner_;  // shared: as it was given
};

Result<void> CheckedBlobs::refuse_quarantined(const BlobKey& key) {
  if (!key.is_original()) return {};
  TRY(const bool is_quarantined, integrity_.is_quarantined(key.text()));
  if (is_quarantined) return quarantined_blob(key.text());
  return {};
}

/// What is known of them; nullptr where nothing is.
Result<Sums> CheckedBlobs::find_sums(const BlobKey& key, std::uint64_t bytes) {
  if (auto known = memory_.find(key)) return known->bytes() == bytes ? known : nullptr;
  if (!key.is_original() || bytes < kept_bytes_min) return nullptr;
  TRY(const auto column, integrity_.chunk_sums(key.text()));
  if (!column) return nullptr;
  auto sums = ChunkSums::from_column(*column, bytes);
  if (!sums) return nullptr;
  return memory_.keep(key, *std::move(sums));
}

Result<Sums> CheckedBlobs::hash_now(const BlobKey& key, const Blob& blob) {
  Sha256 hash;
  ChunkSummer summer;
  TRY_VOID(for_each_chunk(blob, [&](ByteSpan chunk) -> Result<void> {
    hash.update(chunk);
    summer.update(chunk);
    return {};
  }));
  if (hash.finish() != key.digest())
    return fail(ErrorCode::blob_corrupt, "Stored bytes differ from their hash.");
  const ChunkSums sums = summer.finish();
  keep_sums(key, sums);
  return memory_.keep(key, sums);
}

/// Best effort: without them the next process hashes it once more.
void CheckedBlobs::keep_sums(const BlobKey& key, const ChunkSums& sums) {
  if (!key.is_original() || sums.bytes() < kept_bytes_min) return;
  if (const auto kept = integrity_.keep_chunk_sums(key.text(), sums.to_column()); !kept)
    log::warn("chunk sums were not kept", {{"blob", key.text()}, {"error", kept.error()}});
}

Result<Sums> CheckedBlobs::sums_of(const BlobKey& key, const Blob& blob) {
  TRY(auto sums, find_sums(key, blob.bytes));
  return sums ? Result<Sums>(std::move(sums)) : hash_now(key, blob);
}

Result<Blob> CheckedBlobs::open(const BlobKey& key) {
  TRY_VOID(refuse_quarantined(key));
  auto opened = store_->open(key);  // one that is elsewhere is held against its hash on its way
  if (!opened && opened.error().code == ErrorCode::blob_corrupt)
    return damaged(key, opened.error());
  TRY(Blob blob, std::move(opened));
  TRY(Sums sums, find_sums(key, blob.bytes));
  Result<void> checked;
  const bool is_large = blob.bytes >= checked_rarely_min;
  if (sums && !(is_large && memory_.was_whole(key, FileStamp::of(blob)))) {
    std::uint64_t index = 0;
    checked = for_each_chunk(blob, [&](ByteSpan chunk) -> Result<void> {
      if (sums->holds(index++, chunk)) return {};
      return fail(ErrorCode::blob_corrupt, "Stored bytes differ from what was stored.");
    });
    // The sums themselves may be what is wrong.
    if (!checked && checked.error().code == ErrorCode::blob_corrupt) sums = nullptr;
  }
  if (!sums) {
    auto hashed = hash_now(key, blob);
    if (!hashed && hashed.error().code == ErrorCode::blob_corrupt)
      return damaged(key, hashed.error());
    TRY(sums, std::move(hashed));
  }
  if (is_large) memory_.note_whole(key, FileStamp::of(blob));
  blob.check = std::make_shared<const Check>(*this, key, std::move(sums));
  return blob;
}

Result<BlobSource> CheckedBlobs::source(const BlobKey& key, std::uint64_t bytes) {
  TRY_VOID(refuse_quarantined(key));
  auto found = store_->source(key, bytes);
  if (!found && found.error().code == ErrorCode::blob_corrupt) return damaged(key, found.error());
  TRY(BlobSource source, std::move(found));
  if (auto* remote = std::get_if<std::shared_ptr<RemoteBlob>>(&source))
    return BlobSource(std::make_shared<Remote>(*this, key, bytes, std::move(*remote)));
  Blob& blob = std::get<Blob>(source);
  auto sums = sums_of(key, blob);
  if (!sums && sums.error().code == ErrorCode::blob_corrupt) return damaged(key, sums.error());
  if (!sums) return std::unexpected(sums.error());
  blob.check = std::make_shared<const Check>(*this, key, *std::move(sums));
  return source;
}

/// An original that is quarantined has its name already, and other bytes behind it.
Result<void> CheckedBlobs::publish(SpoolFile& file, const BlobKey& key) {
  SpoolFile& inner = inner_of(file);
  bool is_quarantined = false;
  if (key.is_original()) {
    TRY(is_quarantined, integrity_.is_quarantined(key.text()));
  }
  if (!is_quarantined) {
    TRY_VOID(store_->publish(inner, key));
  } else {
    TRY_VOID(store_->replace(inner, key));
    TRY_VOID(integrity_.release(key.text()));
    log::info("a quarantined blob was brought in again", {{"blob", key.text()}});
  }
  auto* const summed = summed_of(file);
  if (summed == nullptr) return {};
  keep_sums(key, summed->sums());
  memory_.keep(key, summed->sums());
  // What was just written need not be read back to make the first picture of it.
  if (summed->bytes() >= checked_rarely_min)
    if (const auto near = store_->source(key, summed->bytes()); near)
      if (const auto* blob = std::get_if<Blob>(&*near))
        memory_.note_whole(key, FileStamp::of(*blob));
  return {};
}

void CheckedBlobs::note(const BlobKey& key, std::string_view where, const Error& why) {
  damaged_.add();
  log::error("stored bytes are damaged", {{"blob", key.text()}, {"found", where}, {"error", why}});
}

/// For whoever asked, and for all after him.
std::unexpected<Error> CheckedBlobs::damaged(const BlobKey& key, const Error& why) {
  note(key, "on opening", why);
  memory_.forget(key);
  if (key.is_proof()) mend_proof(key);
  if (!key.is_original())
    return fail(ErrorCode::blob_corrupt, "Stored bytes are damaged.", key.text());
  quarantine(key, why.message);
  return quarantined_blob(key.text());
}

/// Best effort: whoever meets it next tries again.
void CheckedBlobs::mend_proof(const BlobKey& key) {
  const auto owners = integrity_.promised(std::array{key.text()});
  if (!owners || owners->empty() || owners->front().is_going) return;
  if (const auto dropped = integrity_.drop_proof(owners->front().asset_id, key.text()); !dropped)
    log::warn("a damaged proof was not dropped", {{"error", dropped.error()}});
}

void CheckedBlobs::quarantine(const BlobKey& key, std::string_view reason) {
  const auto kept = integrity_.quarantine(
      {.blob_key = key.text(), .role = BlobRole::original, .asset_id = AssetId::of(key.digest())},
      reason);
  // It is refused all the same: every read is checked.
  if (!kept)
    log::error("a damaged blob is not quarantined yet",
               {{"blob", key.text()}, {"error", kept.error()}});
}

/// From a thread that must not wait.
void CheckedBlobs::report(const BlobKey& key) {
  {
    const std::lock_guard lock(reported_mutex_);
    if (!reported_.insert(key.text()).second) return;
  }
  // Where so many are waiting that there is no room, the next reader reports it again.
  if (!reports_.post([this, key](const std::stop_token& stop) { look_again(key, stop); })) {
    const std::lock_guard lock(reported_mutex_);
    reported_.erase(key.text());
  }
}

/// The hash has the last word: that it is right means that the sums are not.
void CheckedBlobs::look_again(const BlobKey& key, const std::stop_token& stop) {
  memory_.forget(key);
  const auto hashed = store_->hash(key, stop);
  const bool is_right = hashed && hashed->digest == key.digest();
  const bool is_wrong = hashed ? !is_right : hashed.error().code == ErrorCode::blob_corrupt;
  if (is_right) {
    log::error("chunk sums differed from right bytes", {{"blob", key.text()}});
    if (const auto blob = store_->open(key)) (void)hash_now(key, *blob);
  }
  if (is_wrong) {
    const Error why = fail(ErrorCode::blob_corrupt, "Stored bytes differ from their hash.").error();
    note(key, "while it was sent", why);
    if (key.is_original()) quarantine(key, why.message);
  }
  const std::lock_guard lock(reported_mutex_);
  reported_.erase(key.text());
}

}  // namespace

std::unique_ptr<BlobStore> check_blobs(std::unique_ptr<BlobStore> store,
                                       IntegrityCatalog& integrity, Metrics& metrics) {
  return std::make_unique<CheckedBlobs>(std::move(store), integrity, metrics);
}

}  // namespace calotype
