// SPDX-License-Identifier: Apache-2.0
#include "catalog/pg_occupancy.hpp"

#include <format>
#include <thread>

#include "catalog/pg_connection.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds retry_pause{100};
constexpr std::chrono::milliseconds check_max{5'000};

/// `function` is PostgreSQL's, and tries to take our lock.
Result<bool> try_lock(Connection& connection, std::string_view function) {
  TRY(const auto got,
      query_one(connection,
                std::format("SELECT CASE WHEN {}(7021783441290276) THEN 1 ELSE 0 END", function),
                {}, read_integer));
  return got == 1;
}

std::unexpected<Error> is_moved() {
  return fail(ErrorCode::catalog_failed,
              "`calotype migrate-store` is moving this catalog. Start when it has finished.");
}

/// The lock belongs to an open transaction rather than to the connection, so that a pooler in
/// between keeps the two together.
class PgSoleUse final : public SoleUse {
 public:
  explicit PgSoleUse(std::unique_ptr<PgConnection> connection)
      : connection_(std::move(connection)) {}

  Result<void> check() override {
    connection_->set_deadline(Steady::now() + check_max);
    const auto answer = query_one(*connection_, "SELECT 1", {}, read_integer);
    if (answer) return {};
    return fail(ErrorCode::catalog_failed,
                "The connection that kept servers out of the catalog broke, so one may have "
                "changed it. Run it again.",
                describe(answer.error()));
  }

 private:
  const std::unique_ptr<PgConnection> connection_;
};

}  // namespace

Result<void> occupy(PgConnection& connection) {
  TRY(const bool got, try_lock(connection, "pg_try_advisory_lock_shared"));
  return got ? Result<void>{} : is_moved();
}

Result<void> check_not_moved(Connection& transaction) {
  TRY(const bool got, try_lock(transaction, "pg_try_advisory_xact_lock_shared"));
  return got ? Result<void>{} : is_moved();
}

Result<std::unique_ptr<SoleUse>> take_sole_use(const PgSoleUseOptions& options) {
  TRY(auto connection, PgConnection::open(options.url, Steady::now() + options.connect_timeout));
  connection->set_deadline(Steady::now() + options.connect_timeout + options.wait_max);
  TRY_VOID(connection->script("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0"));
  for (const auto until = Steady::now() + options.wait_max; Steady::now() < until;) {
    TRY(const bool got, try_lock(*connection, "pg_try_advisory_xact_lock"));
    if (got) return std::make_unique<PgSoleUse>(std::move(connection));
    std::this_thread::sleep_for(retry_pause);
  }
  return fail(ErrorCode::bad_config,
              "A server, a worker or another migrate-store is using the catalog in PostgreSQL. "
              "Stop it first.");
}

}  // namespace calotype
