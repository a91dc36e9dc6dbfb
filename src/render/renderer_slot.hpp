// SPDX-License-Identifier: Apache-2.0
// A slot is a thread of the server and the renderer process that it keeps alive and feeds. It takes
// a source and stays with it: the largest picture first, then, as long as there are requests for
// that source, the next, so that those that arrive meanwhile still share the decode. It watches the
// clock and the process's memory, and replaces a process before it gets old by one that is warm
// already.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "render/render_queue.hpp"
#include "render/renderer_process.hpp"

namespace calotype {

class RendererSlot;

/// What the pool's callers and its slots share. Everything but `settings` under the mutex.
struct PoolShared {
  PoolShared(const RenderSettings& with, std::optional<FaceModel> model)
      : settings(with), face_model(std::move(model)), queue(with.queue_max, with.queue_bytes_max) {}

  const RenderSettings settings;
  const std::optional<FaceModel> face_model;
  mutable std::mutex mutex;
  std::condition_variable work;     // something was queued, or stopping
  std::condition_variable started;  // a slot's process became ready, or could not
  std::condition_variable halted;   // stopping
  RenderQueue queue;
  std::vector<RendererSlot*> slots;
  bool stopping = false;
  int running = 0;
  std::uint64_t last_id = 0;
  std::string version;
  std::optional<Error> start_error;       // of the newest start, where it failed
  std::chrono::nanoseconds task_time{0};  // moving average of what one request takes

  /// Under the mutex: ends a task and wakes its caller.
  static void finish(RenderTask& task, std::optional<Error> error);
};

class RendererSlot {
 public:
  explicit RendererSlot(PoolShared& shared);

  /// The thread's body: returns when the pool stops.
  void run();
  /// A caller has left, or the pool stops.
  void wake() const;

  /// Under the pool's mutex.
  std::string current_key;  // of the source in hand, while it is served
  bool ready = false;       // has a process that serves

  pid_t pid() const { return pid_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;

  void keep_process();
  void start_process();
  void note_start(const std::optional<Error>& error);
  void grow_successor();

  TaskPtr next_task();
  TaskPtr next_of_source();
  TaskPtr wait_for_task(std::unique_lock<std::mutex>& lock);
  TaskPtr claim(std::unique_lock<std::mutex>& lock, const TaskPtr& found);
  bool is_busy_elsewhere(const RenderTask& task) const;
  void rest();

  void serve(const TaskPtr& task);
  Result<void> hand_over();
  Result<void> send_source();
  bool is_answered();
  bool take_answer(const wire::Message& message);
  void finish_task(std::optional<Error> error);

  bool is_over_limit();
  bool is_forsaken();
  bool gives_way();
  Error error_of_death(Error seen);
  void lose_process();
  void lose_task(Error error);

  PoolShared& shared_;
  UniqueFd event_;
  std::atomic<pid_t> pid_{-1};
  std::optional<RendererProcess> process_;
  std::optional<RendererProcess> successor_;
  Clock::time_point successor_since_;
  std::string loaded_key_;  // what the process has in hand; empty: nothing that can be reused
  bool source_loaded_ = false;
  int starts_failed_ = 0;
  Clock::time_point start_not_before_{};

  TaskPtr task_;               // the one under way
  int served_in_row_ = 0;      // of the source in hand
  int polls_in_the_way_ = 0;   // in a row, that found somebody waiting behind upkeep
  Clock::time_point since_{};  // of the task's start
};

}  // namespace calotype
