// SPDX-License-Identifier: Apache-2.0
// One connection to a Redis (or Valkey), on a thread of its own, for callers on any other. Every
// command goes down the same pipe, so that a hundred callers cost one connection.
//
// A caller never waits longer than it said; and after a few waits in vain nobody waits at all (the
// circuit is open) until a ping, which this sends by itself, has been answered in time. So a Redis
// that is slow, frozen or gone costs a few short waits, not one for each request, and it is used
// again within moments of its return.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "cache/redis_url.hpp"

namespace calotype {

/// One reply: text (strings, statuses, numbers as text), or null, or a list.
struct RedisValue {
  bool is_null = false;
  std::string text;
  std::vector<RedisValue> items;  // of lists and sets; of maps, key and value in turn
};

class RedisClient {
 public:
  using Command = std::vector<std::string>;

  /// `answers_within`: the ping that closes the circuit has to. `on_change` is called on the
  /// client's thread when it becomes usable (true), when it no longer is, and once when it is not
  /// from the start.
  RedisClient(const RedisUrl& url, std::chrono::milliseconds answers_within,
              std::function<void(bool)> on_change);
  ~RedisClient();

  bool usable() const;

  /// The replies, one a command. server_unreachable at once where the circuit is open, or where
  /// Redis refuses a command; timeout where they did not come in time (the commands may still be
  /// carried out).
  Result<std::vector<RedisValue>> ask(std::vector<Command> commands,
                                      std::chrono::milliseconds within);
  /// Sends without waiting; false where the circuit is open or too much is under way.
  bool tell(std::vector<Command> commands);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace calotype
