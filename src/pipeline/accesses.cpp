// SPDX-License-Identifier: Apache-2.0
#include "pipeline/accesses.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace calotype {
namespace {

/// "<asset> <version> <recipe>": no part but the last may hold a space, and it doesn't.
std::string name_of(const VariantKey& key) {
  return key.asset_id.text() + " " + key.version + " " + key.recipe;
}

std::optional<VariantKey> parse_name(std::string_view name) {
  const auto first = name.find(' ');
  const auto second = name.find(' ', first + 1);
  if (first == name.npos || second == name.npos) return std::nullopt;
  const auto id = AssetId::parse(name.substr(0, first));
  if (!id) return std::nullopt;
  return VariantKey{*id, std::string(name.substr(second + 1)),
                    std::string(name.substr(first + 1, second - first - 1))};
}

}  // namespace

void Accesses::add(const VariantCatalog::Access& access) {
  auto [place, fresh] = noted_.try_emplace(access.key, access);
  if (fresh) return;
  place->second.count += access.count;
  place->second.at = std::max(place->second.at, access.at);
}

void Accesses::note(const VariantKey& key) {
  const std::lock_guard lock(mutex_);
  add({key, clock_.now(), 1});
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
  if (!accesses.empty() && !ledger_.add(counts)) TRY_VOID(catalog_.touch_variants(accesses));
  auto settled = ledger_.settle(turn, [this](std::span<const AccessCount> part) {
    std::vector<VariantCatalog::Access> found;
    for (const AccessCount& count : part) {
      auto key = parse_name(count.variant);
      // A time to come, out of a damaged cache, would keep a variant for ever.
      if (key) found.push_back({*std::move(key), std::min(count.last, clock_.now()), count.count});
    }
    return found.empty() ? Result<void>{} : catalog_.touch_variants(found);
  });
  // Out of reach: what is in there waits, and what was ours has been written down.
  if (!settled && (settled.error().code == ErrorCode::server_unreachable ||
                   settled.error().code == ErrorCode::timeout))
    return {};
  return settled;
}

}  // namespace calotype
