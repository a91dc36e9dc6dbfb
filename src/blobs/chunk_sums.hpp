// SPDX-License-Identifier: Apache-2.0
// What a blob's chunks have to be: the CRC-32C of every 256 KiB, taken from the same pass over the
// bytes as their SHA-256, so that any part of a blob can be held against them while it is sent,
// without reading the rest. They belong to the content, like its hash, and never change.
//
//   a column of the catalog: 4 bytes a chunk, little-endian, in order
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "blobs/blob_store.hpp"

namespace calotype {

class ChunkSums {
 public:
  /// Nothing where there are not as many as a blob of that size has chunks.
  static std::optional<ChunkSums> from_column(ByteSpan column, std::uint64_t bytes);
  std::vector<std::byte> to_column() const;

  /// Of the whole blob.
  std::uint64_t bytes() const { return bytes_; }
  /// What they take in memory.
  std::size_t memory() const { return sizeof(*this) + sums_.size() * sizeof(std::uint32_t); }
  /// Whether the bytes are those of that chunk: all of it, the last one being shorter.
  bool holds(std::uint64_t chunk, ByteSpan bytes) const;

 private:
  friend class ChunkSummer;
  std::vector<std::uint32_t> sums_;
  std::uint64_t bytes_ = 0;
};

/// Takes a blob's bytes in order.
class ChunkSummer {
 public:
  void update(ByteSpan bytes);
  ChunkSums finish();

 private:
  ChunkSums made_;
  std::uint32_t present_ = 0;
};

}  // namespace calotype
