// SPDX-License-Identifier: Apache-2.0
// Which assets were deleted of late, by this or any other server, so that what is remembered of
// them here (hot index) or elsewhere (shared cache) is not served.
//
// The catalog is asked about once a second, a word from another server makes it ask at once, and
// what was deleted in the last day is asked for at the start. So what another server has deleted is
// served for a second at most where its word was lost; and where the catalog has not answered for
// longer than `staleness_max` nothing is trusted that a deletion might have changed, until it
// answers again. What is deleted through this server is known at once.
//
// Times are compared across machines, so their clocks may differ by `skew_max`.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <thread>

#include "catalog/catalog.hpp"

namespace calotype {

struct DeletionSettings {
  bool others_delete = false;  // false: only this server does, so the catalog is never asked
  std::chrono::milliseconds poll{1'000};
  std::chrono::milliseconds staleness_max{10'000};  // 0: no limit
  std::chrono::milliseconds remembered_for{std::chrono::hours{25}};
  std::chrono::milliseconds skew_max{std::chrono::minutes{1}};
  std::size_t remembered_max = 1'000'000;  // past it what is known only from before is not trusted
};

class Deletions {
 public:
  Deletions(AssetCatalog& catalog, const Clock& clock, const DeletionSettings& settings);
  ~Deletions();

  /// The asset was deleted: here, or another server has said so.
  void note(const AssetId& id);
  /// Something may have been missed: asks the catalog now.
  void look_again();

  /// Whether what was known of the asset at that time still holds, as far as deletions go.
  bool still_holds(const AssetId& id, Timestamp known_at) const;
  /// Whether a row that was read is older than the asset's deletion: read from a copy that lags.
  bool is_outdated(const AssetRow& row) const;
  /// Whether the catalog has answered of late.
  bool is_current() const;

  struct Listener {
    std::function<void(const AssetId&)> deleted;
    /// What is remembered of assets that were not deleted may be trusted until then.
    std::function<void(std::chrono::steady_clock::time_point)> trusted_until;
  };
  /// Called from any thread, quickly. An empty one ends it: on return no call is under way.
  void listen(Listener listener);

 private:
  using Instant = std::chrono::steady_clock::time_point;
  void watch(const std::stop_token& stop);
  void ask();
  void take(const std::vector<Deletion>& found, Timestamp since);
  void forget_old();
  void tell_trust();

  AssetCatalog& catalog_;
  const Clock& clock_;
  const DeletionSettings settings_;

  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  bool asked_for_ = false;
  std::map<AssetId, Timestamp> deleted_;    // when last, by the catalog
  std::map<AssetId, std::uint64_t> noted_;  // and the round of asking that must have found it
  Timestamp known_since_;                   // nothing is said of what is older
  Timestamp asked_until_;                   // by this machine's clock
  std::uint64_t round_ = 0;
  std::optional<Instant> answered_at_;
  std::shared_mutex listener_mutex_;  // shared while a callback runs
  Listener listener_;
  bool was_current_ = true;
  std::jthread thread_;
};

}  // namespace calotype
