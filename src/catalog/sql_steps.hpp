// SPDX-License-Identifier: Apache-2.0
// The steps that transactions are made of: each keeps one invariant of the catalog, and every role
// uses the same one. A change of state goes through `move_asset` only.
#pragma once

#include <chrono>
#include <set>

#include "catalog/catalog.hpp"
#include "catalog/database.hpp"

namespace calotype {

struct Transaction {
  Connection& db;
  const Dialect& dialect;
  Timestamp now;
  std::set<Lane> woken{};  // lanes that got a job
  std::vector<CatalogChange> changes{};
  bool commit_anyway = false;  // the error is an answer; what was written stays
};

/// The part of an asset's row that decides.
struct AssetHead {
  std::int64_t no = 0;
  Digest digest;
  AssetState state = AssetState::ingested;
  std::int64_t purge_epoch = 0;
  bool purging = false;
};
Result<std::optional<AssetHead>> find_head(Connection& db, const AssetId& id);

/// What a transaction decides on it holds, from the moment it looks until it ends: an asset's row
/// for `share` where it only has to stay as it is (many may), for `update` where it is going to
/// change. Everything that belongs to an asset (uploads, events, media, variants, its jobs) is held
/// by way of the asset's row. Order: an asset before its jobs, and one asset at a time but for a
/// few maintenance steps, so that no two transactions wait for each other.
enum class Hold : std::uint8_t { share, update };
Result<std::optional<AssetHead>> hold_head(Transaction& tx, const AssetId& id, Hold hold);
/// asset_not_found where there is none, or it is DELETED.
Result<AssetHead> hold_asset(Transaction& tx, const AssetId& id, Hold hold);

/// The end of an asset that is held for update, with all its uploads: DELETED and in no listing,
/// its proof and variants are garbage, and an expire job runs after `purge_after`. Told to
/// everybody. `detail` as in move_asset.
Result<void> delete_asset(Transaction& tx, AssetHead& head, std::chrono::milliseconds purge_after,
                          std::string_view detail = {});

/// One conditional UPDATE, and its event with the table's reason and `detail` after it. `failure`
/// is stored with METADATA_FAILED, and its message is the detail. illegal_transition where the
/// table has no such step, or the asset is not in head.state any more.
Result<void> move_asset(Transaction& tx, AssetHead& head, AssetState to,
                        const Error* failure = nullptr, std::string_view detail = {});
/// An event of an asset that is held for update: what changed is not its state.
Result<void> note_change(Transaction& tx, const AssetHead& head, std::string_view because);
Result<void> add_event(Transaction& tx, std::int64_t asset_no, std::int64_t seq,
                       std::optional<AssetState> from, AssetState to, std::string_view because);
/// VARIANTS_READY → METADATA_READY where no variant is left. The asset is held for update.
Result<void> note_variants_gone(Transaction& tx, AssetHead& head);

/// Nothing where a job with that key exists. Wakes the lane.
Result<void> add_job(Transaction& tx, JobKind kind, std::string_view key, std::string_view asset_id,
                     Timestamp run_after);
Result<void> remove_job_by_key(Transaction& tx, std::string_view key);
std::string asset_job_key(JobKind kind, const AssetId& id);
/// The job under lease, held; lease_lost where it is gone, was taken over or is not running. Its
/// asset is held already, or not needed.
Result<Job> require_lease(Transaction& tx, const JobLease& lease);
/// The same with its asset, where it has one, held for update.
Result<Job> require_lease_and_asset(Transaction& tx, const JobLease& lease);
/// The job that the condition on `job` names, held, with its asset; nothing where there is none
/// (any more).
Result<std::optional<Job>> hold_job(Transaction& tx, std::string_view where, Values values);
std::unexpected<Error> lease_is_over(const JobLease& lease);
Result<void> remove_job(Transaction& tx, std::string_view job_id);
/// The end of a job that has used up its attempts: dead, and an inspect job's asset is
/// METADATA_FAILED; removed where its asset is deleted. Upkeep, which is of no asset, never dies:
/// it comes round for ever, and rests for a while first.
Result<void> bury_job(Transaction& tx, const Job& job, const Error& reason);
/// Raises the epoch once more: an upload that read it during the purge may have published its bytes
/// before the purge removed them.
Result<void> end_purge(Transaction& tx, std::string_view asset_id);
/// Where a purge's worker says itself that it has stopped, the purge is not under way any more, and
/// uploads of that content need not wait for the next attempt. (A lost lease says no such thing:
/// its worker may be about to remove the bytes.)
Result<void> abandon_purge(Transaction& tx, const Job& job);

Result<void> add_garbage(Transaction& tx, std::string_view blob_key);
/// Forgets what inspection found; the proof becomes garbage.
Result<void> remove_media(Transaction& tx, std::int64_t asset_no);

}  // namespace calotype
