// SPDX-License-Identifier: Apache-2.0
// The one way from an I/O thread to a pool and back. The work is a plain callable that gives a
// Result; it runs on the pool, and whoever awaits it goes on, on its own thread, when it is done.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <optional>

#include "async/task.hpp"
#include "async/worker_pool.hpp"

namespace calotype {

/// Something that lands once, on the I/O thread, and one task that waits for it there.
template <class T>
class Landing {
 public:
  bool landed() const { return value_.has_value(); }
  void land(T value) {
    if (value_) return;
    value_.emplace(std::move(value));
    if (waiter_) std::exchange(waiter_, nullptr)();
  }
  Task<T> get() {
    if (!value_)
      co_await asio::async_initiate<const asio::deferred_t, void()>(
          [this](auto handler) { waiter_ = std::move(handler); }, asio::deferred);
    co_return *std::move(value_);
  }

 private:
  std::optional<T> value_;
  asio::any_completion_handler<void()> waiter_;
};

/// Work that has been handed to a pool. It must be awaited before what it uses goes away.
template <class R>
class Offloaded {
 public:
  template <class Work>
  Offloaded(const IoExecutor& executor, WorkerPool& pool, Work work)
      : landing_(std::make_shared<Landing<R>>()) {
    auto posted = pool.post([landing = landing_, guard = asio::make_work_guard(executor),
                             work = std::move(work)](std::stop_token) mutable {
      asio::post(guard.get_executor(), [landing = std::move(landing), result = work()]() mutable {
        landing->land(std::move(result));
      });
    });
    if (!posted) landing_->land(std::unexpected(std::move(posted).error()));
  }

  Task<R> get() { return landing_->get(); }

 private:
  // Shared by the task that waits and the pool's thread that carries it back.
  std::shared_ptr<Landing<R>> landing_;
};

template <class Work>
Task<std::invoke_result_t<Work&>> offload(IoExecutor executor, WorkerPool& pool, Work work) {
  Offloaded<std::invoke_result_t<Work&>> offloaded(executor, pool, std::move(work));
  co_return co_await offloaded.get();
}

}  // namespace calotype
