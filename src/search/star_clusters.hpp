// SPDX-License-Identifier: Apache-2.0
// Which of the assets that look the same belong together. If A looks like B and B like C, A need
// not look like C, and a long chain of such steps ends at another picture. So a cluster is a star:
// one asset, its centre, and others that each look like the centre.
//
// An asset is a centre unless it looks like a centre of a smaller number; then it belongs to the
// nearest of those. So a star depends on nothing that came in later than its centre and its
// members: its name, the centre's, stays, and pages of stars in this order stay where they are.
#pragma once

#include <span>
#include <vector>

#include "asset/likeness.hpp"

namespace calotype {

struct StarMember {
  std::int64_t asset_no = 0;
  unsigned distance = 0;  // from the centre
  bool operator==(const StarMember&) const = default;
};

struct Star {
  std::int64_t centre = 0;
  std::vector<StarMember> members;  // the nearest first; never empty
  bool operator==(const Star&) const = default;
};

/// In the order of their centres. The likenesses may be in any order, and `first` is smaller than
/// `second` in each.
std::vector<Star> star_clusters(std::vector<Likeness> likenesses);

}  // namespace calotype
