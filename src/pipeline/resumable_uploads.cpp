// SPDX-License-Identifier: Apache-2.0
#include "pipeline/resumable_uploads.hpp"

#include <format>
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"

namespace calotype {
namespace {

constexpr std::size_t sweep_batch = 256;

KeptUpload kept(const ResumableUpload& upload) {
  return {.id = upload.id, .bytes = upload.received, .parts = upload.parts};
}

UploadFacts facts_of(const ResumableUpload& upload) {
  return {.file_name = upload.file_name,
          .uploader = upload.uploader,
          .tags = upload.tags,
          .collection = upload.collection,
          .fields_json = upload.fields_json};
}

/// Of one that has ended nothing is hashed any more.
Result<ResumableSha256> hash_of(const ResumableUpload& upload) {
  if (upload.state != ResumableState::receiving) return ResumableSha256();
  auto hash = ResumableSha256::resume(upload.hash_state);
  if (!hash || hash->bytes() != upload.received)
    return fail(ErrorCode::internal, "The upload cannot go on.",
                "its hash's state is not of what was received: " + upload.id);
  return *std::move(hash);
}

std::unexpected<Error> too_large(std::uint64_t bytes_max) {
  return fail(ErrorCode::too_large, std::format("An upload is at most {} bytes.", bytes_max));
}

std::unexpected<Error> no_bytes() {
  return fail(ErrorCode::missing_upload, "The upload has no bytes.");
}

/// Gives the lease back however the scope is left.
class HeldLease {
 public:
  HeldLease(ResumableLeases& leases, const ResumableLease& lease)
      : leases_(leases), lease_(lease) {}
  ~HeldLease() { leases_.release(lease_); }
  HeldLease(const HeldLease&) = delete;
  HeldLease& operator=(const HeldLease&) = delete;

