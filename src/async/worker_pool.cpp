// SPDX-License-Identifier: Apache-2.0
#include "async/worker_pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <format>

namespace calotype {

WorkerPool::WorkerPool(std::string name, std::size_t threads, std::size_t queue_max)
    : name_(std::move(name)), queue_max_(queue_max) {
  require(threads > 0, "a pool has threads");
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), name_.substr(0, 15).c_str());
  }
}

WorkerPool::~WorkerPool() {
  stop();
}

Result<void> WorkerPool::post(Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_.stop_requested()) return fail(ErrorCode::cancelled, "The server is stopping.", name_);
    // A thread that is free takes the work at once, so it does not count as waiting.
    const std::size_t free = threads_.size() - std::min(threads_.size(), running_.load());
    if (queue_.size() >= queue_max_ + free)
      return fail(ErrorCode::overloaded, std::format("The {} pool is full.", name_),
                  std::format("{} running, {} waiting", running_.load(), queue_.size()));
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
  return {};
}

void WorkerPool::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return !queue_.empty() || stop_.stop_requested(); });
    if (queue_.empty()) return;
    Work work = std::move(queue_.front());
    queue_.pop_front();
    ++running_;
    lock.unlock();
    work(stop_.get_token());
    work = nullptr;
    lock.lock();
    --running_;
  }
}

void WorkerPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_.request_stop();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

std::size_t WorkerPool::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

}  // namespace calotype
