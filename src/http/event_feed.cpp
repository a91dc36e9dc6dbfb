// SPDX-License-Identifier: Apache-2.0
#include "http/event_feed.hpp"

#include <pthread.h>

#include <algorithm>
#include <charconv>
#include <format>

#include "base/json.hpp"
#include "base/log.hpp"

namespace calotype {
namespace {

constexpr std::size_t asked_at_once = 512;
constexpr std::size_t taken_at_once = 32 << 10;
/// What a client that has lost the connection waits before it comes back.
constexpr std::string_view greeting = "retry: 2000\n";

std::string text_of(const FeedEvent& event) {
  const json::object data{
      {"asset", event.asset_id.text()},
      {"from", event.from ? json::value(to_string(*event.from)) : json::value(nullptr)},
      {"to", to_string(event.to)},
      {"at", to_rfc3339(event.at)}};
  return std::format("id: {}\nevent: {}\ndata: {}\n\n", to_event_id(event.place),
                     event.from == event.to ? "changed" : "state", json::serialize(data));
}

}  // namespace

std::string to_event_id(const FeedPlace& place) {
  return std::format("{}-{}-{}", place.turn, place.asset_no, place.seq);
}

std::optional<FeedPlace> parse_event_id(std::string_view text) {
  FeedPlace place;
  std::string_view rest = text;
  for (std::int64_t* const number : {&place.turn, &place.asset_no, &place.seq}) {
    const std::string_view digits = rest.substr(0, rest.find('-'));
    (void)std::from_chars(digits.data(), digits.data() + digits.size(), *number);
    rest.remove_prefix(std::min(rest.size(), digits.size() + 1));
  }
  if (to_event_id(place) != text) return std::nullopt;
  return place;
}

// --- one listener -

EventListener::~EventListener() {
  feed_.leave(this);
}

std::string EventListener::take() {
  std::string text = std::exchange(front_, {});
  const std::lock_guard lock(feed_.mutex_);
  if (place_ < feed_.from_) {
    feed_.add_gap(text, feed_.until_);
    place_ = feed_.until_;
  }
  auto next = std::ranges::upper_bound(feed_.kept_, place_, {}, &EventFeed::Kept::place);
  for (; next != feed_.kept_.end() && text.size() < taken_at_once; ++next) {
    text += next->text;
    place_ = next->place;
  }
  return text;
}

void EventListener::when_ready(std::move_only_function<void()> ready) {
  {
    const std::lock_guard lock(feed_.mutex_);
    if (front_.empty() && place_ >= feed_.until_) {
      ready_ = std::move(ready);
      return;
    }
  }
  ready();
}

// --- all of them -

EventFeed::EventFeed(FeedCatalog& catalog, Metrics& metrics, const EventFeedSettings& settings)
    : catalog_(catalog),
      settings_(settings),
      gauge_(metrics.gauge("event_listeners", "Clients that listen to GET /v1/events.")),
      thread_([this](const std::stop_token& stop) { watch(stop); }) {
  pthread_setname_np(thread_.native_handle(), "events");
}

EventFeed::~EventFeed() = default;

Result<std::shared_ptr<EventListener>> EventFeed::listen(std::string_view last_event_id) {
  TRY(const FeedPlace now, enter());
  // Shared by the answer and whoever sends it.
  std::shared_ptr<EventListener> listener(new EventListener(*this, now));
  {
    const std::lock_guard lock(mutex_);
    listeners_.insert(listener.get());
  }
  listener->front_ = greeting;
  if (last_event_id.empty()) {
    listener->front_ += std::format("id: {}\n\n", to_event_id(now));
    return listener;
  }
  listener->front_ += '\n';
  if (const auto seen = parse_event_id(last_event_id))
    TRY_VOID(catch_up(*listener, *seen));
  else
    add_gap(listener->front_, now);
  return listener;
}

/// One more listener. From the place that this gives on, everything is kept.
Result<FeedPlace> EventFeed::enter() {
  {
    const std::lock_guard lock(mutex_);
    if (count_ >= settings_.listeners_max)
      return fail(ErrorCode::overloaded, "Too many clients listen to events.");
    gauge_.set(static_cast<double>(++count_));
    if (keeps_) return until_;
  }
  const auto end = catalog_.feed_end();
  const std::lock_guard lock(mutex_);
  if (!end) {
    gauge_.set(static_cast<double>(--count_));
    return std::unexpected(end.error());
  }
  if (!keeps_) {
    kept_.clear();
    from_ = until_ = *end;
    keeps_ = true;
    wake_.notify_all();
  }
  return until_;
}

void EventFeed::leave(EventListener* listener) {
  const std::lock_guard lock(mutex_);
  listeners_.erase(listener);
  gauge_.set(static_cast<double>(--count_));
}

/// Puts what happened between `seen` and the listener's place in front of it.
Result<void> EventFeed::catch_up(EventListener& listener, const FeedPlace& seen) {
  const FeedPlace now = listener.place_;
  if (seen > now) {
    // Another server may have been quicker. What nobody can have seen is of another catalog.
    TRY(const FeedPlace end, catalog_.feed_end());
    if (seen > end)
      add_gap(listener.front_, now);
    else
      listener.place_ = seen;
    return {};
  }
  TRY(const auto missed, catalog_.events_after(seen, settings_.missed_max + 1));
  const auto known = std::ranges::upper_bound(missed, now, {}, &FeedEvent::place);
  if (static_cast<std::size_t>(known - missed.begin()) > settings_.missed_max) {
    add_gap(listener.front_, now);
    return {};
  }
  std::for_each(missed.begin(), known,
                [&](const FeedEvent& event) { listener.front_ += text_of(event); });
  return {};
}

void EventFeed::add_gap(std::string& text, const FeedPlace& place) const {
  text += std::format("id: {}\nevent: gap\ndata: {{}}\n\n", to_event_id(place));
}

void EventFeed::watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      keeps_ = keeps_ && count_ > 0;
      wake_.wait(lock, stop, [this] { return keeps_; });
    }
    if (stop.stop_requested()) return;
    if (look()) continue;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, settings_.interval, [] { return false; });
  }
}

/// Asks for what is new. True: there may be more.
bool EventFeed::look() {
  FeedPlace until;
  {
    const std::lock_guard lock(mutex_);
    until = until_;
  }
  const auto events = catalog_.events_after(until, asked_at_once);
  if (!events) {
    log::debug("events could not be asked for", {{"error", events.error()}});
    return false;
  }
  for (auto& ready : keep(*events)) ready();
  return events->size() == asked_at_once;
}

/// Whom to tell of them.
std::vector<std::move_only_function<void()>> EventFeed::keep(const std::vector<FeedEvent>& events) {
  std::vector<std::move_only_function<void()>> waiting;
  if (events.empty()) return waiting;
  const std::lock_guard lock(mutex_);
  for (const FeedEvent& event : events) kept_.push_back({event.place, text_of(event)});
  until_ = events.back().place;
  while (kept_.size() > settings_.kept) {
    from_ = kept_.front().place;
    kept_.pop_front();
  }
  for (EventListener* const listener : listeners_)
    if (listener->ready_) waiting.push_back(std::exchange(listener->ready_, nullptr));
  return waiting;
}

}  // namespace calotype
