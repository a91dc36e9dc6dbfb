// SPDX-License-Identifier: Apache-2.0
// A streaming replica, for reads that may lag. Healthy is one that has replayed what the primary
// had written `lag_max` ago: positions in the log are compared, not clocks, so that a primary that
// writes nothing does not look like a replica that falls behind. While it is not healthy, or fails,
// everything goes to the primary; it is looked at every second.
#pragma once

#include <atomic>
#include <deque>
#include <thread>

#include "catalog/pg_pool.hpp"

namespace calotype {

class PgReplica {
 public:
  struct Options {
    PgPool::Options pool;
    std::chrono::milliseconds lag_max{5'000};
  };
  /// The primary's pool outlives this.
  PgReplica(const Options& options, PgPool& primary);
  ~PgReplica();

  /// True where the replica has answered; where not, the primary is to be asked.
  bool read(const Database::Body& body);
  bool is_healthy() const { return healthy_; }

 private:
  void watch();
  void look();
  Result<std::string> position_of_primary();
  Result<std::int64_t> bytes_ahead_of(const std::string& position);
  void set_health(bool healthy, std::string_view why);

  const Options options_;
  PgPool& primary_;
  PgPool pool_;
  Gauge* health_gauge_ = nullptr;
  std::atomic<bool> healthy_ = false;
  struct Position {
    std::chrono::steady_clock::time_point at;
    std::string lsn;
  };
  std::deque<Position> positions_;  // of the primary; the watching thread's only
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread watcher_;
};

}  // namespace calotype
