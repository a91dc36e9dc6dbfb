// SPDX-License-Identifier: Apache-2.0
// Coroutines of I/O threads. Each such thread runs one io_context alone, so what its tasks share
// needs no lock. They never block: what blocks goes to a WorkerPool by offload.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <exception>
#include <utility>

#include "base/error.hpp"

namespace calotype {

namespace asio = boost::asio;

using IoExecutor = asio::io_context::executor_type;

template <class T>
using Task = asio::awaitable<T, IoExecutor>;

/// Owns the tasks of one io_context: nothing is detached. The owner's last member, so that it dies
/// first; by then io_context::run must have returned for want of work. Used on that thread only.
class TaskGroup {
 public:
  explicit TaskGroup(IoExecutor executor) : executor_(std::move(executor)) {}
  ~TaskGroup() { require(running_ == 0, "a group's tasks have ended before it"); }
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void spawn(Task<void> task) {
    ++running_;
    asio::co_spawn(executor_, std::move(task), [this](const std::exception_ptr& thrown) {
      --running_;
      require(thrown == nullptr, "a task does not throw");
    });
  }
  std::size_t running() const { return running_; }

 private:
  IoExecutor executor_;
  std::size_t running_ = 0;
};

}  // namespace calotype
