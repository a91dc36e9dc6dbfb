// SPDX-License-Identifier: Apache-2.0
#include "pipeline/accesses.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace calotype {
void Accesses::add(const VariantCatalog::Access& access) {
  auto [place, fresh] = noted_.try_emplace(access.key, access);
  if (fresh) return;
  place->second.count += access.count;
  place->second.at = std::max(place->second.at, access.at);
}

void Accesses::note(const VariantKey& key) {
  const std::lock_guard lock(mutex_);
  add({.key = key, .at = clock_.now()});
}

Result<void> Accesses::write_down(std::span<VariantCatalog::Access> accesses) {
  if (accesses.empty()) return {};
  for (VariantCatalog::Access& access : accesses)
    access.can_improve = popularity_.after > 0 && popularity_.can_improve(access.key);
  return catalog_.touch_variants(accesses, popularity_.after);
}

Result<void> Accesses::flush(std::span<const VariantCatalog::Access> more,
                             std::chrono::milliseconds turn) {
  std::vector<VariantCatalog::Access> accesses;
  std::vector<AccessCount> counts;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& access : more) add(access);
    for (const auto& [key, access] : noted_) {
      accesses.push_back(access);
      counts.push_back({name_of(key), access.count, access.at});
    }
    noted_.clear();
  }
  // Where the ledger may or may not have taken them they count twice rather than not at all.
  if (!accesses.empty() && !ledger_.add(counts)) TRY_VOID(write_down(accesses));
  auto settled = ledger_.settle(turn, [this](std::span<const AccessCount> part) {
    std::vector<VariantCatalog::Access> found;
    for (const AccessCount& count : part) {
      auto key = parse_variant_name(count.variant);
      // A time to come, out of a damaged cache, would keep a variant for ever.
      if (key)
        found.push_back({.key = *std::move(key),
                         .at = std::min(count.last, clock_.now()),
                         .count = count.count});
    }
    return write_down(found);
  });
  // Out of reach: what is in there waits, and what was ours has been written down.
  if (!settled && (settled.error().code == ErrorCode::server_unreachable ||
                   settled.error().code == ErrorCode::timeout))
    return {};
  return settled;
}

}  // namespace calotype
