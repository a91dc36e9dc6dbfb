// SPDX-License-Identifier: Apache-2.0
// Every way to scan against counting bit by bit, and the index against a list.
#include "search/fingerprint_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace calotype {
namespace {

using Bits = Fingerprint::Bits;

Bits random_bits(std::mt19937_64& random) {
  return {random(), random(), random(), random()};
}

/// `count` of the bits of it are others.
Bits changed(Bits bits, unsigned count, std::mt19937_64& random) {
  std::array<unsigned, 256> order;
  for (unsigned i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::shuffle(order, random);
  for (unsigned i = 0; i < count; ++i) bits[order[i] / 64] ^= 1ULL << order[i] % 64;
  return bits;
}

/// By no other means than a look at each bit.
unsigned naive_distance(const Bits& one, const Bits& other) {
  unsigned differing = 0;
  for (unsigned bit = 0; bit < 256; ++bit)
    differing += (one[bit / 64] >> bit % 64 & 1) != (other[bit / 64] >> bit % 64 & 1) ? 1 : 0;
  return differing;
}

TEST(FingerprintScan, EveryPathFindsWhatCountingBitByBitFinds) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const Bits wanted = random_bits(random);
  std::vector<FingerprintBlock> blocks(33);
  std::vector<Bits> list;
  for (FingerprintBlock& block : blocks)
    for (std::size_t lane = 0; lane < FingerprintBlock::lanes; ++lane) {
      list.push_back(changed(wanted, static_cast<unsigned>(random() % 257), random));
      for (std::size_t word = 0; word < 4; ++word) block.words[word][lane] = list.back()[word];
    }
  for (const ScanPath& path : scan_paths()) {
    SCOPED_TRACE(path.name);
    for (const unsigned radius : {0U, 1U, 31U, 32U, 128U, 255U, 256U}) {
      std::vector<ScanHit> expected;
      for (std::size_t place = 0; place < list.size(); ++place)
        if (const unsigned bits = naive_distance(list[place], wanted); bits <= radius)
          expected.push_back({place, bits});
      std::vector<ScanHit> hits;
      path.scan(blocks, wanted, radius, hits);
      EXPECT_EQ(hits, expected) << radius;
    }
    std::vector<ScanHit> none;
    path.scan({}, wanted, 256, none);
    EXPECT_TRUE(none.empty());
  }
}

TEST(FingerprintScan, RunsEverywhere) {
  ASSERT_FALSE(scan_paths().empty());
  EXPECT_EQ(scan_paths().back().name, "anywhere");
}

TEST(FingerprintIndex, FindsWhatWasAddedAndNotWhatWasRemoved) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const Bits wanted = random_bits(random);
  FingerprintIndex index;
  std::map<std::int64_t, Bits> kept;
  for (int step = 0; step < 2'000; ++step) {
    const auto owner = static_cast<std::int64_t>(random() % 100);
    index.remove(owner);
    kept.erase(owner);
    if (random() % 3 != 0) {
      const Bits bits = changed(wanted, static_cast<unsigned>(random() % 64), random);
      index.add(owner, bits);
      kept[owner] = bits;
    }
    ASSERT_EQ(index.size(), kept.size());
    if (step % 50 != 0) continue;
    std::vector<Neighbour> expected;
    for (const auto& [each, bits] : kept)
      if (naive_distance(bits, wanted) <= 31)
        expected.push_back({each, naive_distance(bits, wanted)});
    std::ranges::stable_sort(expected, {}, &Neighbour::distance);
    EXPECT_EQ(index.within(wanted, 31), expected);
    if (expected.size() > 3) expected.resize(3);
    EXPECT_EQ(index.within(wanted, 31, 3), expected);
  }
}

TEST(FingerprintIndex, EmptyLanesAreNobodys) {
  FingerprintIndex index;
  EXPECT_TRUE(index.within({}, 256).empty());
  index.add(7, {1, 1, 1, 1});
  EXPECT_EQ(index.within({}, 256), (std::vector<Neighbour>{{7, 4}}));
  index.add(7, {});
  EXPECT_EQ(index.within({}, 0), (std::vector<Neighbour>{{7, 0}}));
  index.remove(7);
  EXPECT_EQ(index.size(), 0U) << "all that it had";
}

}  // namespace
}  // namespace calotype
