// SPDX-License-Identifier: Apache-2.0
// All 36 pairs of states have a row here, written out by hand: the table under test is not its own
// oracle.
#include "asset/state.hpp"

#include <gtest/gtest.h>

namespace calotype {
namespace {

using enum AssetState;
constexpr std::array all_states = {ingested,       dedup_check,     metadata_ready,
                                   variants_ready, metadata_failed, deleted};

struct LegalityRow {
  AssetState from;
  /// Whether each state, in the order above, can follow.
  std::array<bool, 6> to;
};

constexpr std::array legality = {
    //                        INGESTED DEDUP  READY  VARIANTS FAILED DELETED
    LegalityRow{ingested, {{false, true, false, false, true, true}}},
    LegalityRow{dedup_check, {{false, false, true, false, true, true}}},
    LegalityRow{metadata_ready, {{false, false, false, true, true, true}}},
    LegalityRow{variants_ready, {{false, false, true, false, false, true}}},
    LegalityRow{metadata_failed, {{true, false, false, false, false, true}}},
    LegalityRow{deleted, {{true, false, false, false, false, false}}},
};

TEST(AssetState, EveryPairIsLegalOrIllegalAsWritten) {
  for (const auto& row : legality)
    for (std::size_t at = 0; at < all_states.size(); ++at)
      EXPECT_EQ(is_legal(row.from, all_states[at]), row.to[at])
          << to_string(row.from) << " to " << to_string(all_states[at]);
}

TEST(AssetState, EveryIllegalTransitionIsRefusedNamingBothStates) {
  for (const auto& row : legality) {
    for (std::size_t at = 0; at < all_states.size(); ++at) {
      const auto checked = check_transition(row.from, all_states[at]);
      ASSERT_EQ(checked.has_value(), row.to[at]);
      if (checked) continue;
      EXPECT_EQ(checked.error().code, ErrorCode::illegal_transition);
      EXPECT_EQ(checked.error().message, "An asset cannot go from " +
                                             std::string(to_string(row.from)) + " to " +
                                             std::string(to_string(all_states[at])) + ".");
    }
  }
}

TEST(AssetState, EveryTransitionHasOneReason) {
  for (const auto& one : legal_transitions) {
    EXPECT_FALSE(one.because.empty());
    int same = 0;
    for (const auto& other : legal_transitions)
      same += one.from == other.from && one.to == other.to;
    EXPECT_EQ(same, 1) << to_string(one.from) << " to " << to_string(one.to);
  }
}

TEST(AssetState, NamesAreReadBackAndOthersAreNot) {
  for (const auto state : all_states) EXPECT_EQ(parse_asset_state(to_string(state)), state);
  for (const auto* text : {"", "ingested", "READY", "INGESTED "})
    EXPECT_FALSE(parse_asset_state(text)) << text;
}

}  // namespace
}  // namespace calotype
