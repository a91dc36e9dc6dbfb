// SPDX-License-Identifier: Apache-2.0
#include "catalog/open_catalog.hpp"

#include <format>

#include "catalog/migrations.hpp"
#include "catalog/sql_catalog.hpp"
#include "catalog/sql_tables.hpp"
#include "catalog/sqlite_database.hpp"

namespace calotype {
namespace {

/// Open, with today's schema.
Result<std::unique_ptr<Database>> open_database(const CatalogSettings& settings,
                                                const Clock& clock) {
  constexpr std::string_view scheme = "sqlite:";
  if (!settings.url.starts_with(scheme))
    return fail(
        ErrorCode::bad_config,
        std::format("No catalog can be opened at “{}”; it has to be sqlite:PATH.", settings.url));
  TRY(auto database, SqliteDatabase::open(settings.url.substr(scheme.size()),
                                          {.readers = settings.readers,
                                           .read_wait_max = settings.read_wait_max,
                                           .pages_max = settings.pages_max}));
  TRY_VOID(migrate(*database, clock.now()));
  return database;
}

}  // namespace

Result<std::unique_ptr<Catalog>> open_catalog(const CatalogSettings& settings, const Clock& clock) {
  TRY(auto database, open_database(settings, clock));
  TRY(const auto source, read_filling(*database));
  if (source)
    return fail(ErrorCode::catalog_failed,
                std::format("The catalog is being filled from {}: let `calotype migrate-store` "
                            "finish first.",
                            *source));
  return std::make_unique<SqlCatalog>(std::move(database), clock);
}

Result<std::unique_ptr<CatalogTables>> open_tables(const CatalogSettings& settings,
                                                   const Clock& clock) {
  TRY(auto database, open_database(settings, clock));
  return std::make_unique<SqlTables>(std::move(database), clock);
}

}  // namespace calotype
