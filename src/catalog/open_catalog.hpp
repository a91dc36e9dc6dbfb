// SPDX-License-Identifier: Apache-2.0
// Opens the catalog that a URL names.
#pragma once

#include <memory>
#include <string>

#include "catalog/catalog.hpp"
#include "catalog/catalog_tables.hpp"

namespace calotype {

struct CatalogSettings {
  std::string url;  // "sqlite:PATH"
  std::size_t readers = 4;
  std::chrono::milliseconds read_wait_max{5'000};
  std::int64_t pages_max = 0;  // of 4 KiB, SQLite only; 0: no limit but the disk's
};

/// Makes the catalog where there is none, and brings its schema up to date. bad_config where no
/// engine has that URL; catalog_failed where it cannot be opened, is damaged, or is of a newer
/// program, or is being filled by migrate-store. The clock outlives the catalog.
Result<std::unique_ptr<Catalog>> open_catalog(const CatalogSettings& settings, const Clock& clock);
/// The same catalog as its tables, one that is being filled too.
Result<std::unique_ptr<CatalogTables>> open_tables(const CatalogSettings& settings,
                                                   const Clock& clock);

}  // namespace calotype
