// SPDX-License-Identifier: Apache-2.0
// How often variants are asked for, on the way to the catalog: counted here, gathered in the shared
// cache's ledger, written about once a minute by one server for all. Where the ledger is out of
// reach each server writes its own. Where the sum makes a variant popular, the catalog adds the job
// that makes it again.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <span>

#include "cache/shared_cache.hpp"
#include "catalog/catalog.hpp"

namespace calotype {

/// When a variant is made again with more effort.
struct Popularity {
  std::uint64_t after = 0;  // accesses; 0: never
  /// Whether there is a higher effort to make this one with.
  std::function<bool(const VariantKey&)> can_improve;
};

class Accesses {
 public:
  Accesses(VariantCatalog& catalog, AccessLedger& ledger, const Clock& clock, Popularity popularity)
      : catalog_(catalog), ledger_(ledger), clock_(clock), popularity_(std::move(popularity)) {}

  void note(const VariantKey& key);
  /// Passes on what was noted, and what was served without this (the hot index's). `turn`: how long
  /// the next server has to wait before it writes down for all; 0 does so whoever did last.
  Result<void> flush(std::span<const VariantCatalog::Access> more, std::chrono::milliseconds turn);

 private:
  void add(const VariantCatalog::Access& access);
  Result<void> write_down(std::span<VariantCatalog::Access> accesses);

  VariantCatalog& catalog_;
  AccessLedger& ledger_;
  const Clock& clock_;
  const Popularity popularity_;
  std::mutex mutex_;
  std::map<VariantKey, VariantCatalog::Access> noted_;
};

}  // namespace calotype
