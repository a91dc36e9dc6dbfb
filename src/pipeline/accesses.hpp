// SPDX-License-Identifier: Apache-2.0
// How often variants are asked for, on the way to the catalog: counted here, gathered in the shared
// cache's ledger, written about once a minute by one server for all. Where the ledger is out of
// reach each server writes its own.
#pragma once

#include <map>
#include <mutex>
#include <span>

#include "cache/shared_cache.hpp"
#include "catalog/catalog.hpp"

namespace calotype {

class Accesses {
 public:
  Accesses(VariantCatalog& catalog, AccessLedger& ledger, const Clock& clock)
      : catalog_(catalog), ledger_(ledger), clock_(clock) {}

  void note(const VariantKey& key);
  /// Passes on what was noted, and what was served without this (the hot index's). `turn`: how long
  /// the next server has to wait before it writes down for all; 0 does so whoever did last.
  Result<void> flush(std::span<const VariantCatalog::Access> more, std::chrono::milliseconds turn);

 private:
  void add(const VariantCatalog::Access& access);

  VariantCatalog& catalog_;
  AccessLedger& ledger_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<VariantKey, VariantCatalog::Access> noted_;
};

}  // namespace calotype