 private:
  ResumableLeases& leases_;
  const ResumableLease& lease_;
};

}  // namespace

// --- one writer -

ResumableWriter::ResumableWriter(ResumableUploads& owner, ResumableUploadCatalog::Claimed claimed,
                                 ResumableSha256 hash)
    : owner_(owner),
      upload_(std::move(claimed.upload)),
      lease_(std::move(claimed.lease)),
      hash_(std::move(hash)) {}

ResumableWriter::~ResumableWriter() {
  parts_.reset();  // before somebody else may write
  owner_.leases_.release(lease_);
}

Result<void> ResumableWriter::set_total(std::uint64_t total) {
  if (upload_.total == total) return {};
  if (upload_.total)
    return fail(ErrorCode::bad_request,
                std::format("The upload's length was said to be {}.", *upload_.total));
  if (total > owner_.bytes_max()) return too_large(owner_.bytes_max());
  if (total < bytes())
    return fail(ErrorCode::bad_request,
                std::format("{} bytes of the upload are here already.", bytes()));
  if (total == 0 && !upload_.is_partial) return no_bytes();
  upload_.total = total;
  total_is_new_ = true;
  return {};
}

Result<void> ResumableWriter::write(ByteSpan chunk) {
  if (chunk.empty()) return {};
  const std::uint64_t bytes_max = upload_.total.value_or(owner_.bytes_max());
  if (chunk.size() > bytes_max - bytes())
    return upload_.total ? fail(ErrorCode::too_large,
                                std::format("The upload's length is {}.", *upload_.total))
                         : too_large(bytes_max);
  if (!parts_) {
    TRY(parts_, owner_.parts_.resume(kept(upload_), lease_.fence));
  }
  TRY_VOID(parts_->append(chunk));
  hash_.update(chunk);
  unrecorded_ += chunk.size();
  if (!holds_back_ && unrecorded_ >= owner_.settings_.unrecorded_max) return keep();
  return {};
}

Result<void> ResumableWriter::keep() {
  if (unrecorded_ == 0 && !total_is_new_) return {};
  std::vector<std::string> new_parts;
  if (parts_) {
    TRY(new_parts, parts_->flush());
  }
  const ResumableProgress progress{.received = bytes(),
                                   .total = upload_.total,
                                   .hash_state = hash_.state(),
                                   .new_parts = std::move(new_parts)};
  TRY_VOID(owner_.catalog_.advance_resumable(lease_, progress, owner_.settings_.expires));
  upload_.received = progress.received;
  upload_.hash_state = progress.hash_state;
  upload_.parts.insert(upload_.parts.end(), progress.new_parts.begin(), progress.new_parts.end());
  upload_.expires_at = owner_.clock_.now() + owner_.settings_.expires;
  unrecorded_ = 0;
  total_is_new_ = false;
  return {};
}

Result<std::optional<Recorded>> ResumableWriter::finish() {
  TRY_VOID(keep());
  const bool is_done = upload_.state != ResumableState::receiving;
  if (is_done || upload_.is_partial || !upload_.is_whole()) return std::nullopt;
  parts_.reset();
  TRY(auto recorded, owner_.record(upload_, lease_));
  upload_.state = ResumableState::finished;
  upload_.asset_id = recorded.asset.id;
  return recorded;
}

Result<void> ResumableWriter::abandon() {
  parts_.reset();
  return owner_.end_claimed(lease_);
}

// --- all of them -

ResumableUploads::ResumableUploads(ResumableUploadCatalog& catalog, UploadParts& parts,
                                   Ingest& ingest, const Clock& clock,
                                   const ResumableSettings& settings)
    : catalog_(catalog),
      parts_(parts),
      ingest_(ingest),
      clock_(clock),
      settings_(settings),
      leases_(catalog, settings.lease, settings.hand_over_max) {}

ResumableUpload ResumableUploads::new_upload(const ResumableOffer& offer) const {
  const Timestamp now = clock_.now();
  return {.id = new_id(now),
          .is_partial = offer.is_partial,
          .total = offer.total,
          .hash_state = ResumableSha256().state(),
          .expected = offer.expected,
          .file_name = offer.facts.file_name,
          .uploader = offer.facts.uploader,
          .tags = offer.facts.tags,
          .collection = offer.facts.collection,
          .fields_json = offer.facts.fields_json,
          .metadata = offer.metadata,
          .created_at = now,
          .expires_at = now + settings_.expires};
}

Result<ResumableUpload> ResumableUploads::create(const ResumableOffer& offer) {
  if (offer.total && *offer.total > bytes_max()) return too_large(bytes_max());
  if (offer.total == 0 && !offer.is_partial) return no_bytes();
  ResumableUpload upload = new_upload(offer);
  TRY_VOID(catalog_.create_resumable(upload, settings_.expires));
  return upload;
}

Result<void> ResumableUploads::require_alive(const ResumableUpload& upload) const {
  if (upload.state == ResumableState::finished) return {};
  if (upload.state == ResumableState::ended)
    return fail(ErrorCode::upload_gone, "The upload was ended.");
  if (upload.expires_at <= clock_.now())
    return fail(ErrorCode::upload_gone, "The upload has expired.");
  return {};
}

/// Whether it has expired is seen when it is held: bytes that come meanwhile put that off.
Result<ResumableUpload> ResumableUploads::look(std::string_view id, bool settles) {
  TRY(auto upload, catalog_.find_resumable(id));
  if (upload.state != ResumableState::receiving) {
    TRY_VOID(require_alive(upload));
    return upload;
  }
  TRY(auto writer, resume(id, [] {}));
  if (settles) TRY_VOID(writer->finish());
  return writer->upload();
}

Result<ResumableUpload> ResumableUploads::look(std::string_view id) {
  return look(id, false);
}

Result<ResumableUpload> ResumableUploads::settle(std::string_view id) {
  return look(id, true);
}

Result<std::unique_ptr<ResumableWriter>> ResumableUploads::resume(std::string_view id,
                                                                  ResumableLeases::LetGo let_go) {
  TRY(auto claimed, leases_.claim(id, std::move(let_go)));
  auto hash = hash_of(claimed.upload);
  const auto alive = require_alive(claimed.upload);
  if (!hash || !alive) {
    leases_.release(claimed.lease);
    return std::unexpected(alive ? hash.error() : alive.error());
  }
  return std::unique_ptr<ResumableWriter>(
      new ResumableWriter(*this, std::move(claimed), *std::move(hash)));
}

/// What has another hash will never have the right one.
Result<void> ResumableUploads::require_expected(const ResumableUpload& upload,
                                                const ResumableLease& lease, const Digest& digest) {
  if (!upload.expected || *upload.expected == digest) return {};
  TRY_VOID(end_claimed(lease));
  return fail(ErrorCode::digest_mismatch,
              "The bytes received do not have the SHA-256 that the upload was begun with.",
              digest.hex());
}

Result<Recorded> ResumableUploads::record(const ResumableUpload& upload,
                                          const ResumableLease& lease) {
  TRY(const ResumableSha256 hash, hash_of(upload));
  const Digest digest = hash.digest();
  TRY_VOID(require_expected(upload, lease, digest));
  auto recording = ingest_.record(digest, upload.received, facts_of(upload),
                                  [&] { return parts_.assemble(kept(upload)); });
  if (!recording) {
    if (recording.error().kind() == ErrorKind::barred) TRY_VOID(end_claimed(lease));
    return std::unexpected(recording.error());
  }
  Recorded recorded = *std::move(recording);
  // The asset is recorded whatever becomes of this: a client that asks again records it once more.
  if (const auto closed = catalog_.finish_resumable(lease, recorded.asset.id); !closed)
    log::warn("an upload's end was not recorded", {{"error", closed.error()}});
  else if (const auto removed = parts_.remove(upload.id); !removed)
    log::warn("an upload's parts stay until it is forgotten", {{"error", removed.error()}});
  return recorded;
}

/// The row first: bytes without a row are found when it is forgotten, a row without bytes is a lie.
Result<void> ResumableUploads::end_claimed(const ResumableLease& lease) {
  TRY_VOID(catalog_.end_resumable(lease));
  return parts_.remove(lease.upload_id);
}

Result<void> ResumableUploads::end(std::string_view id) {
  TRY(const auto claimed, leases_.claim(id, [] {}));
  const HeldLease held(leases_, claimed.lease);
  TRY_VOID(require_alive(claimed.upload));
  return end_claimed(claimed.lease);
}

Result<ResumableUploads::Joined> ResumableUploads::join(std::span<const std::string> partials,
                                                        const ResumableOffer& offer,
                                                        std::string joined_from,
                                                        const std::stop_token& stop) {
  std::vector<ResumableUpload> parts;
  std::uint64_t total = 0;
  for (const std::string& id : partials) {
    TRY(auto part, look(id));
    if (!part.is_partial || !part.is_whole())
      return fail(ErrorCode::bad_request,
                  std::format("The upload {} is no partial upload that is complete.", id));
    if (part.received > bytes_max() - total) return too_large(bytes_max());
    total += part.received;
    parts.push_back(std::move(part));
  }
  Intake intake = ingest_.begin({});
  for (const ResumableUpload& part : parts)
    TRY_VOID(parts_.read(kept(part), [&](ByteSpan piece) -> Result<void> {
      if (stop.stop_requested()) return fail(ErrorCode::cancelled, "The server is stopping.");
      return intake.write(piece);
    }));
  TRY(Recorded recorded, intake.finish(offer.facts));
  ResumableUpload upload = new_upload(offer);
  upload.state = ResumableState::finished;
  upload.received = total;
  upload.total = total;
  upload.joined_from = std::move(joined_from);
  upload.asset_id = recorded.asset.id;
  TRY_VOID(catalog_.create_resumable(upload, settings_.expires));
  return Joined{std::move(upload), std::move(recorded)};
}

Result<void> ResumableUploads::end_expired(std::string_view id) {
  TRY(const auto claim, catalog_.claim_resumable(id, settings_.lease));
  const auto* claimed = std::get_if<ResumableUploadCatalog::Claimed>(&claim);
  if (claimed == nullptr) return {};  // somebody goes on with it at the last moment
  const HeldLease held(leases_, claimed->lease);
  const bool is_over = claimed->upload.state == ResumableState::receiving &&
                       claimed->upload.expires_at <= clock_.now();
  return is_over ? end_claimed(claimed->lease) : Result<void>{};
}

Result<void> ResumableUploads::sweep(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    TRY(const auto expired, catalog_.expired_resumables(sweep_batch));
    for (const std::string& id : expired) TRY_VOID(end_expired(id));
    TRY(const auto outdated, catalog_.outdated_resumables(settings_.expires, sweep_batch));
    for (const std::string& id : outdated) {
      TRY_VOID(parts_.remove(id));  // once more: a writer that slept may have put some
      TRY_VOID(catalog_.forget_resumable(id));
    }
    if (expired.size() < sweep_batch && outdated.size() < sweep_batch) return {};
  }
  return fail(ErrorCode::cancelled, "Stopped before all expired uploads were ended.");
}

}  // namespace calotype
