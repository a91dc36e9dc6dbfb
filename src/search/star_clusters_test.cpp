// SPDX-License-Identifier: Apache-2.0
#include "search/star_clusters.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace calotype {
namespace {

TEST(StarClusters, AreTheEarliestAssetAndWhatLooksLikeIt) {
  EXPECT_TRUE(star_clusters({}).empty());
  EXPECT_EQ(star_clusters({{1, 5, 9}, {1, 2, 20}, {2, 5, 3}, {7, 8, 0}}),
            (std::vector<Star>{{1, {{5, 9}, {2, 20}}}, {7, {{8, 0}}}}));
}

TEST(StarClusters, DoNotChain) {
  // Each step is near, and the ends are two pictures.
  EXPECT_EQ(star_clusters({{1, 2, 30}, {2, 3, 30}, {3, 4, 30}, {4, 5, 30}}),
            (std::vector<Star>{{1, {{2, 30}}}, {3, {{4, 30}}}}));
}

TEST(StarClusters, AnAssetBelongsToTheNearestCentre) {
  EXPECT_EQ(star_clusters({{1, 3, 30}, {2, 3, 10}, {1, 4, 5}, {2, 5, 6}}),
            (std::vector<Star>{{1, {{4, 5}}}, {2, {{5, 6}, {3, 10}}}}));
}

TEST(StarClusters, StayWhenMoreComesIn) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::vector<Likeness> all;
  for (std::int64_t second = 1; second < 60; ++second)
    for (std::int64_t first = 0; first < second; ++first)
      if (random() % 12 == 0) all.push_back({first, second, static_cast<unsigned>(random() % 32)});
  std::set<std::int64_t> centres;
  for (std::int64_t count = 1; count < 60; ++count) {
    std::vector<Likeness> so_far;
    std::ranges::copy_if(all, std::back_inserter(so_far),
                         [&](const Likeness& each) { return each.second <= count; });
    std::ranges::shuffle(so_far, random);
    std::set<std::int64_t> now;
    std::set<std::int64_t> seen;
    for (const Star& star : star_clusters(so_far)) {
      now.insert(star.centre);
      EXPECT_TRUE(seen.insert(star.centre).second);
      for (const StarMember& member : star.members) {
        EXPECT_TRUE(seen.insert(member.asset_no).second) << "in one star only";
        EXPECT_TRUE(
            std::ranges::contains(so_far, Likeness{star.centre, member.asset_no, member.distance}))
            << "each looks like the centre";
      }
    }
    EXPECT_TRUE(std::ranges::includes(now, centres)) << "a star that there was has gone";
    centres = now;
  }
}

}  // namespace
}  // namespace calotype
