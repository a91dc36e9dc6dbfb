// SPDX-License-Identifier: Apache-2.0
#include "catalog/pg_connection.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <format>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "catalog/pg_wire.hpp"

namespace calotype {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;
using ResultPtr = std::unique_ptr<pg_result, decltype(&PQclear)>;

constexpr milliseconds cancel_max{500};
constexpr milliseconds roll_back_max{1'000};
constexpr std::size_t name_digits = 24;

/// Everything that a transaction is told at its beginning, and what it tells: its number, so that
/// the outcome of a commit whose answer was lost can be asked for, and the server's time.
constexpr std::string_view settings_sql =
    "SELECT set_config('synchronous_commit', $1, true), set_config('statement_timeout', $2, true), "
    "set_config('idle_in_transaction_session_timeout', $2, true), pg_current_xact_id()::text, "
    "(extract(epoch FROM clock_timestamp()) * 1000)::bigint, "
    "left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)";
constexpr int transaction_id_column = 3;
constexpr int time_column = 4;
constexpr int timeline_column = 5;

bool only_reads(std::string_view sql) {
  return sql.starts_with("SELECT");
}

/// Prepared by somebody else on the server that a pooler gave us: the name is made of the text.
bool is_there_already(const pg_result* result) {
  const char* const state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return state != nullptr && std::string_view(state) == "42P05";
}

int left_ms(PgDeadline deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

}  // namespace

PgConnection::~PgConnection() {
  PQfinish(handle_);
}

void PgConnection::begin(Durability durability, milliseconds statement_timeout) {
  begin_pending_ = true;
  reading_ = false;
  durability_ = durability;
  statement_timeout_ = std::to_string(statement_timeout.count());
  transaction_ = {};
  failure_ = PgFailure::none;
}

Result<void> PgConnection::queue_plain(const char* sql, std::vector<Step>& steps) {
  if (PQsendQueryParams(handle_, sql, 0, nullptr, nullptr, nullptr, nullptr, 1) != 1)
    return lost(PQerrorMessage(handle_));
  steps.push_back(Step::plain);
  return {};
}

Result<void> PgConnection::queue_begin(std::vector<Step>& steps) {
  if (!begin_pending_) return {};
  TRY_VOID(queue_plain("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", steps));
  const char* const synchronous = durability_ == Durability::durable ? "on" : "off";
  return queue_statement(settings_sql, {synchronous, statement_timeout_}, Step::settings, steps);
}

Result<void> PgConnection::queue_statement(std::string_view sql, Values values, Step as,
                                           std::vector<Step>& steps) {
  const PgParameters parameters(values);
  const auto send_whole = [&] {
    return PQsendQueryParams(handle_, std::string(sql).c_str(), parameters.count(),
                             parameters.types(), parameters.texts(), parameters.sizes(),
                             parameters.formats(), 1);
  };
  const auto send_prepared = [&] {
    auto place = names_.find(sql);
    if (place == names_.end()) {
      require(!reading_ || only_reads(sql), "what reads does not write");
      std::string name = "c" + Sha256::of(as_bytes(sql)).hex().substr(0, name_digits);
      place = names_.emplace(std::string(sql), std::move(name)).first;
      preparing_.push_back(place->first);
      if (PQsendPrepare(handle_, place->second.c_str(), place->first.c_str(), parameters.count(),
                        parameters.types()) != 1)
        return 0;
      steps.push_back(Step::prepare);
    }
    return PQsendQueryPrepared(handle_, place->second.c_str(), parameters.count(),
                               parameters.texts(), parameters.sizes(), parameters.formats(), 1);
  };
  if ((unnamed_ ? send_whole() : send_prepared()) != 1) return lost(PQerrorMessage(handle_));
  steps.push_back(as);
  return {};
}

Result<std::int64_t> PgConnection::execute(std::string_view sql, Values values,
                                           const OnRow& on_row) {
  if (broken_) return lost("it is closed");
  std::vector<Step> steps;
  TRY_VOID(queue_begin(steps));
  TRY_VOID(queue_statement(sql, values, Step::execute, steps));
  return collect(steps, on_row);
}

/// The results of what was queued. The first failure makes the server skip the rest.
Result<std::int64_t> PgConnection::collect(const std::vector<Step>& steps, const OnRow& on_row) {
  begin_pending_ = false;
  sent_ = Steady::now();
  if (PQpipelineSync(handle_) != 1) return lost(PQerrorMessage(handle_));
  std::optional<Error> failed;
  ResultPtr rows(nullptr, &PQclear);
  for (const Step step : steps) {
    TRY(pg_result* const raw, next_result());
    ResultPtr result(raw, &PQclear);
    const auto status = PQresultStatus(raw);
    if (step == Step::prepare) note_prepared(status == PGRES_COMMAND_OK || is_there_already(raw));
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
      if (step == Step::settings) take_settings(raw);
      rows = std::move(result);
    } else if (!failed) {
      failed = refused(raw).error();
    }
    TRY(pg_result* const end, next_result());
    // A statement has one result; another one says that the connection has ended after it.
    if (const ResultPtr other(end, &PQclear); other) return lost(PQresultErrorMessage(end));
  }
  TRY(pg_result* const synchronized, next_result());
  const ResultPtr last(synchronized, &PQclear);
  if (PQresultStatus(synchronized) != PGRES_PIPELINE_SYNC)
    return lost(synchronized != nullptr ? PQresultErrorMessage(synchronized)
                                        : PQerrorMessage(handle_));
  if (failed) return std::unexpected(*std::move(failed));
  for (int row = 0; on_row && row < PQntuples(rows.get()); ++row)
    TRY_VOID(on_row(PgRow(rows.get(), row)));
  std::int64_t changed = 0;
  for (const char* digit = PQcmdTuples(rows.get()); *digit != '\0'; ++digit)
    changed = changed * 10 + (*digit - '0');
  return changed;
}

void PgConnection::note_prepared(bool is_prepared) {
  require(!preparing_.empty(), "what is prepared was asked for");
  if (!is_prepared) names_.erase(preparing_.front());
  preparing_.erase(preparing_.begin());
}

void PgConnection::take_settings(const pg_result* result) {
  const PgRow row(result, 0);
  transaction_ = {.id = std::string(row.text(transaction_id_column)),
                  .begun_ms = row.integer(time_column),
                  .timeline = std::string(row.text(timeline_column))};
  note_time(sent_, transaction_.begun_ms);
}

/// The server looked at its clock at some moment between `asked` and now.
void PgConnection::note_time(Steady::time_point asked, std::int64_t server_ms) {
  const auto now = Steady::now();
  const auto half = std::chrono::floor<milliseconds>((now - asked) / 2);
  const auto middle = std::chrono::floor<milliseconds>(now.time_since_epoch()) - half;
  clock_ = {.offset = milliseconds{server_ms} - middle, .error = half, .taken = clock_.taken + 1};
}

Result<void> PgConnection::commit() {
  if (begin_pending_) {
    begin_pending_ = false;
    return {};
  }
  std::vector<Step> steps;
  TRY_VOID(queue_plain("COMMIT", steps));
  TRY_VOID(collect(steps, nullptr));
  return {};
}

void PgConnection::roll_back() {
  begin_pending_ = false;
  if (broken_ || PQtransactionStatus(handle_) == PQTRANS_IDLE) return;
  const PgFailure why = failure_;
  deadline_ = Steady::now() + roll_back_max;
  std::vector<Step> steps;
  if (!queue_plain("ROLLBACK", steps) || !collect(steps, nullptr)) broken_ = true;
  failure_ = why;
}

Result<void> PgConnection::script(const std::string& sql) {
  if (broken_) return lost("it is closed");
  if (begin_pending_) {
    std::vector<Step> steps;
    TRY_VOID(queue_begin(steps));
    TRY_VOID(collect(steps, nullptr));
  }
  // Several statements in one text are for the simple protocol only.
  require(PQexitPipelineMode(handle_) == 1, "nothing is under way between two calls");
  auto done = run_script(sql);
  if (!broken_ && PQenterPipelineMode(handle_) != 1) return lost(PQerrorMessage(handle_));
  return done;
}

Result<void> PgConnection::run_script(const std::string& sql) {
  if (PQsendQuery(handle_, sql.c_str()) != 1) return lost(PQerrorMessage(handle_));
  std::optional<Error> failed;
  for (;;) {
    TRY(pg_result* const raw, next_result());
    if (raw == nullptr) break;
    const ResultPtr result(raw, &PQclear);
    const auto status = PQresultStatus(raw);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY &&
        !failed)
      failed = refused(raw).error();
  }
  if (failed) return std::unexpected(*std::move(failed));
  return {};
}

