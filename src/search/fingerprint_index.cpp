// SPDX-License-Identifier: Apache-2.0
#include "search/fingerprint_index.hpp"

#include <algorithm>
#include <tuple>

namespace calotype {
namespace {

constexpr std::size_t lanes = FingerprintBlock::lanes;

}  // namespace

Fingerprint::Bits FingerprintIndex::bits_at(std::size_t place) const {
  Fingerprint::Bits bits;
  for (std::size_t word = 0; word < bits.size(); ++word)
    bits[word] = blocks_[place / lanes].words[word][place % lanes];
  return bits;
}

void FingerprintIndex::put(std::size_t place, const Fingerprint::Bits& bits) {
  for (std::size_t word = 0; word < bits.size(); ++word)
    blocks_[place / lanes].words[word][place % lanes] = bits[word];
}

void FingerprintIndex::add(std::int64_t owner, const Fingerprint::Bits& bits) {
  const std::size_t place = owners_.size();
  if (place == blocks_.size() * lanes) blocks_.push_back({});
  put(place, bits);
  owners_.push_back(owner);
}

void FingerprintIndex::remove(std::int64_t owner) {
  while (true) {
    const auto found = std::ranges::find(owners_, owner);
    if (found == owners_.end()) return;
    // The last one takes the place.
    put(static_cast<std::size_t>(found - owners_.begin()), bits_at(owners_.size() - 1));
    *found = owners_.back();
    owners_.pop_back();
    if (owners_.size() % lanes == 0) blocks_.pop_back();
  }
}

std::vector<Neighbour> FingerprintIndex::within(const Fingerprint::Bits& wanted,
                                                unsigned distance_max, std::size_t limit) const {
  std::vector<ScanHit> hits;
  scan_paths().front().scan(blocks_, wanted, distance_max, hits);
  std::vector<Neighbour> found;
  for (const ScanHit& hit : hits)
    if (hit.place < owners_.size()) found.push_back({owners_[hit.place], hit.distance});
  std::ranges::sort(found, {},
                    [](const Neighbour& each) { return std::tuple(each.distance, each.owner); });
  if (found.size() > limit) found.resize(limit);
  return found;
}

}  // namespace calotype
