// SPDX-License-Identifier: Apache-2.0
// One flush for many: callers that arrive while a flush is under way are flushed together by the
// next one. The first of them leads and does the work for all; the others sleep until it is done.
// No thread of its own, and no delay when there is only one caller.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace calotype {

template <class Item>
class GroupCommit {
 public:
  /// `flush` gets every item of a batch, at most `batch_max`, oldest first, and writes each item's
  /// outcome into it. Never called twice at once. Must not throw.
  GroupCommit(std::size_t batch_max, std::function<void(std::span<Item* const>)> flush)
      : batch_max_(batch_max), flush_(std::move(flush)) {}

  /// Blocks until a flush has taken the item.
  void run(Item& item) {
    Entry entry{&item};
    std::unique_lock lock(mutex_);
    waiting_.push_back(&entry);
    entry.changed.wait(lock,
                       [&] { return entry.done || (!flushing_ && waiting_.front() == &entry); });
    if (entry.done) return;
    lead(lock);
  }

 private:
  struct Entry {
    Item* item;
    bool done = false;
    std::condition_variable changed{};
  };

  /// Flushes the oldest entries, the caller's among them, then wakes them and the next leader.
  void lead(std::unique_lock<std::mutex>& lock) {
    flushing_ = true;
    const std::size_t count = std::min(batch_max_, waiting_.size());
    const std::vector<Entry*> batch(waiting_.begin(),
                                    waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    lock.unlock();
    std::vector<Item*> items;
    items.reserve(count);
    for (const Entry* entry : batch) items.push_back(entry->item);
    flush_(items);
    lock.lock();
    flushing_ = false;
    for (Entry* entry : batch) {
      entry->done = true;
      entry->changed.notify_one();
    }
    if (!waiting_.empty()) waiting_.front()->changed.notify_one();
  }

  const std::size_t batch_max_;
  const std::function<void(std::span<Item* const>)> flush_;
  std::mutex mutex_;
  std::vector<Entry*> waiting_;
  bool flushing_ = false;
};

}  // namespace calotype
