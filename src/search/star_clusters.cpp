// SPDX-License-Identifier: Apache-2.0
#include "search/star_clusters.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_set>

namespace calotype {

std::vector<Star> star_clusters(std::vector<Likeness> likenesses) {
  // By the later asset, and its nearest likeness first: when an asset is decided about, all of
  // smaller numbers are.
  std::ranges::sort(likenesses, {}, [](const Likeness& each) {
    return std::tuple(each.second, each.distance, each.first);
  });
  std::unordered_set<std::int64_t> members;
  std::map<std::int64_t, Star> stars;
  for (const Likeness& each : likenesses) {
    if (members.contains(each.second) || members.contains(each.first)) continue;
    members.insert(each.second);
    Star& star = stars[each.first];
    star.centre = each.first;
    star.members.push_back({each.second, each.distance});
  }
  std::vector<Star> list;
  for (auto& [centre, star] : stars) {
    std::ranges::sort(star.members, {}, [](const StarMember& each) {
      return std::tuple(each.distance, each.asset_no);
    });
    list.push_back(std::move(star));
  }
  return list;
}

}  // namespace calotype
