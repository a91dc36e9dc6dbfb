// SPDX-License-Identifier: Apache-2.0
// Upkeep: variants that nobody has asked for in a long time expire, and bytes without an owner
// (left by a crash between publishing and recording) are found and removed once they are older than
// the grace period, within which their owner may still be on its way into the catalog.
#pragma once

#include <stop_token>
#include <string_view>

#include "base/metrics.hpp"
#include "pipeline/expire.hpp"

namespace calotype {

struct ScrubSettings {
  std::chrono::milliseconds grace{std::chrono::hours{1}};
  std::chrono::milliseconds variant_age_max{std::chrono::days{180}};  // without an access
};

class Scrub {
 public:
  Scrub(Catalog& catalog, BlobStore& blobs, Expire& expire, const Clock& clock, Metrics& metrics,
        const ScrubSettings& settings);

  Result<void> run(const std::stop_token& stop);

 private:
  Result<void> expire_variants(const std::stop_token& stop);
  Result<void> sweep(std::string_view prefix, const std::stop_token& stop);
  Result<void> remove_orphan(const BlobEntry& entry);

  Catalog& catalog_;
  BlobStore& blobs_;
  Expire& expire_;
  const Clock& clock_;
  const ScrubSettings settings_;
  Counter& orphans_;
  Counter& expired_;
};

}  // namespace calotype
