// SPDX-License-Identifier: Apache-2.0
#include "blobs/chunk_sums.hpp"

#include <gtest/gtest.h>

#include <string>

namespace calotype {
namespace {

constexpr std::size_t chunk = BlobCheck::chunk_bytes;

std::string content_of(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t value = 1;
  for (char& c : text) c = static_cast<char>((value = value * 1664525 + 1013904223) >> 24);
  return text;
}

ChunkSums sums_of(const std::string& text, std::size_t piece) {
  ChunkSummer summer;
  for (std::size_t at = 0; at < text.size(); at += piece)
    summer.update(as_bytes(std::string_view(text).substr(at, piece)));
  return summer.finish();
}

TEST(ChunkSums, AreTheSameHoweverTheBytesCame) {
  for (const std::size_t size : {0UL, 1UL, chunk - 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 7}) {
    const std::string text = content_of(size);
    const auto whole = sums_of(text, size + 1).to_column();
    EXPECT_EQ(whole.size(), (size + chunk - 1) / chunk * 4);
    for (const std::size_t piece : {4096UL, chunk - 3, chunk, 2 * chunk + 5})
      EXPECT_EQ(sums_of(text, piece).to_column(), whole) << size << " in pieces of " << piece;
  }
}

TEST(ChunkSums, HoldEachChunkAndNoOtherBytes) {
  std::string text = content_of(2 * chunk + 100);
  const ChunkSums sums = sums_of(text, 4096);
  const auto part = [&](std::size_t index) {
    return as_bytes(std::string_view(text).substr(index * chunk, chunk));
  };
  for (std::size_t index = 0; index < 3; ++index) EXPECT_TRUE(sums.holds(index, part(index)));
  EXPECT_FALSE(sums.holds(0, part(1))) << "another chunk's bytes";
  EXPECT_FALSE(sums.holds(2, part(2).first(99))) << "cut off";
  EXPECT_FALSE(sums.holds(3, {})) << "a chunk that there is not";
  text[chunk + 1] ^= 1;
  EXPECT_FALSE(sums.holds(1, part(1))) << "one flipped bit";
  EXPECT_TRUE(sums.holds(0, part(0))) << "of which the others know nothing";
}

TEST(ChunkSums, GoThroughTheirColumn) {
  const std::string text = content_of(chunk + 5);
  const auto column = sums_of(text, text.size()).to_column();
  const auto back = ChunkSums::from_column(column, text.size());
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->holds(1, as_bytes(std::string_view(text).substr(chunk))));
  EXPECT_FALSE(ChunkSums::from_column(column, 3 * chunk)) << "too few for such a size";
  EXPECT_FALSE(ChunkSums::from_column(ByteSpan(column).first(7), text.size()));
}

}  // namespace
}  // namespace calotype
