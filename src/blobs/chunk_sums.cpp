// SPDX-License-Identifier: Apache-2.0
#include "blobs/chunk_sums.hpp"

#include <algorithm>

#include "base/crc32c.hpp"

namespace calotype {
namespace {

constexpr std::size_t chunk_bytes = BlobCheck::chunk_bytes;

std::uint64_t chunks_of(std::uint64_t bytes) {
  return (bytes + chunk_bytes - 1) / chunk_bytes;
}

}  // namespace

std::optional<ChunkSums> ChunkSums::from_column(ByteSpan column, std::uint64_t bytes) {
  if (column.size() % 4 != 0 || column.size() / 4 != chunks_of(bytes)) return std::nullopt;
  ChunkSums sums;
  sums.bytes_ = bytes;
  for (; !column.empty(); column = column.subspan(4)) {
    std::uint32_t sum = 0;
    for (unsigned i = 0; i < 4; ++i) sum |= std::to_integer<std::uint32_t>(column[i]) << (8 * i);
    sums.sums_.push_back(sum);
  }
  return sums;
}

std::vector<std::byte> ChunkSums::to_column() const {
  std::vector<std::byte> column;
  column.reserve(sums_.size() * 4);
  for (const std::uint32_t sum : sums_)
    for (unsigned i = 0; i < 4; ++i) column.push_back(static_cast<std::byte>(sum >> (8 * i)));
  return column;
}

bool ChunkSums::holds(std::uint64_t chunk, ByteSpan bytes) const {
  if (chunk >= sums_.size()) return false;
  const std::uint64_t size = std::min<std::uint64_t>(chunk_bytes, bytes_ - chunk * chunk_bytes);
  return bytes.size() == size && crc32c(bytes) == sums_[chunk];
}

void ChunkSummer::update(ByteSpan bytes) {
  while (!bytes.empty()) {
    const std::size_t filled = made_.bytes_ % chunk_bytes;
    const std::size_t some = std::min(bytes.size(), chunk_bytes - filled);
    present_ = crc32c(bytes.first(some), present_);
    made_.bytes_ += some;
    bytes = bytes.subspan(some);
    if (filled + some < chunk_bytes) return;
    made_.sums_.push_back(present_);
    present_ = 0;
  }
}

ChunkSums ChunkSummer::finish() {
  if (made_.bytes_ % chunk_bytes != 0) made_.sums_.push_back(present_);
  present_ = 0;
  return std::exchange(made_, {});
}

}  // namespace calotype
