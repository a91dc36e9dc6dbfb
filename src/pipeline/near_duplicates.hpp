// SPDX-License-Identifier: Apache-2.0
// Which assets look the same. The wholes and the middles of all fingerprints are kept in memory;
// whoever's are within a wide distance is a candidate, and its fingerprint with all its parts,
// which is read from the catalog, decides. (A cut of five per cent changes up to 120 bits of the
// whole. But the middle is at most 2.5 % away at every edge from what such a cut leaves.)
//
// The catalog is right, and the memory follows it: before every look it reads what has been kept
// since, so that no server needs to be told of what another has found, and a candidate whose row
// has gone is forgotten. Once an hour, and when words from other servers may have been missed, the
// number of rows is held against what is in memory, and all of it is read again where they differ.
//
// Any thread. A look blocks for the catalog, the first one for as long as it takes to read all.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/metrics.hpp"
#include "catalog/near_duplicate_catalog.hpp"
#include "search/fingerprint_index.hpp"
#include "search/star_clusters.hpp"

namespace calotype {

struct NearAsset {
  AssetId id;
  unsigned distance = 0;
};

struct Lookalikes {
  std::optional<Fingerprint> fingerprint;  // nothing: the asset cannot be compared
  std::vector<NearAsset> assets;           // the nearest first
};

/// One asset, and others that each look like it.
struct NearCluster {
  AssetId centre;  // and the cluster's name; the earliest of them
  std::vector<NearAsset> members;
};

class NearDuplicates {
 public:
  /// Begins to read the catalog's fingerprints, behind everything else.
  NearDuplicates(NearDuplicateCatalog& catalog, Metrics& metrics);

  /// Keeps what an inspection found, compares it with the library, and records what looks like it.
  /// Where the asset is deleted nothing happens.
  Result<void> compare(const AssetId& id, const std::optional<Fingerprint>& fingerprint);

  /// Everything within that distance of an asset, but for the asset itself.
  Result<Lookalikes> near(const AssetId& id, unsigned distance_max, std::size_t limit);

  struct ClusterPage {
    std::vector<NearCluster> clusters;  // in the order in which their centres came in
    std::string next;                   // the cursor of the page behind it; empty at the end
  };
  /// bad_request where the cursor is none.
  Result<ClusterPage> clusters(std::string_view cursor, std::size_t limit);
  /// The one that the asset is in; cluster_not_found where it is in none.
  Result<NearCluster> cluster_of(const AssetId& id);

  /// Something may have been missed: the next look counts. Does not block.
  void look_again() { is_doubted_ = true; }

 private:
  using Steady = std::chrono::steady_clock;

  Result<void> catch_up();
  Result<void> read_all();
  struct Index {
    FingerprintIndex wholes, middles;
    void add(const IndexedFingerprint& row);
    void remove(std::int64_t asset_no);
  };
  void take(Index& index, const IndexedFingerprint& row);
  Result<bool> agrees();
  Result<std::vector<std::int64_t>> candidates_of(const KeptFingerprint& of, unsigned distance_max);
  Result<std::vector<std::pair<KeptFingerprint, unsigned>>> lookalikes_of(const KeptFingerprint& of,
                                                                          unsigned distance_max);
  Result<std::vector<Star>> stars_of(std::vector<std::int64_t> asset_nos);
  Result<std::optional<NearCluster>> named(const Star& star);

  NearDuplicateCatalog& catalog_;
  Gauge& size_gauge_;
  Counter& found_;

  std::atomic<bool> is_doubted_ = false;
  std::mutex following_;  // of what follows: one reads the catalog, and others wait for it
  bool is_read_ = false;
  Steady::time_point counted_at_;
  Timestamp newest_{};                                  // of the rows that were read
  std::unordered_map<std::int64_t, Timestamp> recent_;  // rows that may be read again

  std::shared_mutex index_mutex_;
  Index index_;
  std::jthread first_reading_;
};

}  // namespace calotype
