// SPDX-License-Identifier: Apache-2.0
// Blobs that are elsewhere, checked while they are sent: bytes are collected until a chunk is
// whole, held against its sum, and only then given on. A range is read from the beginning of its
// first chunk to the end of its last.
#pragma once

#include <functional>
#include <memory>

#include "blobs/chunk_sums.hpp"

namespace calotype {

/// Called, from any thread and quickly, when bytes were found that differ.
using DamageReport = std::function<void()>;

/// What is in a file, which may be one that only this stream has.
std::unique_ptr<BlobStream> stream_of(Blob blob, std::uint64_t offset, std::uint64_t bytes);

/// `inner` gives the blob from the beginning of `offset`'s chunk to the end of the range's last.
std::unique_ptr<BlobStream> checked_stream(std::unique_ptr<BlobStream> inner,
                                           std::shared_ptr<const ChunkSums> sums,
                                           std::uint64_t offset, std::uint64_t bytes,
                                           DamageReport report);

/// Of the whole blob, whose store holds it against its hash: only reports what that finds.
std::unique_ptr<BlobStream> reporting_stream(std::unique_ptr<BlobStream> inner,
                                             DamageReport report);

}  // namespace calotype