Result<pg_result*> PgConnection::next_result() {
  for (;;) {
    const int unsent = PQflush(handle_);
    if (unsent < 0) return lost(PQerrorMessage(handle_));
    if (unsent == 0 && PQisBusy(handle_) == 0) return PQgetResult(handle_);
    pollfd ready{.fd = PQsocket(handle_),
                 .events = static_cast<short>(POLLIN | (unsent > 0 ? POLLOUT : 0)),
                 .revents = 0};
    if (::poll(&ready, 1, left_ms(deadline_)) == 0 && Steady::now() >= deadline_)
      return out_of_time();
    if ((ready.revents & (POLLIN | POLLERR | POLLHUP)) != 0 && PQconsumeInput(handle_) != 1)
      return lost(PQerrorMessage(handle_));
  }
}

std::unexpected<Error> PgConnection::refused(const pg_result* result) {
  const char* const state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (state == nullptr || PQstatus(handle_) != CONNECTION_OK)
    return lost(PQresultErrorMessage(result));
  failure_ = pg_failure_of(state);
  if (failure_ == PgFailure::lost) broken_ = true;
  // What was prepared is gone, so whatever else was is in doubt.
  if (std::string_view(state) == "26000") names_.clear();
  std::string said(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
  return pg_error(state, std::move(said));
}

std::unexpected<Error> PgConnection::lost(std::string_view what) {
  broken_ = true;
  failure_ = PgFailure::lost;
  std::string detail(what.substr(0, what.find('\n')));
  return fail(ErrorCode::catalog_failed, "The connection to the catalog broke.", std::move(detail));
}

std::unexpected<Error> PgConnection::out_of_time() {
  cancel();
  broken_ = true;
  failure_ = PgFailure::lost;
  return fail(ErrorCode::timeout, "The catalog took too long.", "cancelled at the deadline");
}

/// Best effort: a server that cannot be told ends the statement by its own time-out.
void PgConnection::cancel() {
  const std::unique_ptr<pg_cancel_conn, decltype(&PQcancelFinish)> cancelling(
      PQcancelCreate(handle_), &PQcancelFinish);
  const PgDeadline until = Steady::now() + cancel_max;
  if (!cancelling || PQcancelStart(cancelling.get()) != 1) return;
  auto state = PGRES_POLLING_WRITING;
  while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
    pollfd ready{.fd = PQcancelSocket(cancelling.get()),
                 .events = static_cast<short>(state == PGRES_POLLING_READING ? POLLIN : POLLOUT),
                 .revents = 0};
    if (::poll(&ready, 1, left_ms(until)) <= 0 && Steady::now() >= until) return;
    state = PQcancelPoll(cancelling.get());
  }
}

