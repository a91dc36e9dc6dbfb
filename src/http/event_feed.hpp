// SPDX-License-Identifier: Apache-2.0
// What happens to assets, told to those who listen at GET /v1/events. While anybody does, one
// thread asks the catalog for what is new (catalog/feed_catalog.hpp) a few times a second and keeps
// the last so many events in memory, as they are sent. A listener is a place in that row and no
// more: a slow one holds nothing, and whoever has fallen out of the row is told that there is a
// gap. What a client missed while it was away is read from the catalog when it comes back.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "base/metrics.hpp"
#include "catalog/feed_catalog.hpp"

namespace calotype {

struct EventFeedSettings {
  std::size_t listeners_max = 1'000;
  std::size_t kept = 4'096;        // events in memory; a listener that is further behind has a gap
  std::size_t missed_max = 1'000;  // read for a client that comes back; past it, it has a gap
  std::chrono::milliseconds interval{250};  // between two questions to the catalog
};

class EventFeed;

/// Used by one task; take never blocks.
class EventListener {
 public:
  ~EventListener();
  /// The next events as text/event-stream, whole ones of some tens of KiB together; empty where
  /// there is none yet.
  std::string take();
  /// Calls `ready` once (on any thread, quickly, perhaps at once) when take has something. A new
  /// one takes the place of the last.
  void when_ready(std::move_only_function<void()> ready);

 private:
  friend class EventFeed;
  EventListener(EventFeed& feed, const FeedPlace& place) : feed_(feed), place_(place) {}

  EventFeed& feed_;
  FeedPlace place_;    // everything until here has been taken, or is in front_
  std::string front_;  // what comes first; changed by the listener's own task only
  std::move_only_function<void()> ready_;  // under the feed's mutex
};

class EventFeed {
 public:
  EventFeed(FeedCatalog& catalog, Metrics& metrics, const EventFeedSettings& settings);
  ~EventFeed();  // when nobody listens any more

  /// `last_event_id` is what the client has seen last; empty: it wants what comes. overloaded where
  /// too many listen; catalog_failed. Blocks.
  Result<std::shared_ptr<EventListener>> listen(std::string_view last_event_id);

 private:
  friend class EventListener;
  struct Kept {
    FeedPlace place;
    std::string text;
  };

  Result<FeedPlace> enter();
  void leave(EventListener* listener);
  Result<void> catch_up(EventListener& listener, const FeedPlace& seen);
  void add_gap(std::string& text, const FeedPlace& place) const;
  void watch(const std::stop_token& stop);
  bool look();
  std::vector<std::move_only_function<void()>> keep(const std::vector<FeedEvent>& events);

  FeedCatalog& catalog_;
  const EventFeedSettings settings_;
  Gauge& gauge_;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::size_t count_ = 0;  // of those who listen, or are about to
  std::set<EventListener*> listeners_;
  bool keeps_ = false;  // kept_ is what happened between from_ and until_
  FeedPlace from_;
  FeedPlace until_;
  std::deque<Kept> kept_;
  std::jthread thread_;
};

/// "12-3-1", and back; nothing where it is none.
std::string to_event_id(const FeedPlace& place);
std::optional<FeedPlace> parse_event_id(std::string_view text);

}  // namespace calotype
