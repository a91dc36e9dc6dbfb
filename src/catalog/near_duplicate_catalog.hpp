// SPDX-License-Identifier: Apache-2.0
// What assets look like, and which of them look the same. An inspection keeps its fingerprint
// before it looks for others: of two that come in together, whichever looks last finds the other.
#pragma once

#include <chrono>
#include <span>

#include "asset/fingerprint.hpp"
#include "asset/likeness.hpp"
#include "catalog/rows.hpp"

namespace calotype {

/// As an index of all fingerprints holds it.
struct IndexedFingerprint {
  std::int64_t asset_no = 0;
  Fingerprint::Bits whole{};
  Fingerprint::Bits middle{};
  Timestamp kept_at{};
};

struct KeptFingerprint {
  std::int64_t asset_no = 0;
  AssetId asset_id;
  Fingerprint fingerprint;
};

struct NumberedAssetId {
  std::int64_t asset_no = 0;
  AssetId id;
};

class NearDuplicateCatalog {
 public:
  virtual ~NearDuplicateCatalog() = default;

  /// Of an asset that is being inspected, or was; nothing where there is nothing to compare it by,
  /// so that nobody looks again. What was found to look like it before is forgotten. The asset's
  /// number; nothing where it is deleted. Relaxed.
  virtual Result<std::optional<std::int64_t>> keep_fingerprint(
      const AssetId& id, const std::optional<Fingerprint>& fingerprint) = 0;
  virtual Result<std::optional<KeptFingerprint>> fingerprint_of(const AssetId& id) = 0;
  /// Of those of the assets that have one.
  virtual Result<std::vector<KeptFingerprint>> fingerprints_of(
      std::span<const std::int64_t> asset_nos) = 0;

  // All that are good enough to compare (fingerprint_quality_min), for an index of them: page by
  // page in the order of their assets, or those that were kept then or later. Times are the
  // catalog's own, of the beginning of a transaction: one may become visible after a later one.
  virtual Result<std::vector<IndexedFingerprint>> fingerprints_after(std::int64_t asset_no,
                                                                     std::size_t limit) = 0;
  virtual Result<std::vector<IndexedFingerprint>> fingerprints_since(Timestamp moment) = 0;
  struct FingerprintCount {
    std::uint64_t count = 0;
    Timestamp newest{};  // the epoch where there is none
  };
  virtual Result<FingerprintCount> count_fingerprints() = 0;

  /// Inspected pictures of one page that nobody has kept a fingerprint for, nor the lack of one,
  /// behind `asset_no`.
  virtual Result<std::vector<NumberedAssetId>> without_fingerprint(std::int64_t asset_no,
                                                                   std::size_t limit) = 0;

  /// One that is there gets the new distance. Relaxed.
  virtual Result<void> record_likenesses(std::span<const Likeness> likenesses) = 0;
  /// Those that one of the assets has, each once, in any order: of assets that are inspected and
  /// not deleted.
  virtual Result<std::vector<Likeness>> likenesses_of(std::span<const std::int64_t> asset_nos) = 0;
  /// The next assets behind that one which somebody of a greater number looks like, in their order;
  /// they and the others may not be inspected yet.
  virtual Result<std::vector<std::int64_t>> looked_like_after(std::int64_t asset_no,
                                                              std::size_t limit) = 0;
  /// Of those of the assets that are inspected and not deleted, in any order.
  virtual Result<std::vector<NumberedAssetId>> ids_of(std::span<const std::int64_t> asset_nos) = 0;

  /// The uploads of `from` become those of `into`, and `from` is deleted, as by delete_uploads;
  /// both get an event that names the other. bad_request where they are the same, asset_not_found,
  /// asset_processing, illegal_transition where one is METADATA_FAILED. Durable.
  virtual Result<void> merge_assets(const AssetId& from, const AssetId& into,
                                    std::chrono::milliseconds purge_after) = 0;
  /// What the deleted asset was merged into, where that is there (and was itself merged into no
  /// other since, which then counts).
  virtual Result<std::optional<AssetId>> merged_into(const AssetId& id) = 0;
};

}  // namespace calotype