bool PgConnection::is_idle() {
  // An end that came while nobody looked is found by reading.
  for (int look = 0; look < 3 && !broken_; ++look) {
    pollfd ready{.fd = PQsocket(handle_), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 0) == 0) break;
    if (PQconsumeInput(handle_) != 1) broken_ = true;
    (void)PQisBusy(handle_);  // takes in what is there
  }
  return !broken_ && PQstatus(handle_) == CONNECTION_OK &&
         PQtransactionStatus(handle_) == PQTRANS_IDLE;
}

Result<std::optional<std::string>> PgConnection::next_notification(milliseconds wait, int wake_fd) {
  const PgDeadline until = Steady::now() + wait;
  for (;;) {
    const std::unique_ptr<PGnotify, decltype(&PQfreemem)> heard(PQnotifies(handle_), &PQfreemem);
    if (heard) return std::string(heard->extra);
    std::array<pollfd, 2> ready{{{.fd = PQsocket(handle_), .events = POLLIN, .revents = 0},
                                 {.fd = wake_fd, .events = POLLIN, .revents = 0}}};
    const int count = ::poll(ready.data(), ready.size(), left_ms(until));
    if (ready[1].revents != 0 || (count == 0 && Steady::now() >= until)) return std::nullopt;
    if (ready[0].revents == 0) continue;
    if (PQconsumeInput(handle_) != 1) return lost(PQerrorMessage(handle_));
    (void)PQisBusy(handle_);
    if (PQstatus(handle_) != CONNECTION_OK) return lost("the server ended it");
  }
}

}  // namespace calotype
