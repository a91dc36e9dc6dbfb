// SPDX-License-Identifier: Apache-2.0
// Words between the programs on one catalog, by LISTEN and NOTIFY. One thread holds a connection of
// its own that listens; when that breaks, or nothing that we say ourselves comes back on it (a
// pooler in transaction mode swallows notifications, a dead peer says nothing), it is made anew,
// and who listens is told that something may have been missed.
//
// By the same connection the database is occupied (pg_occupancy.hpp).
//
// What must be told with a commit is told in its transaction (Dialect::notify). What only saves a
// poll is told by PgTeller: NOTIFY holds a lock over its commit that all others with a NOTIFY wait
// for, so it would make uploads wait for one another's fsync (adr/0004).
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <thread>

#include "base/unique_fd.hpp"
#include "catalog/pg_connection.hpp"

namespace calotype {

/// Tells words soon after they are given, equal ones once, in a transaction of their own that waits
/// for no disk.
class PgTeller {
 public:
  /// The database outlives this.
  explicit PgTeller(Database& database);
  ~PgTeller();
  void tell(std::string word);

 private:
  void run();

  Database& database_;
  std::mutex mutex_;
  std::condition_variable given_;
  std::set<std::string> words_;
  bool stopping_ = false;
  std::thread thread_;
};

class PgListener {
 public:
  struct Options {
    std::string url{};
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds probe_interval{10'000};
    std::chrono::milliseconds probe_max{3'000};  // for our own word to come back
  };
  /// The teller outlives this.
  PgListener(const Options& options, PgTeller& teller);
  ~PgListener();
  void listen(Database::Hear hear);

 private:
  void run();
  Result<void> listen_until_it_breaks();
  void take(std::string_view word);
  void hear(std::optional<std::string_view> word);
  bool pause(std::chrono::milliseconds time);

  const Options options_;
  PgTeller& teller_;
  const std::string probe_;  // a word that is ours alone
  UniqueFd wake_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> heard_ = false;  // anything, since this connection was made
  std::chrono::steady_clock::time_point probe_heard_{};
  std::shared_mutex hear_mutex_;  // shared while the callback runs
  Database::Hear hear_;
  std::thread thread_;
};

}  // namespace calotype
