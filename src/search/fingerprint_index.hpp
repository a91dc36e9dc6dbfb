// SPDX-License-Identifier: Apache-2.0
// The wholes of all fingerprints in memory, 40 bytes each, and who among their owners is near one.
// Not safe from several threads at once but for reading.
#pragma once

#include <cstdint>
#include <vector>

#include "search/fingerprint_scan.hpp"

namespace calotype {

struct Neighbour {
  std::int64_t owner = 0;
  unsigned distance = 0;
  bool operator==(const Neighbour&) const = default;
};

class FingerprintIndex {
 public:
  /// An owner may have several: of each it is a neighbour.
  void add(std::int64_t owner, const Fingerprint::Bits& bits);
  /// All that the owner has. Takes as long as a look at every owner.
  void remove(std::int64_t owner);
  std::size_t size() const { return owners_.size(); }

  /// Nearest first, of equally near ones the lower owner. Only the `limit` nearest.
  std::vector<Neighbour> within(const Fingerprint::Bits& wanted, unsigned distance_max,
                                std::size_t limit = SIZE_MAX) const;

 private:
  Fingerprint::Bits bits_at(std::size_t place) const;
  void put(std::size_t place, const Fingerprint::Bits& bits);

  std::vector<FingerprintBlock> blocks_;
  std::vector<std::int64_t> owners_;  // by place, without gaps
};

}  // namespace calotype
