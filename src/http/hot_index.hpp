// SPDX-License-Identifier: Apache-2.0
// Answers that are ready to be sent, by the raw target they were asked with. Two levels: each I/O
// thread has a View, a plain map that only it touches, so that a hit takes no lock and writes to no
// shared cache line; behind the views stands one index with a mutex, the byte budget and the
// eviction (SIEVE: a hand walks from the oldest and takes what nobody has asked for since it last
// came by). What the index gives up is marked gone; a view sees the mark at its next hit or sweep,
// so nothing that was erased is served once erase has returned.
//
// What other servers delete is erased here when it is heard of; while nothing can be heard for
// too long (trust_until) nothing is served, and everything again afterwards.
//
// An answer that varies by Accept has an entry without bytes under its target, which says what the
// negotiation needs, and the answers themselves under target and format.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "asset/recipe.hpp"
#include "base/shared_bytes.hpp"
#include "catalog/rows.hpp"
#include "http/representation.hpp"

namespace calotype {

struct HotEntry {
  HotEntry(std::string raw_target, VariantKey variant)
      : target(std::move(raw_target)), key(std::move(variant)) {}

  std::string target;  // raw, or hot_variant_key's
  VariantKey key;
  Representation representation;  // its body is a MemorySlice
  std::string head;               // all that follows Date in the head of a plain 200
  bool varies = false;            // no bytes: look for hot_variant_key(target, format)
  Carried carried;                // what the negotiation needs to know then

  const SharedBytes& bytes() const { return std::get<MemorySlice>(representation.body).bytes; }
  std::uint64_t cost() const;
  bool gone() const { return gone_.load(std::memory_order_acquire); }
  /// Marks it as wanted; writes only the first time since somebody looked.
  void touch() const {
    if (wanted_.load(std::memory_order_relaxed) != all_wanted) wanted_.store(all_wanted);
  }

 private:
  friend class HotIndex;
  friend class HotView;
  static constexpr std::uint8_t wanted_by_eviction = 1;
  static constexpr std::uint8_t wanted_by_flush = 2;
  static constexpr std::uint8_t all_wanted = wanted_by_eviction | wanted_by_flush;
  mutable std::atomic<std::uint8_t> wanted_ = 0;
  mutable std::atomic<std::uint64_t> served_ = 0;  // since the last flush, by what views told
  std::atomic<bool> gone_ = false;
};

/// The key of one format of an answer that varies; cannot be a target (no target has a space).
std::string hot_variant_key(std::string_view target, ImageFormat format);

class HotIndex {
 public:
  explicit HotIndex(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  /// To be taken before the catalog is asked for what is going to be inserted.
  std::uint64_t epoch() const { return epoch_.load(); }
  /// Refuses silently what was asked for before the last erase (it may be what was erased), and
  /// what is larger than an eighth of the budget. Replaces the entry of the same target.
  void insert(std::shared_ptr<HotEntry> entry, std::uint64_t epoch);
  std::shared_ptr<const HotEntry> find(std::string_view target);
  void erase(const AssetId& id);
  struct Served {
    VariantKey key;
    std::uint64_t count = 0;
  };
  /// The variants that were served since the last call. Counts lag by a view's last second, and may
  /// be 0 at first.
  std::vector<Served> take_accessed();
  using Instant = std::chrono::steady_clock::time_point;
  /// Views serve nothing after that moment (to a second or so). Always, where it is never called.
  void trust_until(Instant moment) { trusted_until_.store(moment.time_since_epoch().count()); }
  bool is_trusted(Instant now) const {
    return now.time_since_epoch().count() <= trusted_until_.load(std::memory_order_relaxed);
  }
  std::uint64_t bytes() const;
  /// Grows whenever an entry goes.
  std::uint64_t removals() const { return removals_.load(); }

 private:
  using Order = std::list<std::shared_ptr<HotEntry>>;  // newest first
  void evict_one();
  Order::iterator remove(Order::iterator place);

  const std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> epoch_ = 0;
  std::atomic<std::uint64_t> removals_ = 0;
  std::atomic<Instant::rep> trusted_until_ = Instant::max().time_since_epoch().count();
  mutable std::mutex mutex_;
  Order order_;
  Order::iterator hand_ = order_.end();
  std::unordered_map<std::string_view, Order::iterator> by_target_;
  std::map<AssetId, std::vector<HotEntry*>> by_asset_;
  std::uint64_t bytes_ = 0;
};

/// One thread's.
class HotView {
 public:
  explicit HotView(HotIndex& index) : index_(index) {}

  /// The entry for the target, negotiated by `accept` where it varies; nullptr where there is none.
  /// Valid until this thread next calls sweep.
  const HotEntry* find(std::string_view target, std::string_view accept);
  /// Lets go of what the index gave up, and looks whether it may still be trusted; about once a
  /// second.
  void sweep(HotIndex::Instant now = std::chrono::steady_clock::now());

 private:
  struct Seen {
    std::shared_ptr<const HotEntry> entry;
    std::uint64_t served = 0;  // since the last sweep
  };
  const HotEntry* find_exactly(std::string_view target);
  const HotEntry* serve(Seen& seen);
  void tell_served();

  HotIndex& index_;
  std::unordered_map<std::string_view, Seen> entries_;
  std::vector<Seen*> served_;                             // those of them that have been
  std::vector<std::shared_ptr<const HotEntry>> retired_;  // a batch may still be about to send them
  std::uint64_t removals_seen_ = 0;
  bool trusted_ = true;
};

}  // namespace calotype
