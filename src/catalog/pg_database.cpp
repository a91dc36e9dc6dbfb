// SPDX-License-Identifier: Apache-2.0
#include "catalog/pg_database.hpp"

#include <algorithm>
#include <random>
#include <thread>

#include "base/log.hpp"
#include "catalog/pg_dialect.hpp"
#include "catalog/pg_listener.hpp"
#include "catalog/pg_replica.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// A sample of the server's clock that took longer to come is used only where none is newer.
constexpr milliseconds sample_error_max{20};
constexpr milliseconds sample_age_max{60'000};
constexpr milliseconds settle_pause{50};
constexpr int missing_statements_max = 3;

std::int64_t steady_ms() {
  return std::chrono::floor<milliseconds>(Steady::now().time_since_epoch()).count();
}

/// 1, 2, 4 … up to 64 ms, each times a jitter in [0.5, 1.5), so that rivals do not meet again.
void pause_before(int attempt, PgDeadline deadline) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const double jitter = std::uniform_real_distribution<double>(0.5, 1.5)(random);
  const double ms = static_cast<double>(1 << std::min(attempt - 1, 6)) * jitter;
  const auto until = Steady::now() + std::chrono::microseconds(static_cast<int>(ms * 1'000));
  std::this_thread::sleep_until(std::min(until, deadline));
}

}  // namespace

Timestamp PgClock::now() const {
  return Timestamp{milliseconds{steady_ms() + offset_ms_}};
}

void PgClock::take(const PgConnection::ClockSample& sample) {
  if (sample.taken == 0) return;
  const bool old = taken_ms_ == 0 || steady_ms() - taken_ms_ > sample_age_max.count();
  if (sample.error > sample_error_max && !old) return;
  offset_ms_ = sample.offset.count();
  taken_ms_ = steady_ms();
}

PgDatabase::PgDatabase(const Options& options)
    : options_(options),
      primary_({.url = options.url,
                .name = "primary",
                .size = options.pool_size,
                .wait_max = options.pool_wait_max,
                .connect_timeout = options.connect_timeout,
                .metrics = options.metrics}) {
  if (options.metrics)
    repeated_ = &options.metrics->counter(
        "catalog_transactions_repeated_total",
        "Transactions run again after a conflict or a broken connection.");
}

PgDatabase::~PgDatabase() = default;

Result<std::unique_ptr<PgDatabase>> PgDatabase::open(const Options& options) {
  for (const std::string& url : {options.url, options.replica_url, options.listen_url})
    if (!url.empty()) TRY_VOID(check_pg_url(url));
  std::unique_ptr<PgDatabase> database(new PgDatabase(options));
  {
    TRY(const auto first, database->primary_.borrow_first());
    database->clock_.take(first->clock_sample());
  }
  if (!options.replica_url.empty())
    database->replica_ = std::make_unique<PgReplica>(
        PgReplica::Options{.pool = {.url = options.replica_url,
                                    .name = "replica",
                                    .size = options.pool_size,
                                    .wait_max = milliseconds{100},
                                    .connect_timeout = options.connect_timeout,
                                    .metrics = options.metrics},
                           .lag_max = options.replica_lag_max},
        database->primary_);
  if (!options.listen_url.empty()) {
    database->teller_ = std::make_unique<PgTeller>(*database);
    database->listener_ = std::make_unique<PgListener>(
        PgListener::Options{.url = options.listen_url, .connect_timeout = options.connect_timeout},
        *database->teller_);
  }
  return database;
}

const Dialect& PgDatabase::dialect() const {
  return pg_dialect;
}

void PgDatabase::tell(std::string word) {
  if (teller_) teller_->tell(std::move(word));
}

void PgDatabase::listen(Hear hear) {
  if (listener_) listener_->listen(std::move(hear));
}

Result<PgPool::Borrowed> PgDatabase::borrow(PgDeadline deadline) {
  TRY(auto connection, primary_.borrow(deadline));
  if (unnamed_) connection->use_unnamed_statements();
  connection->set_deadline(deadline);
  return connection;
}

Result<void> PgDatabase::repeat(const Try& attempt) {
  const PgDeadline deadline = Steady::now() + options_.transaction_timeout;
  for (int number = 1;; ++number) {
    Tried tried = attempt(deadline);
    if (!tried.again || Steady::now() >= deadline) return std::move(tried.outcome);
    if (repeated_) repeated_->add();
    pause_before(number, deadline);
  }
}

Result<void> PgDatabase::write(Durability durability, const Body& body) {
  return repeat([&](PgDeadline deadline) { return try_write(durability, body, deadline); });
}

PgDatabase::Tried PgDatabase::try_write(Durability durability, const Body& body,
                                        PgDeadline deadline) {
  PgFailure failure = PgFailure::none;
  PgConnection::TransactionMark transaction;
  bool committing = false;
  Result<void> outcome;
  {
    auto connection = borrow(deadline);
    if (!connection) return {std::unexpected(std::move(connection).error())};
    PgConnection& db = **connection;
    db.begin(durability, options_.transaction_timeout);
    outcome = body(db);
    transaction = db.transaction();
    committing = outcome.has_value() && !transaction.id.empty();
    if (outcome) outcome = db.commit();
    clock_.take(db.clock_sample());
    failure = db.failure();
    if (!outcome) db.roll_back();
  }  // the connection is back, or gone: settling needs another
  if (outcome || failure == PgFailure::none) return {std::move(outcome)};
  if (committing && failure == PgFailure::lost) return settle(transaction, deadline);
  if (failure == PgFailure::again) note_missing_statement();
  return {std::move(outcome), failure != PgFailure::refused};
}

/// A server that crashed, or a replica in its place, gives the numbers of transactions of which
/// nothing had reached its log once more: that such a number is committed may be another
/// transaction's story. That it is not is ours, since what was committed keeps its number.
PgDatabase::Tried PgDatabase::settle(const PgConnection::TransactionMark& transaction,
                                     PgDeadline deadline) {
  const PgDeadline until = std::max(deadline, Steady::now()) + options_.settle_max;
  while (Steady::now() < until) {
    const auto outcome = ask_outcome(transaction.id, until);
    if (outcome && outcome->status == "committed") {
      if (outcome->restarted_ms < transaction.begun_ms && outcome->timeline == transaction.timeline)
        return {Result<void>{}};
      break;
    }
    if (outcome && outcome->status == "aborted")
      return {fail(ErrorCode::catalog_failed, "The catalog's server ended the connection.",
                   "the commit was not reached"),
              true};
    std::this_thread::sleep_for(settle_pause);
  }
  log::error("a commit's outcome is unknown", {{"transaction", transaction.id}});
  return {fail(ErrorCode::catalog_failed,
               "The catalog did not say whether it kept this change, and cannot be asked: look "
               "before you do it again.",
               "transaction " + transaction.id)};
}

Result<PgDatabase::CommitOutcome> PgDatabase::ask_outcome(const std::string& transaction_id,
                                                          PgDeadline deadline) {
  TRY(auto connection, borrow(deadline));
  connection->begin_reading();
  // Recovery from a crash resets the counters of the log. A number that has not been given again
  // since was not committed: one from the future, which pg_xact_status refuses. What the future is
  // tells a number of our own; the snapshot's end leaves out the newest of those in progress.
  TRY(auto outcome,
      query_one(*connection,
                "SELECT CASE WHEN $1::text::xid8 < pg_current_xact_id() "
                "THEN COALESCE(pg_xact_status($1::text::xid8), '') ELSE 'aborted' END, "
                "(extract(epoch FROM "
                "greatest(pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_wal))) * "
                "1000)::bigint, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)",
                {transaction_id}, [](const Row& row) -> Result<CommitOutcome> {
                  return CommitOutcome{.status = std::string(row.text(0)),
                                       .restarted_ms = row.integer(1),
                                       .timeline = std::string(row.text(2))};
                }));
  return std::move(outcome).value_or(CommitOutcome{});
}

Result<void> PgDatabase::read(const Body& body) {
  return repeat([&](PgDeadline deadline) { return try_read(body, deadline); });
}

PgDatabase::Tried PgDatabase::try_read(const Body& body, PgDeadline deadline) {
  auto connection = borrow(deadline);
  if (!connection) return {std::unexpected(std::move(connection).error())};
  PgConnection& db = **connection;
  db.begin_reading();
  auto outcome = body(db);
  if (outcome) return {std::move(outcome)};
  if (db.failure() == PgFailure::again) note_missing_statement();
  return {std::move(outcome),
          db.failure() != PgFailure::none && db.failure() != PgFailure::refused};
}

Result<void> PgDatabase::read_lagging(const Body& body) {
  if (replica_ && replica_->read(body)) return {};
  return read(body);
}

/// A pooler in transaction mode that does not carry prepared statements over (PgBouncer with
/// max_prepared_statements = 0) makes them go missing again and again.
void PgDatabase::note_missing_statement() {
  if (++missing_statements_ != missing_statements_max || unnamed_.exchange(true)) return;
  log::warn("prepared statements do not last, so each is sent whole from now on",
            {{"hint", "PgBouncer: max_prepared_statements = 200"}});
}

}  // namespace calotype
