// SPDX-License-Identifier: Apache-2.0
#include "catalog/sql_steps.hpp"

#include <format>

#include "base/ids.hpp"
#include "catalog/sql_listing.hpp"
#include "catalog/sql_near_duplicates.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

Result<AssetHead> read_head(const Row& row) {
  Columns columns(row);
  AssetHead head;
  head.no = columns.integer();
  const auto digest = Digest::from_bytes(columns.bytes());
  const auto state = parse_asset_state(columns.view());
  if (!digest || !state) return bad_row("an asset's digest or state");
  head.digest = *digest;
  head.state = *state;
  head.purge_epoch = columns.integer();
  head.purging = columns.flag();
  return head;
}

std::string_view reason_of(AssetState from, AssetState to) {
  for (const Transition& step : legal_transitions)
    if (step.from == from && step.to == to) return step.because;
  return "";
}

constexpr std::string_view select_head =
    "SELECT asset_no, digest, state, purge_epoch, purging FROM asset WHERE id = $1";

constexpr std::chrono::seconds upkeep_pause{30};
constexpr std::string_view under_lease = "id = $1 AND fence = $2 AND state = 'running'";

}  // namespace

std::unexpected<Error> lease_is_over(const JobLease& lease) {
  return fail(ErrorCode::lease_lost, "The job's lease is over.",
              std::format("job {}, fence {}", lease.job_id, lease.fence));
}

Result<std::optional<AssetHead>> find_head(Connection& db, const AssetId& id) {
  return query_one(db, select_head, {id.text()}, read_head);
}

Result<std::optional<AssetHead>> hold_head(Transaction& tx, const AssetId& id, Hold hold) {
  const std::string_view how = hold == Hold::share ? tx.dialect.for_share : tx.dialect.for_update;
  return query_one(tx.db, std::format("{} {}", select_head, how), {id.text()}, read_head);
}

Result<AssetHead> hold_asset(Transaction& tx, const AssetId& id, Hold hold) {
  TRY(auto head, hold_head(tx, id, hold));
  if (!head || head->state == AssetState::deleted)
    return fail(ErrorCode::asset_not_found, std::format("No asset is {}.", id.text()));
  return *head;
}

Result<void> move_asset(Transaction& tx, AssetHead& head, AssetState to, const Error* failure,
                        std::string_view detail) {
  TRY_VOID(check_transition(head.state, to));
  std::optional<std::string> code;
  if (failure) code = to_string(failure->code);
  // The state in the condition makes a step that somebody else took first an error, not a loss.
  TRY(const auto seq,
      query_one(
          tx.db,
          "UPDATE asset SET state = $1, updated_at = $2, events = events + 1, "
          "failure_code = $3, failure_message = $4 "
          "WHERE asset_no = $5 AND state = $6 RETURNING events",
          {to_string(to), tx.now, code ? Value(*code) : Value(nullptr),
           failure ? Value(failure->message) : Value(nullptr), head.no, to_string(head.state)},
          read_integer));
  if (!seq)
    return fail(ErrorCode::illegal_transition,
                std::format("The asset is no longer {}, so it cannot become {}.",
                            to_string(head.state), to_string(to)));
  std::string because(reason_of(head.state, to));
  if (failure) detail = failure->message;
  if (!detail.empty()) because.append(": ").append(detail);
  TRY_VOID(add_event(tx, head.no, *seq, head.state, to, because));
  head.state = to;
  return {};
}

Result<void> note_change(Transaction& tx, const AssetHead& head, std::string_view because) {
  TRY(const auto seq, query_one(tx.db,
                                "UPDATE asset SET events = events + 1, updated_at = $1 "
                                "WHERE asset_no = $2 RETURNING events",
                                {tx.now, head.no}, read_integer));
  if (!seq) return bad_row("an asset that is held");
  return add_event(tx, head.no, *seq, head.state, head.state, because);
}

Result<void> add_event(Transaction& tx, std::int64_t asset_no, std::int64_t seq,
                       std::optional<AssetState> from, AssetState to, std::string_view because) {
  const std::string sql = std::format(
      "INSERT INTO event (asset_no, seq, from_state, to_state, because, at, turn) "
      "VALUES ($1, $2, $3, $4, $5, $6, {})",
      tx.dialect.turn);
  TRY_VOID(tx.db.execute(sql, {asset_no, seq, from ? Value(to_string(*from)) : Value(nullptr),
                               to_string(to), because, tx.now}));
  return {};
}

Result<void> note_variants_gone(Transaction& tx, AssetHead& head) {
  if (head.state != AssetState::variants_ready) return {};
  TRY(const auto left, query_one(tx.db,
                                 "SELECT 1 FROM variant WHERE asset_no = $1 "
                                 "AND blob_key IS NOT NULL LIMIT 1",
                                 {head.no}, read_integer));
  if (left) return {};
  return move_asset(tx, head, AssetState::metadata_ready);
}

Result<void> delete_asset(Transaction& tx, AssetHead& head, std::chrono::milliseconds purge_after,
                          std::string_view detail) {
  const AssetId id = AssetId::of(head.digest);
  TRY_VOID(move_asset(tx, head, AssetState::deleted, nullptr, detail));
  TRY_VOID(tx.db.execute("DELETE FROM upload WHERE asset_no = $1", {head.no}));
  TRY_VOID(end_listing(tx.db, head.no));
  TRY_VOID(remove_media(tx, head.no));
  TRY_VOID(forget_likeness(tx, head.no));
  TRY_VOID(
      tx.db.execute("INSERT INTO garbage (blob_key) SELECT blob_key FROM variant "
                    "WHERE asset_no = $1 AND blob_key IS NOT NULL ON CONFLICT DO NOTHING",
                    {head.no}));
  TRY_VOID(tx.db.execute("DELETE FROM variant WHERE asset_no = $1", {head.no}));
  TRY_VOID(remove_job_by_key(tx, asset_job_key(JobKind::inspect, id)));
  TRY_VOID(add_job(tx, JobKind::expire, asset_job_key(JobKind::expire, id), id.text(),
                   tx.now + purge_after));
  tx.changes.push_back({.what = CatalogChange::What::asset_deleted, .asset = id});
  return {};
}

