// SPDX-License-Identifier: Apache-2.0
#include "http/health.hpp"

#include "base/log.hpp"

namespace calotype {

Health::Health(Probe probe, std::chrono::milliseconds interval, std::chrono::milliseconds timeout)
    : probe_(std::move(probe)),
      interval_(interval),
      timeout_(timeout),
      thread_([this](const std::stop_token& stop) { watch(stop); }) {}

void Health::watch(const std::stop_token& stop) {
  bool healthy = true;
  while (!stop.stop_requested()) {
    auto verdict = probe_(std::chrono::steady_clock::now() + timeout_);
    if (healthy != verdict.has_value() && !stop.stop_requested()) {
      healthy = verdict.has_value();
      if (healthy)
        log::info("healthy again");
      else
        log::error("the health probe failed", {{"error", verdict.error()}});
    }
    std::unique_lock lock(mutex_);
    last_ = std::move(verdict);
    last_at_ = std::chrono::steady_clock::now();
    wake_.wait_for(lock, stop, interval_, [] { return false; });
  }
}

Result<void> Health::verdict() const {
  const std::lock_guard lock(mutex_);
  if (!last_) return fail(ErrorCode::timeout, "The first check is still under way.");
  if (std::chrono::steady_clock::now() - last_at_ > interval_ + timeout_ * 2)
    return fail(ErrorCode::timeout, "The last check hangs.");
  return *last_;
}

}  // namespace calotype
