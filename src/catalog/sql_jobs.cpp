// SPDX-License-Identifier: Apache-2.0
// Jobs: claimed by one conditional step under a growing fence, so that two workers never hold one.
#include <algorithm>
#include <format>
#include <tuple>

#include "catalog/sql_catalog.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

/// Gives a job back: at `at`, with so many attempts begun.
Result<void> make_ready(Transaction& tx, const Job& job, Timestamp at, int attempts,
                        std::string_view last_error) {
  TRY_VOID(
      tx.db.execute("UPDATE job SET state = 'ready', run_after = $1, due_at = $2, attempts = $3, "
                    "last_error = $4 WHERE id = $5",
                    {at, at, attempts, last_error, job.id}));
  tx.woken.insert(lane_of(job.kind));
  return {};
}

std::string select_jobs(std::string_view rest) {
  return std::format("SELECT {} FROM job WHERE {}", job_columns, rest);
}

const Error died{ErrorCode::internal,
                 "Its worker died, or lost its lease, at every attempt.",
                 {},
                 std::source_location::current()};

Result<JobCount> read_count(const Row& row) {
  Columns columns(row);
  const auto lane = parse_lane(columns.view());
  const auto state = parse_job_state(columns.view());
  if (!lane || !state) return bad_row("a job's lane or state");
  return JobCount{*lane, *state, columns.integer<std::uint64_t>()};
}

}  // namespace

Result<void> SqlCatalog::enqueue(JobKind kind, std::string_view key, std::string_view asset_id,
                                 std::chrono::milliseconds delay) {
  return write(Durability::durable,
               [&](Transaction& tx) { return add_job(tx, kind, key, asset_id, tx.now + delay); });
}

Result<std::vector<Job>> SqlCatalog::claim_jobs(Lane lane, std::size_t limit,
                                                std::chrono::milliseconds lease) {
  // Most claims find nothing, and a read disturbs nobody.
  TRY(auto first, first_due(lane));
  for (; first && first->wait.count() == 0 && first->attempts >= attempts_max;) {
    TRY_VOID(bury_lost(first->id));
    TRY(first, first_due(lane));
  }
  if (!first || first->wait.count() > 0) return std::vector<Job>{};
  // A lease that is lost with a database that crashes is given again under the same fence. Who
  // removes bytes must not share a fence with anybody.
  const auto durability = lane == Lane::maintenance ? Durability::durable : Durability::relaxed;
  return write(durability, [&](Transaction& tx) -> Result<std::vector<Job>> {
    // Picked once: as a mere subquery it might be run again, and pick others.
    const std::string sql = std::format(
        "WITH due AS MATERIALIZED (SELECT id FROM job WHERE lane = $1 AND due_at <= $2 "
        "AND attempts < {} ORDER BY due_at LIMIT $3 {}) "
        "UPDATE job SET state = 'running', attempts = attempts + 1, fence = fence + 1, "
        "due_at = $4 WHERE id IN (SELECT id FROM due) RETURNING {}",
        attempts_max, tx.dialect.skip_locked, job_columns);
    TRY(auto jobs,
        query_all(tx.db, sql, {to_string(lane), tx.now, limit, tx.now + lease}, read_job));
    std::ranges::sort(jobs, {}, [](const Job& job) { return std::tie(job.run_after, job.id); });
    return jobs;
  });
}

/// A job whose lease ran out at its last attempt.
Result<void> SqlCatalog::bury_lost(std::string_view id) {
  return write(Durability::relaxed, [&](Transaction& tx) -> Result<void> {
    TRY(const auto job,
        hold_job(tx, "id = $1 AND due_at <= $2 AND attempts >= $3", {id, tx.now, attempts_max}));
    return job ? bury_job(tx, *job, died) : Result<void>{};
  });
}

Result<void> SqlCatalog::extend_lease(const JobLease& lease, std::chrono::milliseconds by) {
  return write(Durability::relaxed, [&](Transaction& tx) -> Result<void> {
    TRY(const auto extended,
        tx.db.execute(
            "UPDATE job SET due_at = $3 WHERE id = $1 AND fence = $2 AND state = 'running'",
            {lease.job_id, lease.fence, tx.now + by}));
    return extended > 0 ? Result<void>{} : lease_is_over(lease);
  });
}

Result<void> SqlCatalog::complete_job(const JobLease& lease) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY(const auto removed,
        tx.db.execute("DELETE FROM job WHERE id = $1 AND fence = $2 AND state = 'running'",
                      {lease.job_id, lease.fence}));
    return removed > 0 ? Result<void>{} : lease_is_over(lease);
  });
}

Result<void> SqlCatalog::fail_job(const JobLease& lease, const Error& reason,
                                  std::chrono::milliseconds delay) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY(const Job job, require_lease_and_asset(tx, lease));
    TRY_VOID(abandon_purge(tx, job));
    if (job.attempts >= attempts_max) return bury_job(tx, job, reason);
    return make_ready(tx, job, tx.now + delay, job.attempts,
                      std::format("{}: {}", to_string(reason.code), reason.message));
  });
}

