// SPDX-License-Identifier: Apache-2.0
#include "base/crc32c.hpp"

#include <array>
#include <cstring>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace calotype {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;  // reflected

constexpr auto table = [] {
  std::array<std::uint32_t, 256> made{};
  for (std::uint32_t byte = 0; byte < made.size(); ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? polynomial : 0);
    made[byte] = value;
  }
  return made;
}();

#ifdef __x86_64__
// The instruction takes three cycles and can begin every cycle, so three stretches are summed side
// by side, and their sums joined: the sum of A and B is that of A, moved on by as many zeros as B
// has bytes, xor that of B. Moving on is linear, hence four tables, one for each byte of a sum.
constexpr std::size_t stretch = 4096;

using MovedOn = std::array<std::array<std::uint32_t, 256>, 4>;

MovedOn make_moved_on() {
  std::array<std::uint32_t, 32> images{};
  for (unsigned bit = 0; bit < 32; ++bit) {
    std::uint32_t value = 1U << bit;
    for (std::size_t i = 0; i < stretch; ++i) value = (value >> 8) ^ table[value & 0xff];
    images[bit] = value;
  }
  MovedOn made{};
  for (unsigned part = 0; part < 4; ++part)
    for (unsigned byte = 0; byte < 256; ++byte)
      for (unsigned bit = 0; bit < 8; ++bit)
        if ((byte >> bit & 1U) != 0) made[part][byte] ^= images[part * 8 + bit];
  return made;
}

std::uint32_t move_on(const MovedOn& moved, std::uint64_t sum) {
  return moved[0][sum & 0xff] ^ moved[1][sum >> 8 & 0xff] ^ moved[2][sum >> 16 & 0xff] ^
         moved[3][sum >> 24 & 0xff];
}

std::uint64_t word_at(const std::byte* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

__attribute__((target("sse4.2"))) std::uint32_t by_instruction(ByteSpan bytes,
                                                               std::uint32_t before) {
  static const MovedOn moved = make_moved_on();
  std::uint64_t value = ~before;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 3 * stretch; left -= 3 * stretch, at += 3 * stretch) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (std::size_t i = 0; i < stretch; i += 8) {
      value = _mm_crc32_u64(value, word_at(at + i));
      second = _mm_crc32_u64(second, word_at(at + stretch + i));
      third = _mm_crc32_u64(third, word_at(at + 2 * stretch + i));
    }
    value = move_on(moved, value) ^ second;
    value = move_on(moved, value) ^ third;
  }
  for (; left >= 8; left -= 8, at += 8) value = _mm_crc32_u64(value, word_at(at));
  auto narrow = static_cast<std::uint32_t>(value);
  for (; left > 0; --left, ++at) narrow = _mm_crc32_u8(narrow, std::to_integer<std::uint8_t>(*at));
  return ~narrow;
}
#endif

}  // namespace

std::uint32_t crc32c_by_table(ByteSpan bytes, std::uint32_t before) {
  std::uint32_t value = ~before;
  for (const std::byte byte : bytes)
    value = (value >> 8) ^ table[(value ^ std::to_integer<std::uint32_t>(byte)) & 0xff];
  return ~value;
}

std::uint32_t crc32c(ByteSpan bytes, std::uint32_t before) {
#ifdef __x86_64__
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return by_instruction(bytes, before);
#endif
  return crc32c_by_table(bytes, before);
}

}  // namespace calotype
