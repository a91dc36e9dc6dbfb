// SPDX-License-Identifier: Apache-2.0
// The leases of the variants that are being made here: short, so that a server that died keeps
// nobody waiting for long, and kept alive by a thread for as long as the work takes.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "catalog/catalog.hpp"

namespace calotype {

class VariantLeases {
 public:
  VariantLeases(VariantCatalog& catalog, std::chrono::milliseconds duration);

  std::chrono::milliseconds duration() const { return duration_; }
  /// From claim_variant(…, duration()) on, until it is dropped: it is extended. A lease that was
  /// lost all the same is dropped; the fence refuses what is made under it.
  void keep(const VariantLease& lease);
  void drop(const VariantLease& lease);

 private:
  void extend_all(const std::stop_token& stop);

  VariantCatalog& catalog_;
  const std::chrono::milliseconds duration_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::map<VariantKey, VariantLease> held_;
  std::jthread thread_;
};

}  // namespace calotype
