// SPDX-License-Identifier: Apache-2.0
// PostgreSQL as the catalog's engine: the same statements as SQLite, each write in a READ COMMITTED
// transaction of its own on a pooled connection.
//
// What is repeated, and when: a transaction that lost a conflict (a deadlock, a serialization
// failure) or whose connection broke before its COMMIT was sent has done nothing, so it is run
// again. One whose COMMIT was sent and not answered is asked for by its number: committed, it has
// succeeded; aborted, it is run again; and where nobody can be asked in time the caller is told
// that nobody knows.
//
// Time is the server's: each transaction brings it along, and between them this machine's steady
// clock counts on. So programs whose wall clocks disagree still agree on when a lease is over.
#pragma once

#include <atomic>

#include "catalog/pg_pool.hpp"

namespace calotype {

/// The server's time, as far as it is known here.
class PgClock final : public Clock {
 public:
  Timestamp now() const override;
  void take(const PgConnection::ClockSample& sample);

 private:
  std::atomic<std::int64_t> offset_ms_ = 0;
  std::atomic<std::int64_t> taken_ms_ = 0;  // on the steady clock; 0: never
};

class PgReplica;
class PgListener;
class PgTeller;

class PgDatabase final : public Database {
 public:
  struct Options {
    std::string url{};
    std::string replica_url{};  // empty: none
    std::string listen_url{};   // empty: nobody listens
    std::size_t pool_size = 16;
    std::chrono::milliseconds pool_wait_max{5'000};
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds transaction_timeout{10'000};  // with all that is repeated
    /// For the outcome of a commit that was not answered, past the transaction's own time: a server
    /// that crashed has to recover first.
    std::chrono::milliseconds settle_max{10'000};
    std::chrono::milliseconds replica_lag_max{5'000};
    Metrics* metrics = nullptr;
  };
  static Result<std::unique_ptr<PgDatabase>> open(const Options& options);
  ~PgDatabase() override;

  Result<void> write(Durability durability, const Body& body) override;
  Result<void> read(const Body& body) override;
  Result<void> read_lagging(const Body& body) override;
  const Dialect& dialect() const override;
  void tell(std::string word) override;
  void listen(Hear hear) override;

  const Clock& clock() const { return clock_; }

 private:
  explicit PgDatabase(const Options& options);
  struct Tried {
    Result<void> outcome;
    bool again = false;
  };
  using Try = std::function<Tried(PgDeadline)>;
  Result<void> repeat(const Try& attempt);
  Tried try_write(Durability durability, const Body& body, PgDeadline deadline);
  Tried try_read(const Body& body, PgDeadline deadline);
  Result<PgPool::Borrowed> borrow(PgDeadline deadline);
  /// Of a transaction whose commit was not answered.
  Tried settle(const PgConnection::TransactionMark& transaction, PgDeadline deadline);
  struct CommitOutcome {
    std::string status;             // "committed", "aborted", "in progress"
    std::int64_t restarted_ms = 0;  // when the server last began, or recovered from a crash
    std::string timeline;
  };
  Result<CommitOutcome> ask_outcome(const std::string& transaction_id, PgDeadline deadline);
  void note_missing_statement();

  const Options options_;
  PgClock clock_;
  PgPool primary_;
  std::atomic<bool> unnamed_ = false;
  std::atomic<int> missing_statements_ = 0;
  Counter* repeated_ = nullptr;
  std::unique_ptr<PgReplica> replica_;
  std::unique_ptr<PgTeller> teller_;
  std::unique_ptr<PgListener> listener_;
};

}  // namespace calotype
