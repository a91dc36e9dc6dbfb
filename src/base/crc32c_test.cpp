// SPDX-License-Identifier: Apache-2.0
#include "base/crc32c.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace calotype {
namespace {

TEST(Crc32c, HasThePublishedValues) {
  EXPECT_EQ(crc32c({}), 0U);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283U);  // RFC 3720, and every catalogue of CRCs
  EXPECT_EQ(crc32c(as_bytes(std::string(32, '\0'))), 0x8A9136AAU);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(as_bytes(std::string(32, '\xff'))), 0x62A8AB43U);
}

TEST(Crc32c, IsTheSameByInstructionAndByTableAndInPieces) {
  std::mt19937 random(20261125);
  for (std::size_t size = 0; size < 60'000; size += 1 + size / 40) {
    std::vector<std::byte> bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    const std::uint32_t whole = crc32c(bytes);
    EXPECT_EQ(whole, crc32c_by_table(bytes)) << size;
    const std::size_t cut = size == 0 ? 0 : random() % size;
    EXPECT_EQ(whole, crc32c(ByteSpan(bytes).subspan(cut), crc32c(ByteSpan(bytes).first(cut))));
  }
}

TEST(Crc32c, FindsEveryFlippedBitOfAChunk) {
  std::vector<std::byte> bytes(4096, std::byte{0x5a});
  const std::uint32_t right = crc32c(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    ASSERT_NE(crc32c(bytes), right) << bit;
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
  }
}

}  // namespace
}  // namespace calotype
