// SPDX-License-Identifier: Apache-2.0
#include "pipeline/deletions.hpp"

#include <pthread.h>

#include <algorithm>

#include "base/log.hpp"

namespace calotype {

Deletions::Deletions(AssetCatalog& catalog, const Clock& clock, const DeletionSettings& settings)
    : catalog_(catalog),
      clock_(clock),
      settings_(settings),
      known_since_(clock.now() - settings.remembered_for),
      asked_until_(known_since_) {
  if (!settings_.others_delete) return;
  ask();
  thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
  pthread_setname_np(thread_.native_handle(), "deletions");
}

Deletions::~Deletions() = default;

void Deletions::note(const AssetId& id) {
  if (settings_.others_delete) {
    const std::lock_guard lock(mutex_);
    // The answer that is under way now may have been given before the deletion.
    noted_[id] = round_ + 1;
    asked_for_ = true;
  }
  wake_.notify_all();
  const std::shared_lock lock(listener_mutex_);
  if (listener_.deleted) listener_.deleted(id);
}

void Deletions::look_again() {
  {
    const std::lock_guard lock(mutex_);
    asked_for_ = true;
  }
  wake_.notify_all();
}

bool Deletions::still_holds(const AssetId& id, Timestamp known_at) const {
  const Timestamp now = clock_.now();
  if (!is_current()) return false;
  const std::lock_guard lock(mutex_);
  if (known_at < known_since_ || known_at > now + settings_.skew_max) return false;
  if (noted_.contains(id)) return false;
  const auto place = deleted_.find(id);
  return place == deleted_.end() || known_at > place->second + settings_.skew_max;
}

bool Deletions::is_outdated(const AssetRow& row) const {
  const std::lock_guard lock(mutex_);
  const auto place = deleted_.find(row.id);
  return place != deleted_.end() && row.updated_at < place->second;
}

bool Deletions::is_current() const {
  if (!settings_.others_delete) return true;
  const std::lock_guard lock(mutex_);
  if (!answered_at_) return false;
  return settings_.staleness_max.count() == 0 ||
         std::chrono::steady_clock::now() - *answered_at_ <= settings_.staleness_max;
}

void Deletions::listen(Listener listener) {
  {
    const std::unique_lock lock(listener_mutex_);
    listener_ = std::move(listener);
  }
  tell_trust();
  // What was found just before, while nobody listened.
  std::vector<AssetId> recent;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, at] : deleted_)
      if (at > clock_.now() - settings_.skew_max * 2) recent.push_back(id);
  }
  const std::shared_lock lock(listener_mutex_);
  if (listener_.deleted)
    for (const AssetId& id : recent) listener_.deleted(id);
}

void Deletions::watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, settings_.poll, [this] { return asked_for_; });
      asked_for_ = false;
    }
    if (stop.stop_requested()) return;
    ask();
    tell_trust();
  }
}

void Deletions::ask() {
  const auto began = std::chrono::steady_clock::now();
  const Timestamp now = clock_.now();
  Timestamp since;
  {
    const std::lock_guard lock(mutex_);
    ++round_;
    // A transaction's time is that of its beginning, by another clock: look back a little.
    since = std::max(known_since_, asked_until_ - settings_.skew_max);
  }
  const auto found = catalog_.deletions_since(since, settings_.remembered_max);
  if (!found) {
    log::debug("deletions could not be asked for", {{"error", found.error()}});
    return;
  }
  take(*found, since);
  const std::lock_guard lock(mutex_);
  asked_until_ = now;
  answered_at_ = began;
  std::erase_if(noted_, [this](const auto& item) { return item.second <= round_; });
}

void Deletions::take(const std::vector<Deletion>& found, Timestamp since) {
  std::vector<AssetId> news;
  {
    const std::lock_guard lock(mutex_);
    for (const Deletion& deletion : found) {
      auto [place, fresh] = deleted_.try_emplace(deletion.asset_id, deletion.at);
      if (!fresh && place->second >= deletion.at) continue;
      place->second = deletion.at;
      news.push_back(deletion.asset_id);
    }
    // More than that were deleted: the oldest of them is as far back as we can see.
    if (found.size() >= settings_.remembered_max && found.back().at > since)
      known_since_ = std::max(known_since_, found.back().at + settings_.skew_max);
    forget_old();
  }
  const std::shared_lock lock(listener_mutex_);
  if (listener_.deleted)
    for (const AssetId& id : news) listener_.deleted(id);
}

void Deletions::forget_old() {
  known_since_ = std::max(known_since_, clock_.now() - settings_.remembered_for);
  if (round_ % 256 != 0 && deleted_.size() <= settings_.remembered_max * 2) return;
  const Timestamp oldest = known_since_ - settings_.skew_max * 2;
  std::erase_if(deleted_, [&](const auto& item) { return item.second < oldest; });
}

void Deletions::tell_trust() {
  Instant until = Instant::max();
  const bool current = is_current();
  {
    const std::lock_guard lock(mutex_);
    if (current != was_current_) {
      was_current_ = current;
      if (current)
        log::info("the catalog answers again, and what is remembered is trusted again");
      else
        log::warn("the catalog has not answered for too long to trust what is remembered");
    }
    if (settings_.others_delete && settings_.staleness_max.count() > 0)
      until = answered_at_ ? *answered_at_ + settings_.staleness_max : Instant::min();
  }
  const std::shared_lock lock(listener_mutex_);
  if (listener_.trusted_until) listener_.trusted_until(until);
}

}  // namespace calotype
