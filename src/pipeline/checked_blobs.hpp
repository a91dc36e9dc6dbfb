// SPDX-License-Identifier: Apache-2.0
// A blob whose bytes are not what they were is never served: a store in front of the store, which
// lets nothing out that it has not checked.
//
//   read      the whole blob, in memory, against its SHA-256 (small ones: variants)
//   open      the whole file, before it is given (what pictures are made of)
//   source    a chunk at a time, before the chunk is sent (originals, of any size, any range)
//
// The SHA-256 of a blob is taken once, when its bytes come in or are first opened, and the CRC-32C
// of each chunk in the same pass (blobs/chunk_sums.hpp). From then on the chunks are what is
// compared, which costs a fraction of sending them. Those of small blobs are remembered in memory;
// those of large originals stand in the catalog, so that a range of a film needs no pass over it.
//
// Where a chunk differs, the SHA-256 has the last word: if that differs too, an original is
// quarantined; a variant or a proof is made again by whoever wanted it.
#pragma once

#include <memory>

#include "base/metrics.hpp"
#include "blobs/blob_store.hpp"
#include "catalog/integrity_catalog.hpp"

namespace calotype {

/// `integrity` and `metrics` outlive it.
std::unique_ptr<BlobStore> check_blobs(std::unique_ptr<BlobStore> store,
                                       IntegrityCatalog& integrity, Metrics& metrics);

}  // namespace calotype
