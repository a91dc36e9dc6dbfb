// SPDX-License-Identifier: Apache-2.0
// One piece of work for all who want the same result at the same moment. Waiters are callbacks, so
// that a thousand of them hold no thread. The work is cancelled when its last waiter has gone, not
// when its first has.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

namespace calotype {

template <class Key, class Value>
class SingleFlight {
 public:
  using Waiter = std::move_only_function<void(const Value&)>;

  struct Ticket {
    Key key;
    std::uint64_t flight = 0;
    std::uint64_t waiter = 0;
    /// Set for the first waiter only: it has to start the work, watch the token, and land it.
    std::optional<std::stop_token> lead;
  };

  /// The waiter is called exactly once, by land, on the thread that lands; or never, after leave.
  Ticket join(const Key& key, Waiter waiter) {
    const std::lock_guard lock(mutex_);
    auto [place, fresh] = flights_.try_emplace(key);
    // A flight that was cancelled but has not landed yet must not take passengers. (Its token is
    // set a moment later, outside the lock.)
    if (!fresh && place->second.abandoned) {
      place->second = Flight{};
      fresh = true;
    }
    Flight& flight = place->second;
    if (fresh) flight.id = ++last_id_;
    flight.waiters.emplace_back(++last_id_, std::move(waiter));
    Ticket ticket{key, flight.id, last_id_, std::nullopt};
    if (fresh) ticket.lead = flight.stop.get_token();
    return ticket;
  }

  /// Ends the flight that the ticket's leader started; every waiter still there gets the value.
  void land(const Ticket& lead, const Value& value) {
    std::vector<std::pair<std::uint64_t, Waiter>> waiters;
    {
      const std::lock_guard lock(mutex_);
      const auto place = flights_.find(lead.key);
      if (place == flights_.end() || place->second.id != lead.flight) return;
      waiters = std::move(place->second.waiters);
      flights_.erase(place);
    }
    for (auto& [id, waiter] : waiters) waiter(value);
  }

  /// False where the waiter has been or is being called.
  bool leave(const Ticket& ticket) {
    std::optional<std::stop_source> abandoned;
    {
      const std::lock_guard lock(mutex_);
      const auto place = flights_.find(ticket.key);
      if (place == flights_.end() || place->second.id != ticket.flight) return false;
      auto& waiters = place->second.waiters;
      if (std::erase_if(waiters, [&](const auto& entry) { return entry.first == ticket.waiter; }) ==
          0)
        return false;
      if (waiters.empty()) {
        place->second.abandoned = true;
        abandoned = place->second.stop;
      }
    }
    if (abandoned) abandoned->request_stop();
    return true;
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return flights_.size();
  }

 private:
  struct Flight {
    std::uint64_t id = 0;
    std::stop_source stop{};
    bool abandoned = false;  // its last waiter has left
    std::vector<std::pair<std::uint64_t, Waiter>> waiters{};
  };

  mutable std::mutex mutex_;
  std::map<Key, Flight> flights_;
  std::uint64_t last_id_ = 0;
};

}  // namespace calotype
