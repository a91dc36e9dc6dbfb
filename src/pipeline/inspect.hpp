// SPDX-License-Identifier: Apache-2.0
// How an original becomes known: a renderer reads it once, its fingerprint is kept and compared
// with the library, and one transaction stores what was found and moves the state. What the bytes
// themselves are to blame for fails the asset; everything else fails the attempt, and the job comes
// back.
#pragma once

#include <chrono>
#include <stop_token>

#include "asset/job.hpp"
#include "blobs/blob_store.hpp"
#include "catalog/catalog.hpp"
#include "pipeline/near_duplicates.hpp"
#include "render/renderer_pool.hpp"

namespace calotype {

class Inspect {
 public:
  Inspect(Catalog& catalog, BlobStore& blobs, RendererPool& renderers,
          NearDuplicates& near_duplicates, const Clock& clock, std::chrono::milliseconds wait_max)
      : catalog_(catalog),
        blobs_(blobs),
        renderers_(renderers),
        near_duplicates_(near_duplicates),
        clock_(clock),
        wait_max_(wait_max) {}

  /// Success: the job has been completed (in the transaction that moved the state).
  Result<void> run(const Job& job, const std::stop_token& stop);

  /// Makes the proof of an inspected asset that has lost it, from another inspection.
  Result<void> remake_proof(const Job& job, const std::stop_token& stop);

  /// Some of the pictures that were inspected before there were fingerprints get theirs; one that
  /// cannot be read is passed over. False where none is left. One thread at a time.
  Result<bool> fingerprint_older(const std::stop_token& stop);

 private:
  Result<Inspection> look_at(const AssetRow& asset, const std::stop_token& stop);
  Result<std::optional<Proof>> keep_proof(const Inspection& inspection);

  Catalog& catalog_;
  BlobStore& blobs_;
  RendererPool& renderers_;
  NearDuplicates& near_duplicates_;
  const Clock& clock_;
  const std::chrono::milliseconds wait_max_;
  std::int64_t fingerprinted_to_ = 0;  // asset numbers: pictures up to it have fingerprints
};

}  // namespace calotype
