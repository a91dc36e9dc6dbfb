// SPDX-License-Identifier: Apache-2.0
// Whether what is kept is what was stored. Every blob is hashed again where it lies; every row's
// blob has to be there, of its size; every blob has to have a row. What differs is named and, where
// it could be served, quarantined. With `repair` it is mended as far as it can be:
//
//   original   damaged or lost   quarantined: mended by whoever brings the same bytes in again
//              right again       leaves quarantine
//   proof      damaged or lost   dropped; a job makes it from another inspection
//   variant    damaged or lost   dropped; made when it is next asked for
//   blob       without a row     removed once it is older than the grace period, as the scrub does
//
// All of it, or one share of the hash's space: the shares of a round hold every blob once. Servers
// may run meanwhile: what looks wrong is looked at twice.
#pragma once

#include <functional>
#include <mutex>
#include <stop_token>
#include <unordered_map>
#include <unordered_set>

#include "base/metrics.hpp"
#include "blobs/blob_store.hpp"
#include "catalog/catalog.hpp"
#include "catalog/integrity_catalog.hpp"

namespace calotype {

struct VerifySettings {
  std::chrono::milliseconds grace{std::chrono::hours{1}};
  std::size_t threads = 1;  // that hash
};

struct VerifyOptions {
  bool repair = false;
  std::uint32_t shares = 1;  // of how many
  std::uint32_t share = 0;   // this one
};

enum class BlobFault : std::uint8_t { corrupt, wrong_size, missing, orphan, unreadable };
std::string_view to_string(BlobFault fault);
std::string_view to_string(BlobRole role);

struct VerifyFinding {
  std::string blob_key;
  BlobFault fault = BlobFault::corrupt;
  BlobRole role = BlobRole::original;
  std::string asset_id;  // empty: nobody's
  std::string detail;
  std::string action;  // what was done about it, in words; empty: nothing
  bool mended = false;
};

struct VerifyReport {
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;
  std::uint64_t rows = 0;
  std::uint64_t healed = 0;                // left quarantine, their bytes being right again
  std::vector<VerifyFinding> findings;     // in the order of their keys
  std::vector<QuarantineRow> quarantined;  // all that are, when it ended
};

class Verify {
 public:
  Verify(Catalog& catalog, BlobStore& blobs, const Clock& clock, Metrics& metrics,
         const VerifySettings& settings);

  struct Progress {
    std::uint64_t blobs = 0;
    std::uint64_t bytes = 0;
  };
  using Tell = std::function<void(const Progress&)>;
  /// cancelled where it was stopped; storage_failed and catalog_failed where they do not answer.
  /// `tell` is called now and then, by one thread at a time.
  Result<VerifyReport> run(const VerifyOptions& options, const std::stop_token& stop,
                           const Tell& tell);

 private:
  struct Run;

  Result<std::vector<QuarantineRow>> all_quarantined();
  Result<void> hash_all(Run& run);
  Result<void> work(Run& run);
  Result<std::optional<std::pair<BlobEntry, std::optional<PromisedBlob>>>> next(Run& run);
  Result<void> fill(Run& run);
  Result<void> look_at(Run& run, const BlobEntry& entry, const PromisedBlob* promise);
  Result<std::optional<std::string>> fault_of(Run& run, const BlobKey& key);
  Result<void> look_at_orphan(Run& run, const BlobEntry& entry);
  Result<void> look_for_rows(Run& run, BlobRole role);
  Result<void> look_for_missing(Run& run, const PromisedBlob& promise);
  Result<void> settle(Run& run, const PromisedBlob& promise, BlobFault fault, std::string detail);
  Result<bool> is_still_promised(const std::string& key);
  void add(Run& run, VerifyFinding finding);

  Catalog& catalog_;
  IntegrityCatalog& integrity_;
  BlobStore& blobs_;
  const Clock& clock_;
  const VerifySettings settings_;
  Counter& checked_;
  Counter& checked_bytes_;
  Counter& faults_;
};

}  // namespace calotype
