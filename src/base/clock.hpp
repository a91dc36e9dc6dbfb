// SPDX-License-Identifier: Apache-2.0
// Wall-clock time as stored and shown: milliseconds since the epoch, UTC. Injected, so that tests
// own it. Durations of waits use std::chrono::steady_clock directly.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace calotype {

using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Timestamp now() const override {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
};

/// Stands still until told to move; safe from several threads.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = Timestamp{std::chrono::seconds{1'700'000'000}})
      : now_ms_(start.time_since_epoch().count()) {}
  Timestamp now() const override { return Timestamp{std::chrono::milliseconds{now_ms_.load()}}; }
  void advance(std::chrono::milliseconds by) { now_ms_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_ms_;
};

/// "2026-11-24T00:10:00.123Z" (RFC 3339).
std::string to_rfc3339(Timestamp time);
/// "Tue, 24 Nov 2026 00:10:00 GMT" (RFC 9110 IMF-fixdate; seconds).
std::string to_http_date(Timestamp time);
/// IMF-fixdate only; nothing for anything else (RFC 9110 lets a recipient ignore it).
std::optional<Timestamp> parse_http_date(std::string_view text);

}  // namespace calotype
