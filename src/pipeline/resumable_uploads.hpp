// SPDX-License-Identifier: Apache-2.0
// Uploads that survive what interrupts them: a connection, a server, a client. Their bytes are made
// durable and recorded, with the state of their hash, before they are acknowledged; whoever goes
// on, here or on another server, reads nothing again. When all of an upload is there it takes the
// same last step as any other (Ingest::record).
//
//   create ─► resume ─ write … ─ finish ─► (resume …) ─► recorded: finished
//                │                   └ fewer bytes than the total: more are to come
//                └ offsets, leases, expiry: ended, its bytes removed
//
// Which protocol a client speaks is http's concern. Everything here blocks.
#pragma once

#include <stop_token>

#include "base/resumable_sha256.hpp"
#include "blobs/upload_parts.hpp"
#include "pipeline/ingest.hpp"
#include "pipeline/resumable_leases.hpp"

namespace calotype {

struct ResumableSettings {
  std::chrono::milliseconds expires{std::chrono::hours{24}};  // without a byte; ended ones are
                                                              // remembered for as long again
  std::chrono::milliseconds lease{8'000};
  std::chrono::milliseconds hand_over_max{5'000};          // for a writer to let go
  std::uint64_t unrecorded_max = std::uint64_t{32} << 20;  // bytes that a crash may cost a client
};

/// What a client says when it begins one.
struct ResumableOffer {
  std::optional<std::uint64_t> total{};
  bool is_partial = false;
  std::optional<Digest> expected{};  // what all of it has to hash to
  UploadFacts facts{};
  std::string metadata{};  // kept as it is, for whoever asks
};

class ResumableUploads;

/// The right to write one upload, and the way to. One owner, one thread at a time. Dropping it lets
/// go of the upload; what was not kept is lost.
class ResumableWriter {
 public:
  ~ResumableWriter();
  ResumableWriter(const ResumableWriter&) = delete;
  ResumableWriter& operator=(const ResumableWriter&) = delete;

  const ResumableUpload& upload() const { return upload_; }
  /// With those that are not recorded yet.
  std::uint64_t bytes() const { return upload_.received + unrecorded_; }
  /// Says how long it will be. bad_request where that was said before and differs, or is less than
  /// what has come; too_large, missing_upload.
  Result<void> set_total(std::uint64_t total);
  /// From here on nothing is kept but by keep or finish: for bytes that have yet to be verified.
  void hold_back() { holds_back_ = true; }
  /// too_large, insufficient_storage, storage_failed. After an error only drop it.
  Result<void> write(ByteSpan chunk);
  /// What was written is durable and recorded. lease_lost.
  Result<void> keep();
  /// Keeps, and where all is there records the asset: what has become of it, or nothing.
  /// digest_mismatch and asset_barred end the upload.
  Result<std::optional<Recorded>> finish();
  /// Ends it, and removes its bytes. After that only drop it.
  Result<void> abandon();

 private:
  friend class ResumableUploads;
  ResumableWriter(ResumableUploads& owner, ResumableUploadCatalog::Claimed claimed,
                  ResumableSha256 hash);

  ResumableUploads& owner_;
  ResumableUpload upload_;
  const ResumableLease lease_;
  ResumableSha256 hash_;
  std::unique_ptr<UploadWriter> parts_;  // made at the first byte
  std::uint64_t unrecorded_ = 0;
  bool total_is_new_ = false;
  bool holds_back_ = false;
};

class ResumableUploads {
 public:
  /// All of it outlives this.
  ResumableUploads(ResumableUploadCatalog& catalog, UploadParts& parts, Ingest& ingest,
                   const Clock& clock, const ResumableSettings& settings);

  /// too_large, missing_upload (a total of no bytes).
  Result<ResumableUpload> create(const ResumableOffer& offer);
  /// How it stands, once whoever writes it has let go. upload_not_found, upload_gone,
  /// upload_locked.
  Result<ResumableUpload> look(std::string_view id);
  /// The same; and what is whole and was not recorded (its server died) is now. As Ingest::record.
  Result<ResumableUpload> settle(std::string_view id);
  /// As ResumableLeases::claim; upload_gone.
  Result<std::unique_ptr<ResumableWriter>> resume(std::string_view id,
                                                  ResumableLeases::LetGo let_go);
  /// Its bytes are removed; the asset of one that was finished stays. upload_not_found,
  /// upload_gone, upload_locked.
  Result<void> end(std::string_view id);

  struct Joined {
    ResumableUpload upload;
    Recorded recorded;
  };
  /// Partial uploads one behind the other as one asset; `joined_from` is kept as it is. They stay
  /// until they expire, so that this can be repeated. bad_request where one is not whole or not
  /// partial, upload_not_found, upload_gone, too_large, cancelled.
  Result<Joined> join(std::span<const std::string> partials, const ResumableOffer& offer,
                      std::string joined_from, const std::stop_token& stop);

  /// Ends what has expired and forgets what has long ended; cancelled.
  Result<void> sweep(const std::stop_token& stop);

  std::uint64_t bytes_max() const { return ingest_.settings().bytes_max; }

 private:
  friend class ResumableWriter;
  ResumableUpload new_upload(const ResumableOffer& offer) const;
  Result<ResumableUpload> look(std::string_view id, bool settles);
  Result<void> require_expected(const ResumableUpload& upload, const ResumableLease& lease,
                                const Digest& digest);
  Result<void> require_alive(const ResumableUpload& upload) const;
  Result<Recorded> record(const ResumableUpload& upload, const ResumableLease& lease);
  Result<void> end_expired(std::string_view id);
  Result<void> end_claimed(const ResumableLease& lease);

  ResumableUploadCatalog& catalog_;
  UploadParts& parts_;
  Ingest& ingest_;
  const Clock& clock_;
  const ResumableSettings settings_;
  ResumableLeases leases_;
};

}  // namespace calotype
