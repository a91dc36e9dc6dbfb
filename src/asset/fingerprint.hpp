// SPDX-License-Identifier: Apache-2.0
// What two pictures that look the same have nearly in common: PDQ, 256 bits of the signs of a
// picture's low frequencies (Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ
// Image-Hashing Algorithm", 2019). The distance of two is the number of bits in which they differ.
#pragma once

#include <array>
#include <cstdint>

namespace calotype {

struct Fingerprint {
  std::array<std::uint64_t, 4> bits{};  // words[0] holds PDQ's bits 0 to 63, the least first
  std::uint8_t quality = 0;             // 0 to 100: how much detail there was to judge by
  bool operator==(const Fingerprint&) const = default;
};

}  // namespace calotype
