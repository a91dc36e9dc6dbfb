// SPDX-License-Identifier: Apache-2.0
// Threads and a bounded queue for work that blocks. Full means `overloaded` at once: a queue
// without a bound only moves the waiting to where nobody sees it. Work is a plain callable, never a
// coroutine, and completes wherever it says itself.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"

namespace calotype {

class WorkerPool {
 public:
  using Work = std::move_only_function<void(std::stop_token)>;

  /// `queue_max` counts what waits, not what runs. The name is the threads' and the errors'.
  WorkerPool(std::string name, std::size_t threads, std::size_t queue_max);
  /// As stop().
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// overloaded, naming this pool, where the queue is full; cancelled once stop() has begun. Work
  /// that was accepted is always called exactly once, with a stop token that is set by stop().
  Result<void> post(Work work);

  /// Sets the stop token, runs what is queued, joins. Idempotent; not from one of its own threads.
  void stop();

  std::size_t queued() const;
  std::size_t running() const { return running_; }

 private:
  void run();

  const std::string name_;
  const std::size_t queue_max_;
  std::atomic<std::size_t> running_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> queue_;
  std::stop_source stop_;
  std::vector<std::thread> threads_;
};

}  // namespace calotype