Result<void> add_job(Transaction& tx, JobKind kind, std::string_view key, std::string_view asset_id,
                     Timestamp run_after) {
  TRY(const auto added,
      tx.db.execute("INSERT INTO job (id, kind, lane, key, asset_id, state, attempts, fence, "
                    "run_after, due_at, last_error, created_at) "
                    "VALUES ($1, $2, $3, $4, $5, 'ready', 0, 0, $6, $7, '', $8) "
                    "ON CONFLICT (key) DO NOTHING",
                    {new_id(tx.now), to_string(kind), to_string(lane_of(kind)), key, asset_id,
                     run_after, run_after, tx.now}));
  if (added > 0) tx.woken.insert(lane_of(kind));
  return {};
}

Result<void> remove_job_by_key(Transaction& tx, std::string_view key) {
  TRY_VOID(tx.db.execute("DELETE FROM job WHERE key = $1", {key}));
  return {};
}

std::string asset_job_key(JobKind kind, const AssetId& id) {
  return std::format("{}:{}", to_string(kind), id.text());
}

Result<Job> require_lease(Transaction& tx, const JobLease& lease) {
  const std::string sql = std::format("SELECT {} FROM job WHERE {} {}", job_columns, under_lease,
                                      tx.dialect.for_update);
  TRY(auto job, query_one(tx.db, sql, {lease.job_id, lease.fence}, read_job));
  if (!job) return lease_is_over(lease);
  return *std::move(job);
}

Result<Job> require_lease_and_asset(Transaction& tx, const JobLease& lease) {
  TRY(auto job, hold_job(tx, under_lease, {lease.job_id, lease.fence}));
  if (!job) return lease_is_over(lease);
  return *std::move(job);
}

Result<std::optional<Job>> hold_job(Transaction& tx, std::string_view where, Values values) {
  const std::string sql = std::format("SELECT {} FROM job WHERE {}", job_columns, where);
  // Looked at first, for its asset has to be held before it.
  TRY(const auto seen, query_one(tx.db, sql, values, read_job));
  if (!seen) return std::nullopt;
  if (const auto id = AssetId::parse(seen->asset_id)) TRY_VOID(hold_head(tx, *id, Hold::update));
  return query_one(tx.db, std::format("{} {}", sql, tx.dialect.for_update), values, read_job);
}

Result<void> remove_job(Transaction& tx, std::string_view job_id) {
  TRY_VOID(tx.db.execute("DELETE FROM job WHERE id = $1", {job_id}));
  return {};
}

Result<void> bury_job(Transaction& tx, const Job& job, const Error& reason) {
  const std::string last_error = std::format("{}: {}", to_string(reason.code), reason.message);
  if (job.asset_id.empty())
    return tx.db
        .execute(
            "UPDATE job SET state = 'ready', run_after = $1, due_at = $1, attempts = 0, "
            "fence = fence + 1, last_error = $2 WHERE id = $3",
            {tx.now + upkeep_pause, last_error, job.id})
        .transform([](auto) {});
  // A job without an asset of ours dies as any other; an error here would stop its whole lane.
  const auto id = AssetId::parse(job.asset_id);
  if (job.kind == JobKind::inspect && id) {
    TRY(auto head, hold_head(tx, *id, Hold::update));
    if (!head || head->state == AssetState::deleted) return remove_job(tx, job.id);
    if (head->state == AssetState::ingested || head->state == AssetState::dedup_check)
      TRY_VOID(move_asset(tx, *head, AssetState::metadata_failed, &reason));
  }
  TRY_VOID(tx.db.execute(
      "UPDATE job SET state = 'dead', due_at = NULL, fence = fence + 1, last_error = $1 "
      "WHERE id = $2",
      {last_error, job.id}));
  return {};
}

Result<void> end_purge(Transaction& tx, std::string_view asset_id) {
  TRY_VOID(
      tx.db.execute("UPDATE asset SET purging = 0, purge_epoch = purge_epoch + 1 "
                    "WHERE id = $1 AND purging = 1",
                    {asset_id}));
  return {};
}

Result<void> abandon_purge(Transaction& tx, const Job& job) {
  if (job.kind != JobKind::expire) return {};
  return end_purge(tx, job.asset_id);
}

Result<void> add_garbage(Transaction& tx, std::string_view blob_key) {
  TRY_VOID(tx.db.execute("INSERT INTO garbage (blob_key) VALUES ($1) ON CONFLICT DO NOTHING",
                         {blob_key}));
  TRY_VOID(tx.db.execute("DELETE FROM quarantine WHERE blob_key = $1", {blob_key}));
  return {};
}

Result<void> remove_media(Transaction& tx, std::int64_t asset_no) {
  TRY_VOID(
      tx.db.execute("INSERT INTO garbage (blob_key) SELECT proof_key FROM media "
                    "WHERE asset_no = $1 AND proof_key IS NOT NULL ON CONFLICT DO NOTHING",
                    {asset_no}));
  TRY_VOID(tx.db.execute("DELETE FROM media WHERE asset_no = $1", {asset_no}));
  return {};
}

}  // namespace calotype
