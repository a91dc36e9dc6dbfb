// SPDX-License-Identifier: Apache-2.0
#include "cache/unshared_cache.hpp"

#include <algorithm>

namespace calotype {
namespace {

/// Accesses that wait while the catalog is out of reach; past them the newest names are dropped.
constexpr std::size_t waiting_max = 1'000'000;

}  // namespace

std::vector<std::optional<Resolution>> UnsharedCache::find(std::string_view,
                                                           std::span<const std::string> names) {
  return std::vector<std::optional<Resolution>>(names.size());
}

void UnsharedCache::put(std::string_view, const std::string&, const Resolution&) {}
void UnsharedCache::drop(std::string_view) {}

Result<void> UnsharedCache::add(std::span<const AccessCount> accesses) {
  const std::lock_guard lock(mutex_);
  for (const AccessCount& access : accesses) {
    if (accesses_.size() >= waiting_max && !accesses_.contains(access.variant)) continue;
    auto [place, fresh] = accesses_.try_emplace(access.variant, access);
    if (fresh) continue;
    place->second.count += access.count;
    place->second.last = std::max(place->second.last, access.last);
  }
  return {};
}

Result<void> UnsharedCache::settle(std::chrono::milliseconds, const Write& write) {
  std::vector<AccessCount> taken;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [name, access] : accesses_) taken.push_back(std::move(access));
    accesses_.clear();
  }
  if (taken.empty()) return {};
  auto written = write(taken);
  if (!written) (void)add(taken);
  return written;
}

}  // namespace calotype
