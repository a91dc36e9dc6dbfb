// SPDX-License-Identifier: Apache-2.0
#include "pipeline/variant_leases.hpp"

#include <pthread.h>

#include <vector>

#include "base/log.hpp"

namespace calotype {
namespace {

/// How often in a lease's time it is extended: two attempts may fail.
constexpr int extensions = 4;

}  // namespace

VariantLeases::VariantLeases(VariantCatalog& catalog, std::chrono::milliseconds duration)
    : catalog_(catalog),
      duration_(duration),
      thread_([this](const std::stop_token& stop) { extend_all(stop); }) {
  pthread_setname_np(thread_.native_handle(), "variant-leases");
}

void VariantLeases::keep(const VariantLease& lease) {
  const std::lock_guard lock(mutex_);
  held_.insert_or_assign(lease.key, lease);
}

void VariantLeases::drop(const VariantLease& lease) {
  const std::lock_guard lock(mutex_);
  const auto place = held_.find(lease.key);
  if (place != held_.end() && place->second.fence == lease.fence) held_.erase(place);
}

void VariantLeases::extend_all(const std::stop_token& stop) {
  while (true) {
    std::vector<VariantLease> leases;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, duration_ / extensions, [] { return false; });
      if (stop.stop_requested()) return;
      for (const auto& [key, lease] : held_) leases.push_back(lease);
    }
    for (const VariantLease& lease : leases) {
      const auto extended = catalog_.extend_variant(lease, duration_);
      if (extended || extended.error().code != ErrorCode::lease_lost) continue;
      log::debug("variant lease is over", {{"asset", lease.key.asset_id.text()}});
      drop(lease);
    }
  }
}

}  // namespace calotype
