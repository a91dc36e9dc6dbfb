// SPDX-License-Identifier: Apache-2.0
// Opens the catalog that a URL names.
#pragma once

#include <memory>
#include <string>

#include "base/metrics.hpp"
#include "catalog/catalog.hpp"
#include "catalog/catalog_tables.hpp"

namespace calotype {

struct CatalogSettings {
  std::string url{};  // "sqlite:PATH" or "postgresql://…"

  // SQLite's.
  std::size_t readers = 4;
  std::chrono::milliseconds read_wait_max{5'000};
  std::int64_t pages_max = 0;  // of 4 KiB; 0: no limit but the disk's

  // PostgreSQL's.
  std::string replica_url{};  // for reads that may lag; empty: none
  std::string listen_url{};   // the server itself where `url` is a pooler's; empty: `url`
  std::size_t pool_size = 16;
  std::chrono::milliseconds pool_wait_max{5'000};
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds transaction_timeout{10'000};
  std::chrono::milliseconds replica_lag_max{5'000};

  /// A shared catalog goes by its server's clock, whatever the machine's says. Tests that move time
  /// give it the clock they move instead.
  bool by_given_clock = false;
};

/// Makes the catalog where there is none, and brings its schema up to date. bad_config where no
/// engine has that URL, or its server does not let us in or is too old; catalog_failed where it
/// cannot be reached or opened, is damaged, is of a newer program, or is being filled by
/// migrate-store. The clock and the metrics outlive the catalog; null: no metrics.
Result<std::unique_ptr<Catalog>> open_catalog(const CatalogSettings& settings, const Clock& clock,
                                              Metrics* metrics = nullptr);
/// The same catalog as its tables, one that is being filled too, for a program that has it to
/// itself: bad_config where somebody serves from a shared one (who has a SQLite file to himself is
/// decided by the lock on its folder). Whole tables may be moved in one transaction, so those are
/// given an hour.
Result<std::unique_ptr<CatalogTables>> open_tables(const CatalogSettings& settings,
                                                   const Clock& clock);

}  // namespace calotype
