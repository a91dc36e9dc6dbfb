// SPDX-License-Identifier: Apache-2.0
// The record of truth. Each call is one transaction: it happens whole or not at all, and every
// change of an asset's state goes through asset/state.hpp's table and leaves an event. Calls block;
// every one is safe from any thread. Any call can fail with catalog_failed (the database) or
// overloaded (no connection in time).
//
// Durable: on return the change survives a power cut. Relaxed (said at the call): on return it is
// visible to everybody, and survives the death of the program, but a power cut may undo it; later
// durable changes make it durable.
//
// Originals are purged under an epoch, because their keys come back when the same bytes do:
//   1. an upload reads the epoch (presence), publishes its bytes, then records them with that
//   epoch;
//   2. a purge raises the epoch and marks the row before it removes the bytes;
//   3. the end of the purge raises the epoch again, for those who read it while bytes were going;
//   4. so a record whose bytes a purge may have taken finds another epoch, and publishes again.
#pragma once

#include <functional>
#include <span>
#include <variant>

#include "catalog/rows.hpp"

namespace calotype {

class AssetCatalog {
 public:
  virtual ~AssetCatalog() = default;

  /// Deleted assets too (state DELETED); nothing where the id was never seen.
  virtual Result<std::optional<AssetRow>> find_asset(const AssetId& id) = 0;
  virtual Result<Presence> presence(const Digest& digest) = 0;

  /// One more upload of bytes that are stored; nothing where they are not. Durable.
  virtual Result<std::optional<Recorded>> record_existing(const NewUpload& upload) = 0;
  /// An upload whose bytes were published after `presence` gave that epoch: a new asset (INGESTED,
  /// its event, its inspect job), a deleted one brought in again, or one more upload of a stored
  /// one. Nothing where a purge has intervened or is under way: publish again, with a new presence.
  /// Two contents whose ids are equal (130 bits) stop the program. Durable.
  virtual Result<std::optional<Recorded>> record_published(const NewUpload& upload,
                                                           std::int64_t purge_epoch) = 0;

  virtual Result<Page<AssetRow>> list_assets(const AssetFilter& filter, std::string_view cursor,
                                             std::size_t limit) = 0;         // newest first
  virtual Result<std::vector<UploadRow>> uploads_of(const AssetId& id) = 0;  // oldest first
  virtual Result<std::vector<EventRow>> events_of(const AssetId& id) = 0;

  /// Deletes one upload, or all where `upload_id` is empty. With the last one the asset becomes
  /// DELETED: its proof and variants become garbage and an expire job is enqueued that runs after
  /// `purge_after`. asset_not_found, upload_not_found. Durable. True: the asset is DELETED now.
  virtual Result<bool> delete_uploads(const AssetId& id, std::string_view upload_id,
                                      std::chrono::milliseconds purge_after) = 0;

  /// The inspect job's steps; each checks the job's fence (lease_lost). begin: INGESTED →
  /// DEDUP_CHECK, or stays there on a second attempt; nothing where the asset needs no inspection
  /// any more (deleted, or done), and the job is completed then. Relaxed.
  virtual Result<std::optional<AssetRow>> begin_inspection(const JobLease& lease,
                                                           const AssetId& id) = 0;
  /// → METADATA_READY, and completes the job. Where the asset was deleted meanwhile the proof
  /// becomes garbage. Durable, as is fail_inspection.
  virtual Result<void> finish_inspection(const JobLease& lease, const AssetId& id,
                                         const MediaInfo& media,
                                         const std::optional<Proof>& proof) = 0;
  /// → METADATA_FAILED with the reason, and completes the job.
  virtual Result<void> fail_inspection(const JobLease& lease, const AssetId& id,
                                       const Error& reason) = 0;
  /// METADATA_FAILED → INGESTED with a new inspect job (or its dead one made ready);
  /// illegal_transition otherwise. Durable.
  virtual Result<void> retry_inspection(const AssetId& id) = 0;

  /// What every crop keeps that is told nothing else; nothing forgets it. asset_not_found. Durable.
  virtual Result<void> set_focal_point(const AssetId& id,
                                       const std::optional<FocalPoint>& point) = 0;

  /// Begins to purge a DELETED asset's original: raises the epoch; false where it is not DELETED
  /// (any more). The bytes may be removed between the two calls. Both check the fence of the expire
  /// job (lease_lost): a worker that slept must not end its successor's purge. Durable, both.
  virtual Result<bool> begin_purge(const JobLease& lease, const AssetId& id) = 0;
  virtual Result<void> finish_purge(const JobLease& lease, const AssetId& id) = 0;
  /// Original bytes without a row (or whose row is DELETED): makes a tombstone where there is none
  /// and enqueues its expire job, so that they go the same way. False where they have an owner.
  virtual Result<bool> adopt_orphan(const Digest& digest, std::uint64_t bytes) = 0;

