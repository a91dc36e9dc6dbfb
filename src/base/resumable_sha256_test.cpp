// SPDX-License-Identifier: Apache-2.0
#include "base/resumable_sha256.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/checksum.hpp"

namespace calotype {
namespace {

std::string pattern(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

TEST(ResumableSha256, GoesOnFromItsStateAfterAnyByte) {
  const std::string text = pattern(200);
  const Digest whole = Sha256::of(as_bytes(text));
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    ResumableSha256 first;
    first.update(as_bytes(text).first(cut));
    auto second = ResumableSha256::resume(first.state());
    ASSERT_TRUE(second) << cut;
    EXPECT_EQ(second->bytes(), cut);
    second->update(as_bytes(text).subspan(cut));
    EXPECT_EQ(second->digest(), whole) << cut;
    EXPECT_EQ(second->digest(), whole) << "asking changes nothing";
  }
}

TEST(ResumableSha256, CountsPastFourGibibits) {
  ResumableSha256 hash;
  auto state = hash.state();
  state[32 + 3] = std::byte{2};  // 2^33 bytes have gone in
  const auto later = ResumableSha256::resume(state);
  ASSERT_TRUE(later);
  EXPECT_EQ(later->bytes(), std::uint64_t{1} << 33);
  EXPECT_EQ(later->state(), state);
}

TEST(ResumableSha256, WhatIsNoStateIsRefused) {
  ResumableSha256 hash;
  hash.update(as_bytes("abc"));
  auto state = hash.state();
  EXPECT_EQ(state.size(), 43U);
  state.pop_back();
  EXPECT_FALSE(ResumableSha256::resume(state)) << "a byte of the block is missing";
  EXPECT_FALSE(ResumableSha256::resume({}));
}

TEST(Checksum, EveryAlgorithmGivesItsKnownSum) {
  struct Row {
    std::string_view algorithm;
    std::string_view hex;
  };
  for (const Row& row : {
           Row{"crc32", "cbf43926"},
           Row{"md5", "25f9e794323b453885f5181f1b624d0b"},
           Row{"sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"},
           Row{"sha256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"},
       }) {
    auto sum = Checksum::of(row.algorithm);
    ASSERT_TRUE(sum) << row.algorithm;
    sum->update(as_bytes("1234"));
    sum->update(as_bytes("56789"));
    EXPECT_EQ(to_hex(sum->finish()), row.hex) << row.algorithm;
    EXPECT_TRUE(Checksum::algorithms.contains(row.algorithm));
  }
  EXPECT_FALSE(Checksum::of("sha512"));
  EXPECT_FALSE(Checksum::of(""));
}

}  // namespace
}  // namespace calotype
