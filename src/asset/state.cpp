// SPDX-License-Identifier: Apache-2.0
#include "asset/state.hpp"

#include <string>
#include <utility>

namespace calotype {

std::string_view to_string(AssetState state) {
  switch (state) {
    case AssetState::ingested:
      return "INGESTED";
    case AssetState::dedup_check:
      return "DEDUP_CHECK";
    case AssetState::metadata_ready:
      return "METADATA_READY";
    case AssetState::variants_ready:
      return "VARIANTS_READY";
    case AssetState::metadata_failed:
      return "METADATA_FAILED";
    case AssetState::deleted:
      return "DELETED";
  }
  std::unreachable();
}

std::optional<AssetState> parse_asset_state(std::string_view text) {
  using enum AssetState;
  for (const auto state :
       {ingested, dedup_check, metadata_ready, variants_ready, metadata_failed, deleted})
    if (to_string(state) == text) return state;
  return std::nullopt;
}

Result<void> check_transition(AssetState from, AssetState to) {
  if (is_legal(from, to)) return {};
  return fail(ErrorCode::illegal_transition, "An asset cannot go from " +
                                                 std::string(to_string(from)) + " to " +
                                                 std::string(to_string(to)) + ".");
}

}  // namespace calotype
