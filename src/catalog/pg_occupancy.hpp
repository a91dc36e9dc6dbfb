// SPDX-License-Identifier: Apache-2.0
// Whoever serves from a database holds an advisory lock on it, shared, on the connection by which
// it listens; whoever moves the whole database takes the same lock alone. So neither begins while
// the other is at it, and PostgreSQL lets go of the lock when its holder dies.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "catalog/database.hpp"

namespace calotype {

class PgConnection;

/// On the connection, until it ends. Nothing may pool it. catalog_failed where the database is
/// being moved.
Result<void> occupy(PgConnection& connection);

/// Whether a program may begin to serve; within a transaction. catalog_failed where the database is
/// being moved.
Result<void> check_not_moved(Connection& transaction);

struct PgSoleUseOptions {
  std::string url{};  // a pooler's too
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds wait_max{2'000};  // for a server that is just ending
};
/// bad_config where a program serves from the database; catalog_failed.
Result<std::unique_ptr<SoleUse>> take_sole_use(const PgSoleUseOptions& options);

}  // namespace calotype