  /// Assets that became DELETED at `since` or later and are so still, the newest first, at most
  /// `limit`. Never from a copy that lags.
  virtual Result<std::vector<Deletion>> deletions_since(Timestamp since, std::size_t limit) = 0;
};

class VariantCatalog {
 public:
  virtual ~VariantCatalog() = default;

  virtual Result<std::optional<VariantRow>> find_variant(const VariantKey& key) = 0;
  virtual Result<std::vector<VariantRow>> variants_of(const AssetId& id) = 0;

  struct Busy {
    Timestamp until{};  // another process renders it until then at the latest
  };
  /// The stored variant, or a lease to make it, or who has that lease. asset_not_found where the
  /// asset is not METADATA_READY or VARIANTS_READY any more. Relaxed.
  virtual Result<std::variant<VariantRow, VariantLease, Busy>> claim_variant(
      const VariantKey& key, std::chrono::milliseconds lease) = 0;
  /// Records what was made (its blob is durable already); the first variant makes the asset
  /// VARIANTS_READY. lease_lost where the lease was taken over, asset_not_found where the asset was
  /// deleted: the blob has become garbage then. Relaxed.
  virtual Result<void> store_variant(const VariantLease& lease, const VariantRow& row) = 0;
  /// As store_variant, of a version that is better than another one which is stored: every program
  /// is told (CatalogChange::What::variant_improved).
  virtual Result<void> store_better_variant(const VariantLease& lease, const VariantRow& row) = 0;
  virtual Result<void> release_variant(const VariantLease& lease) = 0;  // relaxed
  /// The lease ends so long from now; lease_lost where it was taken over or has become a variant.
  /// Relaxed.
  virtual Result<void> extend_variant(const VariantLease& lease, std::chrono::milliseconds by) = 0;

  struct Access {
    VariantKey key;
    Timestamp at{};            // of the last one
    std::uint64_t count = 1;   // since they were last written down
    bool can_improve = false;  // there is a higher effort to make it with
  };
  /// Adds to their counts. One that can improve gets a render job each time its count passes
  /// `popular_at` (0: never) times a power of two. Relaxed.
  virtual Result<void> touch_variants(std::span<const Access> accesses,
                                      std::uint64_t popular_at) = 0;
  /// Makes garbage of up to `limit` variants last accessed before then; an asset that loses its
  /// last one goes back to METADATA_READY. How many. Durable.
  virtual Result<std::size_t> expire_variants(Timestamp before, std::size_t limit) = 0;
  /// Forgets a variant whose blob is missing or corrupt; its blob becomes garbage. Durable.
  virtual Result<void> drop_variant(const VariantKey& key) = 0;
};

class JobCatalog {
 public:
  virtual ~JobCatalog() = default;

  /// Due after `delay`. Nothing happens where a job with that key exists. Durable.
  virtual Result<void> enqueue(JobKind kind, std::string_view key, std::string_view asset_id,
                               std::chrono::milliseconds delay) = 0;
  /// Leases up to `limit` jobs of the lane: ready and due, or running with the lease expired. Jobs
  /// that have used up their attempts become dead instead (an inspect job's asset METADATA_FAILED).
  /// Relaxed, but durable in the maintenance lane.
  virtual Result<std::vector<Job>> claim_jobs(Lane lane, std::size_t limit,
                                              std::chrono::milliseconds lease) = 0;
  virtual Result<void> extend_lease(const JobLease& lease,
                                    std::chrono::milliseconds by) = 0;  // lease_lost
  virtual Result<void> complete_job(const JobLease& lease) = 0;         // durable; lease_lost
  /// Ready again after `delay`, or dead where the attempts are used up (see claim_jobs). Durable.
  virtual Result<void> fail_job(const JobLease& lease, const Error& reason,
                                std::chrono::milliseconds delay) = 0;
  /// Ready again after `delay`, with the attempt given back: it was interrupted, it did not fail.
  /// Relaxed; lease_lost.
  virtual Result<void> put_back_job(const JobLease& lease, std::chrono::milliseconds delay) = 0;
  /// How long until the next job of the lane is due (zero: it is), by the catalog's own clock,
  /// which need not be this machine's; nothing where there is none.
  virtual Result<std::optional<std::chrono::milliseconds>> next_due(Lane lane) = 0;
  /// Called (from any thread, quickly, never while a transaction is open) after a commit that made
  /// a job of the lane ready, this program's or another's. A call may be missing where another
  /// program's word did not arrive, so look now and then all the same. Null ends it: on return no
  /// call is under way.
  virtual void on_job_ready(std::function<void(Lane)> wake) = 0;