Result<void> SqlCatalog::put_back_job(const JobLease& lease, std::chrono::milliseconds delay) {
  return write(Durability::relaxed, [&](Transaction& tx) -> Result<void> {
    TRY(const Job job, require_lease_and_asset(tx, lease));
    TRY_VOID(abandon_purge(tx, job));
    return make_ready(tx, job, tx.now + delay, std::max(0, job.attempts - 1), job.last_error);
  });
}

Result<std::optional<SqlCatalog::FirstDue>> SqlCatalog::first_due(Lane lane) {
  using std::chrono::milliseconds;
  return read([&](Connection& db) {
    return query_one(db,
                     "SELECT id, attempts, due_at FROM job WHERE lane = $1 AND due_at IS NOT NULL "
                     "ORDER BY due_at LIMIT 1",
                     {to_string(lane)}, [&](const Row& row) -> Result<FirstDue> {
                       Columns columns(row);
                       FirstDue first;
                       first.id = columns.text();
                       first.attempts = columns.integer<int>();
                       first.wait = std::max(columns.time() - clock_.now(), milliseconds{0});
                       return first;
                     });
  });
}

Result<std::optional<std::chrono::milliseconds>> SqlCatalog::next_due(Lane lane) {
  TRY(const auto first, first_due(lane));
  return first.transform([](const FirstDue& due) { return due.wait; });
}

Result<Page<Job>> SqlCatalog::list_jobs(const JobFilter& filter, std::string_view cursor,
                                        std::size_t limit) {
  return read_lagging([&](Connection& db) -> Result<Page<Job>> {
    // Ids sort by the time they were made, so the last id of a page is its cursor. The state stands
    // in the text, so that the index of the dead can serve.
    const std::string which =
        filter.state ? std::format(" AND state = '{}'", to_string(*filter.state)) : "";
    Page<Job> page;
    TRY(page.rows, query_all(db, select_jobs(std::format("id > $1{} ORDER BY id LIMIT $2", which)),
                             {cursor, limit + 1}, read_job));
    if (page.rows.size() > limit) {
      page.rows.pop_back();
      if (!page.rows.empty()) page.next = page.rows.back().id;
    }
    return page;
  });
}

Result<void> SqlCatalog::retry_job(std::string_view id) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY(const auto job, hold_job(tx, "id = $1", {id}));
    if (!job) return fail(ErrorCode::job_not_found, std::format("No job is {}.", id));
    if (job->state != JobState::dead)
      return fail(
          ErrorCode::job_not_retryable,
          std::format("The job is {}; only a dead one can be retried.", to_string(job->state)));
    if (job->kind == JobKind::inspect) {
      const auto asset_id = AssetId::parse(job->asset_id);
      if (!asset_id) return bad_row("a job's asset");
      TRY(auto head, hold_asset(tx, *asset_id, Hold::update));
      if (head.state == AssetState::metadata_failed)
        TRY_VOID(move_asset(tx, head, AssetState::ingested));
    }
    return make_ready(tx, *job, tx.now, 0, job->last_error);
  });
}

Result<std::size_t> SqlCatalog::retry_dead_jobs(JobKind kind) {
  require(kind != JobKind::inspect, "an inspect job's asset would have to become INGESTED");
  return write(Durability::durable, [&](Transaction& tx) -> Result<std::size_t> {
    TRY(const auto revived,
        tx.db.execute("UPDATE job SET state = 'ready', run_after = $1, due_at = $1, attempts = 0 "
                      "WHERE state = 'dead' AND kind = $2",
                      {tx.now, to_string(kind)}));
    if (revived > 0) tx.woken.insert(lane_of(kind));
    return static_cast<std::size_t>(revived);
  });
}

Result<std::vector<JobCount>> SqlCatalog::count_jobs() {
  return read_lagging([&](Connection& db) {
    return query_all(db, "SELECT lane, state, COUNT(*) FROM job GROUP BY lane, state", {},
                     read_count);
  });
}

Result<void> SqlCatalog::end_all_leases() {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY_VOID(
        tx.db.execute("UPDATE job SET state = 'ready', run_after = $1, due_at = $1, "
                      "attempts = CASE WHEN attempts > 0 THEN attempts - 1 ELSE 0 END "
                      "WHERE state = 'running'",
                      {tx.now}));
    TRY_VOID(tx.db.execute(
        "UPDATE asset SET purging = 0, purge_epoch = purge_epoch + 1 WHERE purging = 1"));
    TRY_VOID(tx.db.execute("DELETE FROM variant WHERE blob_key IS NULL"));
    TRY_VOID(tx.db.execute("UPDATE resumable_upload SET lease_until = 0"));
    return {};
  });
}

Result<void> SqlCatalog::check() {
  return read([](Connection& db) -> Result<void> {
    TRY_VOID(query_one(db, "SELECT number FROM schema_migration LIMIT 1", {}, read_integer));
    return {};
  });
}

}  // namespace calotype
