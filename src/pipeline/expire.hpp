// SPDX-License-Identifier: Apache-2.0
// How bytes go: those of a deleted asset, and those that lost their owner inside a transaction
// (garbage). Rows go first and bytes after them, so that no row is ever without its bytes.
#pragma once

#include <stop_token>

#include "asset/job.hpp"
#include "blobs/blob_store.hpp"
#include "catalog/catalog.hpp"

namespace calotype {

class Expire {
 public:
  /// `lease` is that of the jobs.
  Expire(Catalog& catalog, BlobRemover& blobs, std::chrono::milliseconds lease)
      : catalog_(catalog), blobs_(blobs), lease_(lease) {}

  /// Purges the original of the job's asset, if it is still deleted, and collects the garbage.
  Result<void> run(const Job& job, const std::stop_token& stop);

  /// Removes the blobs that the catalog calls garbage.
  Result<void> collect_garbage(const std::stop_token& stop);

 private:
  Catalog& catalog_;
  BlobRemover& blobs_;
  const std::chrono::milliseconds lease_;
};

}  // namespace calotype
