// SPDX-License-Identifier: Apache-2.0
// The catalog on a SQL database: one text for every engine, one .cpp a role. What several roles
// need inside a transaction stands in sql_steps.hpp.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>

#include "catalog/catalog.hpp"
#include "catalog/database.hpp"
#include "catalog/feed_catalog.hpp"
#include "catalog/integrity_catalog.hpp"
#include "catalog/library_catalog.hpp"
#include "catalog/near_duplicate_catalog.hpp"
#include "catalog/resumable_upload_catalog.hpp"
#include "catalog/sql_steps.hpp"

namespace calotype {

class SqlCatalog final : public Catalog,
                         public ResumableUploadCatalog,
                         public NearDuplicateCatalog,
                         public LibraryCatalog,
                         public IntegrityCatalog,
                         public FeedCatalog {
 public:
  enum class Sharing : std::uint8_t { alone, shared };
  /// The clock is the database's where programs share it; it outlives the catalog, or is the
  /// database's own.
  SqlCatalog(std::unique_ptr<Database> database, const Clock& clock, Sharing sharing);
  ~SqlCatalog() override;

  ResumableUploadCatalog& resumable_uploads() override { return *this; }
  NearDuplicateCatalog& near_duplicates() override { return *this; }
  LibraryCatalog& library() override { return *this; }
  IntegrityCatalog& integrity() override { return *this; }
  FeedCatalog& feed() override { return *this; }

  Result<std::optional<AssetRow>> find_asset(const AssetId& id) override;
  Result<Presence> presence(const Digest& digest) override;
  Result<std::optional<Recorded>> record_existing(const NewUpload& upload) override;
  Result<std::optional<Recorded>> record_published(const NewUpload& upload,
                                                   std::int64_t purge_epoch) override;
  Result<Page<AssetRow>> list_assets(const AssetFilter& filter, std::string_view cursor,
                                     std::size_t limit) override;
  Result<std::vector<UploadRow>> uploads_of(const AssetId& id) override;
  Result<std::vector<EventRow>> events_of(const AssetId& id) override;
  Result<bool> delete_uploads(const AssetId& id, std::string_view upload_id,
                              std::chrono::milliseconds purge_after) override;
  Result<std::optional<AssetRow>> begin_inspection(const JobLease& lease,
                                                   const AssetId& id) override;
  Result<void> finish_inspection(const JobLease& lease, const AssetId& id, const MediaInfo& media,
                                 const std::optional<Proof>& proof) override;
  Result<void> fail_inspection(const JobLease& lease, const AssetId& id,
                               const Error& reason) override;
  Result<void> retry_inspection(const AssetId& id) override;
  Result<void> set_focal_point(const AssetId& id, const std::optional<FocalPoint>& point) override;
  Result<bool> begin_purge(const JobLease& lease, const AssetId& id) override;
  Result<void> finish_purge(const JobLease& lease, const AssetId& id) override;
  Result<bool> adopt_orphan(const Digest& digest, std::uint64_t bytes) override;
  Result<std::vector<Deletion>> deletions_since(Timestamp since, std::size_t limit) override;

  Result<std::optional<VariantRow>> find_variant(const VariantKey& key) override;
  Result<std::vector<VariantRow>> variants_of(const AssetId& id) override;
  Result<std::variant<VariantRow, VariantLease, Busy>> claim_variant(
      const VariantKey& key, std::chrono::milliseconds lease) override;
  Result<void> store_variant(const VariantLease& lease, const VariantRow& row) override;
  Result<void> store_better_variant(const VariantLease& lease, const VariantRow& row) override;
  Result<void> release_variant(const VariantLease& lease) override;
  Result<void> extend_variant(const VariantLease& lease, std::chrono::milliseconds by) override;
  Result<void> touch_variants(std::span<const Access> accesses, std::uint64_t popular_at) override;
  Result<std::size_t> expire_variants(Timestamp before, std::size_t limit) override;
  Result<void> drop_variant(const VariantKey& key) override;

  Result<void> enqueue(JobKind kind, std::string_view key, std::string_view asset_id,
                       std::chrono::milliseconds delay) override;
  Result<std::vector<Job>> claim_jobs(Lane lane, std::size_t limit,
                                      std::chrono::milliseconds lease) override;
  Result<void> extend_lease(const JobLease& lease, std::chrono::milliseconds by) override;
  Result<void> complete_job(const JobLease& lease) override;
  Result<void> fail_job(const JobLease& lease, const Error& reason,
                        std::chrono::milliseconds delay) override;
  Result<void> put_back_job(const JobLease& lease, std::chrono::milliseconds delay) override;
  Result<std::optional<std::chrono::milliseconds>> next_due(Lane lane) override;
  void on_job_ready(std::function<void(Lane)> wake) override;
  Result<Page<Job>> list_jobs(const JobFilter& filter, std::string_view cursor,
                              std::size_t limit) override;
  Result<void> retry_job(std::string_view id) override;
  Result<std::size_t> retry_dead_jobs(JobKind kind) override;
  Result<std::vector<JobCount>> count_jobs() override;

  Result<std::vector<std::string>> garbage(std::size_t limit) override;
  Result<void> forget_garbage(std::span<const std::string> blob_keys) override;
  Result<std::vector<std::string>> owned(std::span<const std::string> blob_keys) override;

  Result<ApiKeyRow> create_key(std::string_view name, std::span<const std::string> scopes,
                               const Digest& hash) override;
  Result<std::vector<ApiKeyRow>> list_keys() override;
  Result<std::optional<ApiKeyRow>> find_key(const Digest& hash) override;
  Result<void> revoke_key(std::string_view id) override;
  Result<SharedSecret> shared_secret() override;

  Result<void> create_resumable(const ResumableUpload& upload,
                                std::chrono::milliseconds expires_in) override;
  Result<ResumableUpload> find_resumable(std::string_view id) override;
  Result<std::variant<Claimed, Held>> claim_resumable(std::string_view id,
                                                      std::chrono::milliseconds lease) override;
  Result<bool> extend_resumable(const ResumableLease& lease, std::chrono::milliseconds by) override;
  Result<void> release_resumable(const ResumableLease& lease) override;
  Result<void> advance_resumable(const ResumableLease& lease, const ResumableProgress& progress,
                                 std::chrono::milliseconds expires_in) override;
  Result<void> finish_resumable(const ResumableLease& lease, const AssetId& asset) override;
  Result<void> end_resumable(const ResumableLease& lease) override;
  Result<std::vector<std::string>> expired_resumables(std::size_t limit) override;
  Result<std::vector<std::string>> outdated_resumables(std::chrono::milliseconds kept_for,
                                                       std::size_t limit) override;
  Result<void> forget_resumable(std::string_view id) override;

  Result<void> quarantine(const PromisedBlob& blob, std::string_view reason) override;
  Result<bool> is_quarantined(std::string_view blob_key) override;
  Result<std::vector<QuarantineRow>> quarantined(std::string_view after,
                                                 std::size_t limit) override;
  Result<std::vector<QuarantineRow>> quarantined_of(const AssetId& id) override;
  Result<std::uint64_t> count_quarantined() override;
  Result<void> release(std::string_view blob_key) override;
  Result<std::vector<PromisedBlob>> promised(std::span<const std::string> blob_keys) override;
  Result<Promises> promises(BlobRole role, std::string_view cursor, std::size_t limit) override;
  Result<void> drop_proof(const AssetId& id, std::string_view proof_key) override;
  Result<void> adopt_proof(const AssetId& id, const Proof& proof) override;
  Result<std::optional<std::vector<std::byte>>> chunk_sums(std::string_view blob_key) override;
  Result<void> keep_chunk_sums(std::string_view blob_key, ByteSpan column) override;
  Result<std::int64_t> verify_position() override;
  Result<void> set_verify_position(std::int64_t position) override;

  Result<std::vector<ListedAsset>> pick(const AssetQuery& query,
                                        std::span<const AssetId> ids) override;
  Result<Page<ListedAsset>> list(const AssetQuery& query, std::string_view cursor,
                                 std::size_t limit) override;
  Result<LibrarySummary> summarize() override;
  Result<Outcomes> delete_assets(std::span<const AssetId> ids,
                                 std::chrono::milliseconds purge_after) override;
  Result<Outcomes> retag(std::span<const AssetId> ids, const Retagging& change) override;
  Result<TakedownRow> take_down(const NewTakedown& order,
                                std::chrono::milliseconds purge_after) override;
  Result<std::optional<TakedownRow>> find_takedown(std::string_view id) override;
  Result<Page<TakedownRow>> list_takedowns(std::string_view cursor, std::size_t limit) override;
  Result<bool> lift_takedown(std::string_view id) override;
  Result<void> require_not_barred(const AssetId& id) override;
  Result<std::optional<std::int64_t>> keep_fingerprint(
      const AssetId& id, const std::optional<Fingerprint>& fingerprint) override;
  Result<std::optional<KeptFingerprint>> fingerprint_of(const AssetId& id) override;
  Result<std::vector<KeptFingerprint>> fingerprints_of(
      std::span<const std::int64_t> asset_nos) override;
  Result<std::vector<IndexedFingerprint>> fingerprints_after(std::int64_t asset_no,
                                                             std::size_t limit) override;
  Result<std::vector<IndexedFingerprint>> fingerprints_since(Timestamp moment) override;
  Result<FingerprintCount> count_fingerprints() override;
  Result<std::vector<NumberedAssetId>> without_fingerprint(std::int64_t asset_no,
                                                           std::size_t limit) override;
  Result<void> record_likenesses(std::span<const Likeness> likenesses) override;
  Result<std::vector<Likeness>> likenesses_of(std::span<const std::int64_t> asset_nos) override;
  Result<std::vector<std::int64_t>> looked_like_after(std::int64_t asset_no,
                                                      std::size_t limit) override;
  Result<std::vector<NumberedAssetId>> ids_of(std::span<const std::int64_t> asset_nos) override;
  Result<void> merge_assets(const AssetId& from, const AssetId& into,
                            std::chrono::milliseconds purge_after) override;
  Result<std::optional<AssetId>> merged_into(const AssetId& id) override;

  Result<FeedPlace> feed_end() override;
  Result<std::vector<FeedEvent>> events_after(const FeedPlace& place, std::size_t limit) override;

  Result<void> check() override;
  bool is_shared() const override { return sharing_ == Sharing::shared; }
  void on_change(std::function<void(const CatalogChange&)> hear) override;
  Result<void> end_all_leases() override;

 private:
  /// Runs `body(Transaction&)`, which gives Result<T>, in a transaction, and wakes the lanes that
  /// it names once the commit is done. An error undoes all of it, unless the body has set
  /// `commit_anyway`.
  template <class Body>
  auto write(Durability durability, Body body) -> std::invoke_result_t<Body, Transaction&> {
    std::optional<std::invoke_result_t<Body, Transaction&>> result;
    std::set<Lane> woken;
    std::vector<CatalogChange> changes;
    const auto committed = database_->write(durability, [&](Connection& db) -> Result<void> {
      Transaction transaction{.db = db, .dialect = database_->dialect(), .now = clock_.now()};
      result.emplace(body(transaction));
      if (!*result && !transaction.commit_anyway) return std::unexpected(result->error());
      TRY_VOID(notify(transaction));
      woken = std::move(transaction.woken);
      changes = std::move(transaction.changes);
      return {};
    });
    if (!committed) return std::unexpected(committed.error());
    for (const Lane lane : woken) announce(lane);
    for (const CatalogChange& change : changes) tell(change);
    return *std::move(result);
  }

  /// Runs `body(Connection&)`, which gives Result<T>, on a reader.
  template <class Body>
  auto read(Body body) -> std::invoke_result_t<Body, Connection&> {
    return read_by(&Database::read, std::move(body));
  }
  /// The same for what is only shown.
  template <class Body>
  auto read_lagging(Body body) -> std::invoke_result_t<Body, Connection&> {
    return read_by(&Database::read_lagging, std::move(body));
  }
  template <class Body>
  auto read_by(Result<void> (Database::*how)(const Database::Body&), Body body)
      -> std::invoke_result_t<Body, Connection&> {
    std::optional<std::invoke_result_t<Body, Connection&>> result;
    const auto done = (*database_.*how)([&](Connection& db) -> Result<void> {
      result.emplace(body(db));
      if (!*result) return std::unexpected(result->error());
      return {};
    });
    if (!done) return std::unexpected(done.error());
    return *std::move(result);
  }

  /// Within the transaction: what other programs have to hear of it if it is committed.
  Result<void> notify(Transaction& transaction);
  /// After the commit: to this program's listeners, and the lanes to other programs too.
  void announce(Lane lane);
  struct FirstDue {
    std::string id;
    int attempts = 0;
    std::chrono::milliseconds wait{};
  };
  Result<std::optional<FirstDue>> first_due(Lane lane);
  Result<void> bury_lost(std::string_view id);

  using AssetStep = std::function<Result<void>(Transaction&, const AssetId&)>;
  Result<Outcomes> change_each(std::span<const AssetId> ids, const AssetStep& step);

  Result<LibrarySummary> count_labels();

  void wake(Lane lane);
  void tell(const CatalogChange& change);
  void take_word(std::optional<std::string_view> word);

  const std::unique_ptr<Database> database_;
  const Clock& clock_;
  const Sharing sharing_;
  const std::string origin_;           // of this program's words
  std::shared_mutex listeners_mutex_;  // shared while a callback runs
  std::function<void(Lane)> wake_;
  std::function<void(const CatalogChange&)> hear_;
  std::mutex summary_mutex_;  // held while labels are counted
  LibrarySummary summary_;
  std::chrono::steady_clock::time_point summary_good_until_{};
};

}  // namespace calotype
