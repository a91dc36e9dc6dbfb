// SPDX-License-Identifier: Apache-2.0
#include "pipeline/ingest.hpp"

#include <format>
#include <thread>

namespace calotype {
namespace {

NewUpload new_upload(const Digest& digest, std::uint64_t bytes, const UploadFacts& facts) {
  return {.digest = digest,
          .bytes = bytes,
          .file_name = facts.file_name,
          .uploader = facts.uploader,
          .tags = facts.tags,
          .collection = facts.collection,
          .fields_json = facts.fields_json};
}

}  // namespace

Ingest::Ingest(AssetCatalog& catalog, BlobWriter& blobs, Metrics& metrics,
               const IngestSettings& settings)
    : catalog_(catalog),
      blobs_(blobs),
      settings_(settings),
      duration_(metrics.duration("asset_ingestion_duration_seconds",
                                 "From an upload's first byte to its durable record.")),
      created_(metrics.counter("uploads_total", "Uploads recorded.", {{"result", "created"}})),
      existing_(metrics.counter("uploads_total", "Uploads recorded.", {{"result", "existing"}})),
      bytes_in_(metrics.counter("ingested_bytes_total", "Bytes of recorded uploads.")) {}

Intake Ingest::begin(const ClaimedDigests& claimed) {
  return Intake(*this, claimed);
}

Result<std::optional<Recorded>> Ingest::record_known(const Digest& digest,
                                                     const UploadFacts& facts) {
  TRY(auto recorded, catalog_.record_existing(new_upload(digest, 0, facts)));
  if (recorded) existing_.add();
  return recorded;
}

Result<Recorded> Ingest::record(const Digest& digest, std::uint64_t bytes, const UploadFacts& facts,
                                Spooled spooled) {
  TRY(Recorded recorded, publish(new_upload(digest, bytes, facts), std::move(spooled)));
  (recorded.created ? created_ : existing_).add();
  bytes_in_.add(static_cast<double>(bytes));
  return recorded;
}

/// A purge of the same content may take the bytes between publish and record; then both are done
/// again, until the purge has ended.
Result<Recorded> Ingest::publish(const NewUpload& upload, Spooled spooled) {
  std::unique_ptr<SpoolFile> file;
  const BlobKey key = BlobKey::original(upload.digest);
  const auto deadline = std::chrono::steady_clock::now() + settings_.purge_wait_max;
  while (true) {
    TRY(const Presence presence, catalog_.presence(upload.digest));
    if (presence.stored) {
      TRY(auto recorded, catalog_.record_existing(upload));
      if (recorded) return *std::move(recorded);
    }
    if (!file) {
      TRY(file, spooled());
    }
    TRY_VOID(blobs_.publish(*file, key));
    TRY(auto recorded, catalog_.record_published(upload, presence.purge_epoch));
    if (recorded) return *std::move(recorded);
    if (std::chrono::steady_clock::now() > deadline)
      return fail(ErrorCode::overloaded, "The same content is being deleted. Try again.",
                  upload.digest.hex());
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
}

Intake::Intake(Ingest& ingest, const ClaimedDigests& claimed)
    : ingest_(ingest), claimed_(claimed), began_(std::chrono::steady_clock::now()) {
  if (claimed.sha512) sha512_.emplace();
}

Intake::~Intake() = default;
Intake::Intake(Intake&&) noexcept = default;

Result<void> Intake::write(ByteSpan chunk) {
  if (chunk.empty()) return {};
  const std::uint64_t bytes_max = ingest_.settings_.bytes_max;
  if (chunk.size() > bytes_max - bytes_)
    return fail(ErrorCode::too_large, std::format("An upload is at most {} bytes.", bytes_max));
  if (!file_) {
    TRY(file_, ingest_.blobs_.spool());
  }
  sha256_.update(chunk);
  if (sha512_) sha512_->update(chunk);
  TRY_VOID(file_->append(chunk));
  bytes_ += chunk.size();
  return {};
}

void Intake::expect(const Digest& sha256) {
  expected_ = sha256;
}

Result<Recorded> Intake::finish(const UploadFacts& facts) {
  if (bytes_ == 0) return fail(ErrorCode::missing_upload, "The upload has no bytes.");
  const Digest digest = sha256_.finish();
  if ((claimed_.sha256 && *claimed_.sha256 != digest) || (expected_ && *expected_ != digest))
    return fail(ErrorCode::digest_mismatch,
                "The bytes received do not have the SHA-256 that the request claims.",
                digest.hex());
  if (claimed_.sha512 && *claimed_.sha512 != sha512_->finish())
    return fail(ErrorCode::digest_mismatch,
                "The bytes received do not have the SHA-512 that the request claims.");
  TRY(Recorded recorded,
      ingest_.record(digest, bytes_, facts,
                     [this]() -> Result<std::unique_ptr<SpoolFile>> { return std::move(file_); }));
  file_.reset();  // of content that is here: dropped by this thread, for it may take a while
  ingest_.duration_.observe(std::chrono::steady_clock::now() - began_);
  return recorded;
}

}  // namespace calotype
