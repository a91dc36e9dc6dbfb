// SPDX-License-Identifier: Apache-2.0
#include "asset/fingerprint.hpp"

#include <gtest/gtest.h>

namespace calotype {
namespace {

using Bits = Fingerprint::Bits;

TEST(Fingerprint, IsWrittenAsPdqIsEverywhere) {
  // Bit 0 is the last digit's least, bit 255 the first digit's highest.
  EXPECT_EQ(to_hex(Bits{1, 0, 0, 0}), std::string(63, '0') + "1");
  EXPECT_EQ(to_hex(Bits{0, 0, 0, 1ULL << 63}), "8" + std::string(63, '0'));
  EXPECT_EQ(
      to_hex(Bits{0x33e6b39c4e9c9b22, 0xb36e2ed596621e1d, 0x06370a22038f63f0, 0xf8f8f0cee0f4a84f}),
      "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22");
}

TEST(Fingerprint, ComesBackFromItsBytes) {
  const Bits bits{1, 2, 0x0123456789abcdef, ~0ULL};
  EXPECT_EQ(to_hex(as_bytes(to_bytes(bits))), to_hex(bits));
  EXPECT_EQ(parse_bits(as_bytes(to_bytes(bits))), bits);
  const Fingerprint fingerprint{.whole = bits,
                                .middle = {5, 6, 7, 8},
                                .quarters = {{{1}, {}, {3}, {4}}},
                                .crops = {{9, 9, 9, 9}, bits},
                                .quality = 70};
  const std::string bytes = to_bytes(fingerprint);
  EXPECT_EQ(parse_fingerprint(as_bytes(bytes), 70), fingerprint);
  EXPECT_FALSE(parse_fingerprint(as_bytes(bytes).first(bytes.size() - 1), 70));
  EXPECT_TRUE(parse_fingerprint(as_bytes(bytes).first(6 * 32), 70));
  EXPECT_FALSE(parse_fingerprint(as_bytes(bytes).first(5 * 32), 70));
  EXPECT_FALSE(parse_bits({}));
}

TEST(Fingerprint, DistanceIsTheNumberOfBitsThatDiffer) {
  EXPECT_EQ(distance(Bits{}, Bits{}), 0U);
  EXPECT_EQ(distance(Bits{}, Bits{~0ULL, ~0ULL, ~0ULL, ~0ULL}), 256U);
  EXPECT_EQ(distance(Bits{0b1100, 0, 1, 0}, Bits{0b1010, 0, 0, 1ULL << 63}), 4U);
}

constexpr Bits far{~0ULL, ~0ULL, ~0ULL, ~0ULL};
constexpr Bits half{0x5555555555555555, 0x5555555555555555, 0x5555555555555555,
                    0x5555555555555555};  // 128 bits from far, and about that from nearly nothing

TEST(Fingerprint, AWholeIsComparedWithTheOthersCropsInBothDirections) {
  const Fingerprint full{
      .whole = {0xffff, 0, 0, 0}, .middle = half, .crops = {{0, 0xff, 0, 0}, {7, 7, 7, 7}}};
  const Fingerprint cut{.whole = {0, 0xfe, 0, 0}, .middle = half, .crops = {}};
  EXPECT_EQ(distance(full, cut), 1U);
  EXPECT_EQ(distance(cut, full), 1U);
  const Fingerprint inner{.whole = far, .middle = {}, .crops = {}};
  EXPECT_EQ(distance(inner, cut), 7U) << "the middle is a crop";
  // Crops of both are not compared: they may be one corner of two different pictures.
  const Fingerprint other{.whole = far, .middle = {}, .crops = {{7, 7, 7, 7}}};
  EXPECT_EQ(distance(full, other), 16U) << "to the middle, and not 0";
}

TEST(Fingerprint, OneQuarterMayBeCovered) {
  const Fingerprint plain{
      .whole = {}, .middle = {}, .quarters = {{{1}, {2}, {4}, {8}}}, .crops = {}};
  Fingerprint marked{.whole = far, .middle = far, .quarters = {{{1}, {3}, {7}, far}}, .crops = {}};
  EXPECT_EQ(distance(plain, marked), 2U) << "the worst of the three that are left";
  marked.quarters[0] = {};
  EXPECT_EQ(distance(plain, marked), 255U) << "where one is flat all the others count";
  marked.quarters[1] = {};
  EXPECT_EQ(distance(plain, marked), 256U) << "two are too few";
}

}  // namespace
}  // namespace calotype
