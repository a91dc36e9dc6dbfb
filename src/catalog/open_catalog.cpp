// SPDX-License-Identifier: Apache-2.0
#include "catalog/open_catalog.hpp"

#include <format>

#include "base/url.hpp"
#include "catalog/migrations.hpp"
#include "catalog/pg_database.hpp"
#include "catalog/pg_occupancy.hpp"
#include "catalog/sql_catalog.hpp"
#include "catalog/sql_tables.hpp"
#include "catalog/sqlite_database.hpp"

namespace calotype {
namespace {

constexpr std::string_view sqlite_scheme = "sqlite:";

/// With today's schema.
struct Opened {
  std::unique_ptr<Database> database;
  const Clock& clock;  // the one that its programs share
  SqlCatalog::Sharing sharing;
};

Result<Opened> open_sqlite(const CatalogSettings& settings, const Clock& clock) {
  TRY(auto database, SqliteDatabase::open(settings.url.substr(sqlite_scheme.size()),
                                          {.readers = settings.readers,
                                           .read_wait_max = settings.read_wait_max,
                                           .pages_max = settings.pages_max}));
  TRY_VOID(migrate(*database, clock.now()));
  return Opened{std::move(database), clock, SqlCatalog::Sharing::alone};
}

std::string direct_url(const CatalogSettings& settings) {
  return settings.listen_url.empty() ? settings.url : settings.listen_url;
}

Result<Opened> open_pg(const CatalogSettings& settings, const Clock& clock, Metrics* metrics,
                       const std::string& listen_url) {
  TRY(auto database, PgDatabase::open({.url = settings.url,
                                       .replica_url = settings.replica_url,
                                       .listen_url = listen_url,
                                       .pool_size = settings.pool_size,
                                       .pool_wait_max = settings.pool_wait_max,
                                       .connect_timeout = settings.connect_timeout,
                                       .transaction_timeout = settings.transaction_timeout,
                                       .replica_lag_max = settings.replica_lag_max,
                                       .metrics = metrics}));
  const Clock& time = settings.by_given_clock ? clock : database->clock();
  TRY_VOID(migrate(*database, time.now()));
  return Opened{std::move(database), time, SqlCatalog::Sharing::shared};
}

bool is_pg(const CatalogSettings& settings) {
  return settings.url.starts_with("postgresql://") || settings.url.starts_with("postgres://");
}

Result<Opened> open_database(const CatalogSettings& settings, const Clock& clock, Metrics* metrics,
                             const std::string& listen_url) {
  if (settings.url.starts_with(sqlite_scheme)) return open_sqlite(settings, clock);
  if (is_pg(settings)) return open_pg(settings, clock, metrics, listen_url);
  return fail(ErrorCode::bad_config,
              std::format("No catalog can be opened at “{}”; it has to be sqlite:PATH or "
                          "postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
                          without_password(settings.url)));
}

}  // namespace

Result<std::unique_ptr<Catalog>> open_catalog(const CatalogSettings& settings, const Clock& clock,
                                              Metrics* metrics) {
  TRY(auto opened, open_database(settings, clock, metrics, direct_url(settings)));
  if (is_pg(settings)) TRY_VOID(opened.database->write(Durability::relaxed, check_not_moved));
  TRY(const auto source, read_filling(*opened.database));
  if (source)
    return fail(ErrorCode::catalog_failed,
                std::format("The catalog is being filled from {}: let `calotype migrate-store` "
                            "finish first.",
                            without_password(*source)));
  return std::make_unique<SqlCatalog>(std::move(opened.database), opened.clock, opened.sharing);
}

Result<std::unique_ptr<CatalogTables>> open_tables(const CatalogSettings& settings,
                                                   const Clock& clock) {
  CatalogSettings patient = settings;
  patient.transaction_timeout = std::chrono::hours{1};
  std::unique_ptr<SoleUse> sole_use;
  if (is_pg(settings)) {
    TRY(sole_use,
        take_sole_use({.url = direct_url(settings), .connect_timeout = settings.connect_timeout}));
  }
  TRY(auto opened, open_database(patient, clock, nullptr, ""));
  return std::make_unique<SqlTables>(std::move(opened.database), opened.clock, std::move(sole_use));
}

}  // namespace calotype
