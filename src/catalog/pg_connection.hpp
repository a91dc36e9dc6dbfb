// SPDX-License-Identifier: Apache-2.0
// One PostgreSQL connection over libpq's asynchronous interface: nothing waits past the deadline
// that the connection was given, and a statement that is still running then is cancelled.
//
// It stays in pipeline mode, so what need not be waited for travels with what has to be: a
// transaction's BEGIN and settings go with its first statement, a statement's preparation with its
// first execution. Statements are prepared by name, the name made of the text, because a pooler in
// transaction mode gives each transaction another server, on which somebody else may have prepared
// the same. The .cpp is the only file that includes libpq-fe.h.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "catalog/database.hpp"
#include "catalog/pg_error.hpp"

struct pg_conn;
struct pg_result;

namespace calotype {

using PgDeadline = std::chrono::steady_clock::time_point;

class PgConnection final : public Connection {
 public:
  /// `url` is libpq's. bad_config where it is no URL, or where only the operator can help;
  /// catalog_failed where there is no server, or one that is too old.
  static Result<std::unique_ptr<PgConnection>> open(const std::string& url, PgDeadline deadline);
  ~PgConnection() override;
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;

  using Connection::execute;
  Result<std::int64_t> execute(std::string_view sql, Values values, const OnRow& on_row) override;
  Result<void> script(const std::string& sql) override;

  /// From here on nothing waits longer.
  void set_deadline(PgDeadline deadline) { deadline_ = deadline; }
  /// Statements that write are refused as a defect of ours, until the next begin.
  void begin_reading() {
    reading_ = true;
    failure_ = PgFailure::none;
  }
  /// Opens a transaction, with the first statement.
  void begin(Durability durability, std::chrono::milliseconds statement_timeout);
  /// Where this fails with failure() `lost`, nobody here knows whether it was committed.
  Result<void> commit();
  void roll_back();

  /// Of the last failure, since begin or begin_reading.
  PgFailure failure() const { return failure_; }
  /// The open transaction's number, and when it got it by the server's clock.
  struct TransactionMark {
    std::string id{};  // empty before its first statement
    std::int64_t begun_ms = 0;
    std::string timeline{};  // of the server's log; another one after a replica was promoted
  };
  const TransactionMark& transaction() const { return transaction_; }
  /// Can be used again: alive, as far as can be told without asking, and in no transaction.
  bool is_idle();
  /// Prepares nothing by name any more: for a pooler that cannot.
  void use_unnamed_statements() { unnamed_ = true; }
  /// As a connection that was just made; the server may still know them.
  void forget_statements() { names_.clear(); }

  /// The server's clock less this machine's steady clock, as it was last told; and how exact.
  struct ClockSample {
    std::chrono::milliseconds offset{};
    std::chrono::milliseconds error{};
    std::uint64_t taken = 0;  // how many samples there have been
  };
  const ClockSample& clock_sample() const { return clock_; }

  /// Waits so long for a notification: its payload; nothing where none came. For connections that
  /// LISTEN. `wake_fd` becoming readable ends the wait.
  Result<std::optional<std::string>> next_notification(std::chrono::milliseconds wait, int wake_fd);

 private:
  enum class Step : std::uint8_t { plain, settings, prepare, execute };
  explicit PgConnection(pg_conn* handle) : handle_(handle) {}
  Result<void> finish_opening(PgDeadline deadline);
  Result<void> check_server();
  Result<void> queue_begin(std::vector<Step>& steps);
  Result<void> queue_statement(std::string_view sql, Values values, Step as,
                               std::vector<Step>& steps);
  Result<void> queue_plain(const char* sql, std::vector<Step>& steps);
  Result<std::int64_t> collect(const std::vector<Step>& steps, const OnRow& on_row);
  void take_settings(const pg_result* result);
  void note_time(std::chrono::steady_clock::time_point asked, std::int64_t server_ms);
  void note_prepared(bool is_prepared);
  Result<pg_result*> next_result();
  Result<void> run_script(const std::string& sql);
  std::unexpected<Error> refused(const pg_result* result);
  std::unexpected<Error> lost(std::string_view what);
  std::unexpected<Error> out_of_time();
  void cancel();

  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  pg_conn* const handle_;
  PgPeer peer_;
  PgDeadline deadline_{};
  std::unordered_map<std::string, std::string, TextHash, std::equal_to<>> names_;  // by text
  std::vector<std::string> preparing_;  // texts whose preparation is on the way
  bool unnamed_ = false;
  bool reading_ = false;
  bool broken_ = false;
  bool begin_pending_ = false;
  Durability durability_ = Durability::durable;
  std::string statement_timeout_;
  TransactionMark transaction_;
  PgFailure failure_ = PgFailure::none;
  std::chrono::steady_clock::time_point sent_{};
  ClockSample clock_;
};

/// Whether libpq can read the URL; bad_config, which does not repeat it, where not.
Result<void> check_pg_url(const std::string& url);

}  // namespace calotype
