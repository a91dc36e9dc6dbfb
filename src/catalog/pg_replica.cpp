// SPDX-License-Identifier: Apache-2.0
#include "catalog/pg_replica.hpp"

#include "base/log.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::chrono::milliseconds look_interval{1'000};
constexpr std::chrono::milliseconds first_look_interval{100};
constexpr std::chrono::milliseconds look_max{2'000};
constexpr std::chrono::milliseconds read_max{2'000};

}  // namespace

PgReplica::PgReplica(const Options& options, PgPool& primary)
    : options_(options), primary_(primary), pool_(options.pool) {
  if (options.pool.metrics)
    health_gauge_ = &options.pool.metrics->gauge(
        "catalog_replica_healthy", "Whether reads that may lag go to the replica (1) or not (0).");
  watcher_ = std::thread([this] { watch(); });
}

PgReplica::~PgReplica() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  watcher_.join();
}

bool PgReplica::read(const Database::Body& body) {
  if (!healthy_) return false;
  const PgDeadline deadline = Steady::now() + read_max;
  auto connection = pool_.borrow(deadline);
  if (!connection) {
    // All in use is no illness.
    if (connection.error().code != ErrorCode::overloaded)
      set_health(false, describe(connection.error()));
    return false;
  }
  (*connection)->set_deadline(deadline);
  (*connection)->begin_reading();
  const auto done = body(**connection);
  if (!done && (*connection)->failure() == PgFailure::lost)
    set_health(false, describe(done.error()));
  return done.has_value();
}

void PgReplica::watch() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    look();
    lock.lock();
    changed_.wait_for(lock, healthy_ ? look_interval : first_look_interval,
                      [this] { return stopping_; });
  }
}

/// Where the primary cannot be asked, the replica is as healthy as it was: that is when it is
/// needed.
void PgReplica::look() {
  const auto now = Steady::now();
  if (auto position = position_of_primary()) {
    positions_.push_back({now, *std::move(position)});
    // The newest of those that are old enough to have been replayed, and all younger ones.
    while (positions_.size() > 1 && positions_[1].at + options_.lag_max <= now)
      positions_.pop_front();
  }
  if (positions_.empty()) return;
  const auto ahead = bytes_ahead_of(positions_.front().lsn);
  if (!ahead) return set_health(false, describe(ahead.error()));
  set_health(*ahead >= 0, *ahead >= 0 ? "" : "it lags behind");
}

Result<std::string> PgReplica::position_of_primary() {
  const PgDeadline deadline = Steady::now() + look_max;
  TRY(const auto connection, primary_.borrow(deadline));
  connection->set_deadline(deadline);
  connection->begin_reading();
  TRY(auto position, query_one(*connection, "SELECT pg_current_wal_lsn()::text", {}, read_text));
  return std::move(position).value_or("");
}

Result<std::int64_t> PgReplica::bytes_ahead_of(const std::string& position) {
  const PgDeadline deadline = Steady::now() + look_max;
  TRY(const auto connection, pool_.borrow(deadline));
  connection->set_deadline(deadline);
  connection->begin_reading();
  TRY(const auto ahead,
      query_one(*connection,
                "SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), $1::text::pg_lsn)::bigint "
                "WHERE pg_is_in_recovery()",
                {position}, read_integer));
  if (!ahead)
    return fail(ErrorCode::bad_config,
                "The server of catalog.replica is no replica of the primary.");
  return *ahead;
}

void PgReplica::set_health(bool healthy, std::string_view why) {
  if (healthy_.exchange(healthy) == healthy) return;
  if (health_gauge_) health_gauge_->set(healthy ? 1 : 0);
  if (healthy) {
    log::info("catalog's replica is used");
  } else {
    log::warn("catalog's replica is not used", {{"why", why}});
  }
}

}  // namespace calotype
