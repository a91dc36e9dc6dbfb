// SPDX-License-Identifier: Apache-2.0
// Whether the server does what it is for. A thread of its own renders a pixel every few seconds;
// what /healthz tells is the last verdict and its age, so that it is never green while renders hang
// and never hangs itself.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/error.hpp"

namespace calotype {

class Health {
 public:
  using Probe = std::function<Result<void>(std::chrono::steady_clock::time_point deadline)>;

  Health(Probe probe, std::chrono::milliseconds interval, std::chrono::milliseconds timeout);

  /// The last verdict; timeout where it is too old to count. The first probe may still be under
  /// way: that is an error too. Never blocks for long.
  Result<void> verdict() const;

 private:
  void watch(const std::stop_token& stop);

  const Probe probe_;
  const std::chrono::milliseconds interval_;
  const std::chrono::milliseconds timeout_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::optional<Result<void>> last_;
  std::chrono::steady_clock::time_point last_at_;
  std::jthread thread_;
};

}  // namespace calotype