  virtual Result<Page<Job>> list_jobs(const JobFilter& filter, std::string_view cursor,
                                      std::size_t limit) = 0;
  /// A dead job starts anew with all its attempts (an inspect job's asset becomes INGESTED).
  /// job_not_found, job_not_retryable where it is not dead. Durable.
  virtual Result<void> retry_job(std::string_view id) = 0;
  /// Every dead job of that kind starts anew: how many. Durable.
  virtual Result<std::size_t> retry_dead_jobs(JobKind kind) = 0;
  virtual Result<std::vector<JobCount>> count_jobs() = 0;
};

/// Blobs that lost their owner inside a transaction, until they are removed.
class GarbageCatalog {
 public:
  virtual ~GarbageCatalog() = default;
  virtual Result<std::vector<std::string>> garbage(std::size_t limit) = 0;          // blob keys
  virtual Result<void> forget_garbage(std::span<const std::string> blob_keys) = 0;  // relaxed
  /// Those of the keys that something in the catalog owns: a stored asset's original, a proof, a
  /// variant, or garbage that waits for its removal.
  virtual Result<std::vector<std::string>> owned(std::span<const std::string> blob_keys) = 0;
};

class KeyCatalog {
 public:
  virtual ~KeyCatalog() = default;
  /// `hash` is the SHA-256 of the secret, which is stored nowhere. Durable, as is revoke_key.
  virtual Result<ApiKeyRow> create_key(std::string_view name, std::span<const std::string> scopes,
                                       const Digest& hash) = 0;
  virtual Result<std::vector<ApiKeyRow>> list_keys() = 0;
  virtual Result<std::optional<ApiKeyRow>> find_key(const Digest& hash) = 0;
  virtual Result<void> revoke_key(std::string_view id) = 0;  // key_not_found
  /// Random, the same for all programs on the catalog, and never shown to a client: for what one
  /// server signs and another has to recognise. Made by whoever asks first; durable.
  virtual Result<SharedSecret> shared_secret() = 0;
};

/// What somebody may have kept a copy of, and should not any more.
struct CatalogChange {
  enum class What : std::uint8_t {
    asset_deleted,     // `asset`: its variants and its original are gone
    variant_improved,  // `asset`: of one of its variants there is a better version now
    keys_changed,      // an API key was made or revoked
    missed,            // other programs were not heard for a while: anything may have changed
  };
  What what = What::missed;
  std::optional<AssetId> asset{};
};

class ResumableUploadCatalog;  // resumable_upload_catalog.hpp
class NearDuplicateCatalog;    // near_duplicate_catalog.hpp
class LibraryCatalog;          // library_catalog.hpp
class IntegrityCatalog;        // integrity_catalog.hpp
class FeedCatalog;             // feed_catalog.hpp

class Catalog : public AssetCatalog,
                public VariantCatalog,
                public JobCatalog,
                public GarbageCatalog,
                public KeyCatalog {
 public:
  virtual ResumableUploadCatalog& resumable_uploads() = 0;
  virtual NearDuplicateCatalog& near_duplicates() = 0;
  virtual LibraryCatalog& library() = 0;
  virtual IntegrityCatalog& integrity() = 0;
  virtual FeedCatalog& feed() = 0;

  /// Whether it answers now (readiness).
  virtual Result<void> check() = 0;
  /// Whether other programs, on other machines perhaps, may use this catalog at the same time.
  virtual bool is_shared() const = 0;
  /// For a program that is the only one on this catalog, once, before anything else: leases of its
  /// dead predecessor are over. Running jobs become ready and get their attempt back (the program
  /// died, not the job); variants' leases are free. On a shared catalog leases run out by
  /// themselves: never call it there.
  virtual Result<void> end_all_leases() = 0;

  /// Called (from any thread, quickly, never while a transaction is open) after each change that
  /// was committed, by this program or another. Another program's are heard within moments as long
  /// as it can be heard, and `missed` says when it could not. Null ends it: on return no call is
  /// under way.
  virtual void on_change(std::function<void(const CatalogChange&)> hear) = 0;
};

}  // namespace calotype
