// SPDX-License-Identifier: Apache-2.0
#include "http/hot_index.hpp"

#include <algorithm>
#include <utility>

namespace calotype {

std::uint64_t HotEntry::cost() const {
  constexpr std::uint64_t overhead = 700;  // nodes of the maps and the list, strings, counts
  return overhead + target.size() * 2 + head.size() * 3 + (varies ? 0 : bytes()->memory());
}

std::string hot_variant_key(std::string_view target, ImageFormat format) {
  return std::string(target).append(" ").append(to_string(format));
}

void HotIndex::insert(std::shared_ptr<HotEntry> entry, std::uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t cost = entry->cost();
  if (epoch != epoch_.load() || cost > bytes_max_ / 8) return;
  if (const auto old = by_target_.find(entry->target); old != by_target_.end()) remove(old->second);
  while (bytes_ + cost > bytes_max_) evict_one();
  bytes_ += cost;
  by_asset_[entry->key.asset_id].push_back(entry.get());
  order_.push_front(std::move(entry));
  by_target_.emplace(order_.front()->target, order_.begin());
}

std::shared_ptr<const HotEntry> HotIndex::find(std::string_view target) {
  const std::lock_guard lock(mutex_);
  const auto place = by_target_.find(target);
  return place == by_target_.end() ? nullptr : *place->second;
}

void HotIndex::erase(const AssetId& id) {
  const std::lock_guard lock(mutex_);
  ++epoch_;
  const auto place = by_asset_.find(id);
  if (place == by_asset_.end()) return;
  const std::vector<HotEntry*> entries = place->second;
  for (const HotEntry* entry : entries) remove(by_target_.at(entry->target));
}

/// The next place.
HotIndex::Order::iterator HotIndex::remove(Order::iterator place) {
  HotEntry& entry = **place;
  entry.gone_.store(true, std::memory_order_release);
  ++removals_;
  bytes_ -= entry.cost();
  by_target_.erase(entry.target);
  const auto asset = by_asset_.find(entry.key.asset_id);
  std::erase(asset->second, &entry);
  if (asset->second.empty()) by_asset_.erase(asset);
  const bool at_hand = place == hand_;
  const auto next = order_.erase(place);
  if (at_hand) hand_ = next;
  return next;
}

/// SIEVE. The list runs from the newest to the oldest; the hand goes the other way.
void HotIndex::evict_one() {
  while (true) {
    if (hand_ == order_.end()) hand_ = std::prev(order_.end());
    const std::uint8_t wanted =
        (*hand_)->wanted_.fetch_and(static_cast<std::uint8_t>(~HotEntry::wanted_by_eviction));
    const bool oldest_left = hand_ == order_.begin();
    const auto towards_newest = oldest_left ? order_.end() : std::prev(hand_);
    if ((wanted & HotEntry::wanted_by_eviction) == 0) {
      remove(hand_);
      hand_ = towards_newest;
      return;
    }
    hand_ = towards_newest;
  }
}

std::vector<HotIndex::Served> HotIndex::take_accessed() {
  const std::lock_guard lock(mutex_);
  std::vector<Served> accessed;
  for (const auto& entry : order_) {
    const std::uint8_t wanted =
        entry->wanted_.fetch_and(static_cast<std::uint8_t>(~HotEntry::wanted_by_flush));
    const std::uint64_t served = entry->served_.exchange(0);
    if (entry->varies || ((wanted & HotEntry::wanted_by_flush) == 0 && served == 0)) continue;
    accessed.push_back({entry->key, served});
  }
  return accessed;
}

std::uint64_t HotIndex::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

const HotEntry* HotView::find_exactly(std::string_view target) {
  const auto place = entries_.find(target);
  if (place != entries_.end()) {
    if (!place->second.entry->gone()) return serve(place->second);
    tell_served();
    retired_.push_back(std::move(place->second.entry));
    entries_.erase(place);
  }
  auto entry = index_.find(target);
  if (!entry) return nullptr;
  const std::string_view name = entry->target;
  return serve(entries_.emplace(name, Seen{std::move(entry)}).first->second);
}

const HotEntry* HotView::serve(Seen& seen) {
  seen.entry->touch();
  if (seen.served++ == 0) served_.push_back(&seen);
  return seen.entry.get();
}

void HotView::tell_served() {
  for (Seen* seen : served_)
    seen->entry->served_.fetch_add(std::exchange(seen->served, 0), std::memory_order_relaxed);
  served_.clear();
}

const HotEntry* HotView::find(std::string_view target, std::string_view accept) {
  if (!trusted_) return nullptr;
  const HotEntry* entry = find_exactly(target);
  if (entry == nullptr || !entry->varies) return entry;
  const ImageFormat format = negotiate_format(accept, entry->carried);
  return find_exactly(hot_variant_key(target, format));
}

void HotView::sweep(HotIndex::Instant now) {
  trusted_ = index_.is_trusted(now);
  tell_served();
  retired_.clear();
  const std::uint64_t removals = index_.removals();
  if (removals == removals_seen_) return;
  removals_seen_ = removals;
  std::erase_if(entries_, [](const auto& item) { return item.second.entry->gone(); });
}

}  // namespace calotype
