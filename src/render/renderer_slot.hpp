// SPDX-License-Identifier: Apache-2.0
// A slot is a thread of the server and the renderer process that it keeps alive and feeds: it takes
// a batch from the queue, hands it over, collects the answers, and watches the clock and the
// process's memory meanwhile. A process is replaced before it gets old, by one that is warm
// already.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
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
  explicit PoolShared(const RenderSettings& with)
      : settings(with), queue(with.queue_max, with.queue_bytes_max) {}

  const RenderSettings settings;
  mutable std::mutex mutex;
  std::condition_variable work;     // something was queued, or stopping
  std::condition_variable started;  // a slot's process became ready, or could not
  RenderQueue queue;
  std::vector<RendererSlot*> slots;
  bool stopping = false;
  int running = 0;
  std::uint64_t last_id = 0;
  std::string version;
  std::optional<Error> start_error;        // of the newest start, where it failed
  std::chrono::nanoseconds task_time{0};  // moving average of what one request takes

  /// Under the mutex: ends a task and wakes its caller.
  static void finish(RenderTask& task, std::optional<Error> error);
};

class RendererSlot {
 public:
  explicit RendererSlot(PoolShared& shared);

  /// The thread's body: returns when the pool stops.
  void run();
  /// Something changed for the batch under way: a joiner, or a caller that has left.
  void wake() const;

  /// Under the pool's mutex.
  std::string current_key;  // of the batch under way
  bool ready = false;       // has a process that serves

  pid_t pid() const { return pid_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;

  void keep_process();
  void start_process();
  void note_start(const std::optional<Error>& error);
  void grow_successor();
  std::vector<TaskPtr> next_batch();

  void serve(std::vector<TaskPtr> batch);
  void gather(std::vector<TaskPtr>& batch);
  bool hand_over(const std::vector<TaskPtr>& batch);
  Result<void> send_task(RenderTask& task);
  Result<void> load_source(const RenderTask& task);
  bool drain_answers();
  bool handle(const wire::Message& message);
  bool complete(std::uint64_t id, const wire::Message& message);
  std::vector<TaskPtr> joiners();
  bool join_or_leave();
  bool is_over_limit();
  bool is_forsaken();
  void lose_batch(Error error);
  void lose_process();
  Error error_of_death(Error seen);

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

  std::map<std::uint64_t, TaskPtr>
      under_way_;              // by id, which is the order they were handed over in
  std::uint64_t began_ = 0;    // the one being made; 0: none has begun
  int handed_over_ = 0;        // in this batch
  Clock::time_point since_{};  // of the latest sign of life
};

}  // namespace calotype
