// SPDX-License-Identifier: Apache-2.0
// What two pictures that look the same have nearly in common: PDQ, 256 bits that say of a picture's
// low frequencies which are above their median (Facebook, "The TMK+PDQF Video-Hashing Algorithm and
// the PDQ Image-Hashing Algorithm", 2019). Two things change most of those bits though they change
// little of what is seen, so a fingerprint has the bits of parts of the picture too:
//   - a few per cent cut off an edge move every frequency. Whoever has such a cut has, as his
//   whole,
//     nearly what we have as one of our crops;
//   - something large and bright in one corner, a watermark, is in every frequency. The quarters
//     that it does not touch are as they were.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/encoding.hpp"

namespace calotype {

struct Fingerprint {
  using Bits = std::array<std::uint64_t, 4>;  // bits[0] holds PDQ's bits 0 to 63, the least first
  Bits whole{};
  Bits middle{};                   // without 2.5 % at each edge
  std::array<Bits, 4> quarters{};  // none set where there is too little detail
  std::vector<Bits> crops;         // others, in no order that means anything
  std::uint8_t quality = 0;        // 0 to 100: how much detail there was to judge by
  bool operator==(const Fingerprint&) const = default;
};

/// Below it there is nothing to tell pictures apart by: clear skies, blank pages. PDQ's own advice.
inline constexpr std::uint8_t fingerprint_quality_min = 50;
/// Pictures at most so far apart look the same. PDQ's own advice; docs/near-duplicates.md has what
/// was measured.
inline constexpr unsigned likeness_distance_max = 31;

/// The number of bits in which they differ.
unsigned distance(const Fingerprint::Bits& one, const Fingerprint::Bits& other);
/// Of two wholes, of the one's whole and a crop of the other, or of all quarters but the one that
/// differs most: the least.
unsigned distance(const Fingerprint& one, const Fingerprint& other);

/// 64 hexadecimal digits, as PDQ is written everywhere: bit 255 first.
std::string to_hex(const Fingerprint::Bits& bits);

inline constexpr std::size_t fingerprint_bits_bytes = 32;
/// In the order of the digits above.
std::string to_bytes(const Fingerprint::Bits& bits);
/// Nothing where there are not as many bytes.
std::optional<Fingerprint::Bits> parse_bits(ByteSpan bytes);
/// Whole, middle, quarters and crops one after another.
std::string to_bytes(const Fingerprint& fingerprint);
std::optional<Fingerprint> parse_fingerprint(ByteSpan bytes, std::uint8_t quality);

}  // namespace calotype
