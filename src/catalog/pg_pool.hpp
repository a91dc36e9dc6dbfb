// SPDX-License-Identifier: Apache-2.0
// So many connections to one PostgreSQL and no more, made when they are first needed and kept. Who
// finds none free waits, for a bounded time. While the server is away, those who have just met it
// wait a moment for its return; after a few seconds everybody is refused at once, one attempt is
// made now and then, and the first that succeeds lets all of them in again.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "base/metrics.hpp"
#include "catalog/pg_connection.hpp"

namespace calotype {

class PgPool {
 public:
  struct Options {
    std::string url{};
    std::string name{};  // "primary", "replica": for metrics and messages
    std::size_t size = 16;
    std::chrono::milliseconds wait_max{5'000};
    std::chrono::milliseconds connect_timeout{5'000};
    Metrics* metrics = nullptr;  // none: none are kept
  };
  explicit PgPool(const Options& options);
  /// Everything that was borrowed has been given back.
  ~PgPool();

  struct GiveBack {
    PgPool* pool = nullptr;
    void operator()(PgConnection* connection) const;
  };
  using Borrowed = std::unique_ptr<PgConnection, GiveBack>;
  /// A connection in no transaction. overloaded where none becomes free in time; catalog_failed,
  /// without addresses, where the server cannot be reached.
  Result<Borrowed> borrow(PgDeadline deadline);
  /// As borrow, at once or not at all, with what the operator has to know in the error.
  Result<Borrowed> borrow_first();

 private:
  struct Gauges;
  /// An idle connection, or nothing and a place for a new one.
  Result<std::unique_ptr<PgConnection>> take_turn(PgDeadline deadline);
  Result<Borrowed> connect(PgDeadline deadline);
  Result<std::unique_ptr<PgConnection>> attempt(PgDeadline deadline);
  std::optional<Error> refusal_while_away();
  void note_attempt(const Error* failed);
  bool is_recent_outage();
  void give_back(PgConnection* connection);
  void free_place();
  void show();  // the gauges; under mutex_

  const Options options_;
  const std::unique_ptr<Gauges> gauges_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<PgConnection>> idle_;
  std::size_t open_ = 0;  // idle, borrowed, or being made
  std::optional<Error> away_;
  std::chrono::steady_clock::time_point away_since_{};
  std::chrono::steady_clock::time_point attempted_{};
};

}  // namespace calotype
