// SPDX-License-Identifier: Apache-2.0
// The steps that transactions are made of: each keeps one invariant of the catalog, and every role
// uses the same one. A change of state goes through `move_asset` only.
#pragma once

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
/// asset_not_found where there is none, or it is DELETED.
Result<AssetHead> require_asset(Connection& db, const AssetId& id);

/// One conditional UPDATE, and its event with the table's reason and `detail` after it. `failure`
/// is stored with METADATA_FAILED. illegal_transition where the table has no such step, or the
/// asset is not in head.state any more.
Result<void> move_asset(Transaction& tx, AssetHead& head, AssetState to,
                        const Error* failure = nullptr);
Result<void> add_event(Transaction& tx, std::int64_t asset_no, std::int64_t seq,
                       std::optional<AssetState> from, AssetState to, std::string_view because);
/// VARIANTS_READY → METADATA_READY where no variant is left.
Result<void> note_variants_gone(Transaction& tx, const AssetId& id);

/// Nothing where a job with that key exists. Wakes the lane.
Result<void> add_job(Transaction& tx, JobKind kind, std::string_view key, std::string_view asset_id,
                     Timestamp run_after);
Result<void> remove_job_by_key(Transaction& tx, std::string_view key);
std::string asset_job_key(JobKind kind, const AssetId& id);
/// The job under lease; lease_lost where it is gone, was taken over or is not running.
Result<Job> require_lease(Transaction& tx, const JobLease& lease);
Result<void> remove_job(Transaction& tx, std::string_view job_id);
/// The end of a job that has used up its attempts: dead, and an inspect job's asset is
/// METADATA_FAILED; removed where its asset is deleted.
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
