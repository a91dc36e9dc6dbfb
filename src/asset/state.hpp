// SPDX-License-Identifier: Apache-2.0
// The state machine of an asset: one table of legal transitions. The catalog applies a transition
// as one conditional UPDATE in the transaction that also writes the event and touches the job.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.hpp"

namespace calotype {

enum class AssetState : std::uint8_t {
  ingested,         // bytes durable, row committed
  dedup_check,      // an inspection reads the pixels
  metadata_ready,   // metadata, placeholder and proof are stored
  variants_ready,   // at least one variant is stored
  metadata_failed,  // the bytes claim to be an image, and cannot be read as one
  deleted,          // the last upload was deleted; the row stays as a tombstone
};

struct Transition {
  AssetState from;
  AssetState to;
  std::string_view because;
};

inline constexpr std::array legal_transitions = {
    Transition{AssetState::ingested, AssetState::dedup_check, "inspection began"},
    Transition{AssetState::dedup_check, AssetState::metadata_ready, "inspection succeeded"},
    Transition{AssetState::metadata_ready, AssetState::variants_ready, "first variant stored"},
    Transition{AssetState::variants_ready, AssetState::metadata_ready, "all variants expired"},
    Transition{AssetState::ingested, AssetState::metadata_failed, "inspection could not begin"},
    Transition{AssetState::dedup_check, AssetState::metadata_failed, "inspection failed"},
    Transition{AssetState::metadata_ready, AssetState::metadata_failed, "found damaged later"},
    Transition{AssetState::metadata_failed, AssetState::ingested, "retried"},
    Transition{AssetState::ingested, AssetState::deleted, "last upload deleted"},
    Transition{AssetState::dedup_check, AssetState::deleted, "last upload deleted"},
    Transition{AssetState::metadata_ready, AssetState::deleted, "last upload deleted"},
    Transition{AssetState::variants_ready, AssetState::deleted, "last upload deleted"},
    Transition{AssetState::metadata_failed, AssetState::deleted, "last upload deleted"},
    Transition{AssetState::deleted, AssetState::ingested, "brought in again"},
};

constexpr bool is_legal(AssetState from, AssetState to) {
  for (const auto& transition : legal_transitions)
    if (transition.from == from && transition.to == to) return true;
  return false;
}

/// "INGESTED", … as in the API and in the catalog.
std::string_view to_string(AssetState state);
std::optional<AssetState> parse_asset_state(std::string_view text);

/// illegal_transition, naming both states, unless the table has it.
Result<void> check_transition(AssetState from, AssetState to);

}  // namespace calotype
