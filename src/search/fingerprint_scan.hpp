// SPDX-License-Identifier: Apache-2.0
// Which of very many fingerprints are near one: all are looked at, at about the speed at which
// memory can be read. Eight lie together, word beside word, so that one instruction takes the same
// word of all eight and nothing is summed across a register:
//
//   words[0]  a0 b0 c0 d0 e0 f0 g0 h0
//   words[1]  a1 b1 c1 d1 e1 f1 g1 h1   …
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "asset/fingerprint.hpp"

namespace calotype {

struct alignas(64) FingerprintBlock {
  static constexpr std::size_t lanes = 8;
  std::uint64_t words[4][lanes];
};

struct ScanHit {
  std::size_t place = 0;  // block · lanes + lane
  unsigned distance = 0;
  bool operator==(const ScanHit&) const = default;
};

/// Adds those that differ from `wanted` in `distance_max` bits at most, in the order of their
/// places. A lane that holds none is compared like any other.
using FingerprintScan = void (*)(std::span<const FingerprintBlock> blocks,
                                 const Fingerprint::Bits& wanted, unsigned distance_max,
                                 std::vector<ScanHit>& hits);

struct ScanPath {
  std::string_view name;
  FingerprintScan scan = nullptr;
};
/// What this processor can run, the fastest first, and last what every processor can.
std::span<const ScanPath> scan_paths();

}  // namespace calotype
