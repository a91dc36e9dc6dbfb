// SPDX-License-Identifier: Apache-2.0
// A batch's life: next_batch → gather → hand_over → answers and joiners, until join_or_leave finds
// nothing more to do. Whatever goes wrong on the way ends in lose_batch, which kills the process,
// so no answer to an old question can be taken for one to a new.
#include "render/renderer_slot.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <format>

#include "base/log.hpp"
#include "render/answers.hpp"
#include "render/wire.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;

constexpr auto memory_poll = 10ms;
constexpr auto start_timeout = 60s;  // warming up takes a second; under a sanitizer many
constexpr auto idle_release = 300ms;
constexpr std::size_t batch_outputs_max = 32;
// A large original is decoded for tens of milliseconds: waiting a little for the other widths that
// a page asks for at the same moment is cheaper than decoding at a size too small for them.
constexpr auto gather_window = 2ms;
constexpr std::uint64_t gather_source_bytes_min = 256 << 10;

}  // namespace

void PoolShared::finish(RenderTask& task, std::optional<Error> error) {
  task.stage = RenderTask::Stage::done;
  task.error = std::move(error);
  task.output.reset();
  task.finished.notify_all();
}

RendererSlot::RendererSlot(PoolShared& shared)
    : shared_(shared), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  require(static_cast<bool>(event_), "an eventfd can be had");
}

void RendererSlot::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
}

void RendererSlot::run() {
  for (;;) {
    keep_process();
    auto batch = next_batch();
    if (batch.empty()) {
      const std::lock_guard lock(shared_.mutex);
      if (shared_.stopping) break;
      continue;
    }
    serve(std::move(batch));
  }
  successor_.reset();
  lose_process();
}

// ---- the process ----

void RendererSlot::note_start(const std::optional<Error>& error) {
  const std::lock_guard lock(shared_.mutex);
  shared_.start_error = error;
  ready = !error.has_value();
  shared_.started.notify_all();
}

void RendererSlot::start_process() {
  auto process = RendererProcess::spawn(shared_.settings);
  std::optional<Error> error;
  if (process) {
    const auto give_up = Clock::now() + start_timeout;
    auto version = process->wait_ready(100ms);
    const auto stopping = [&] {
      const std::lock_guard lock(shared_.mutex);
      return shared_.stopping;
    };
    while (version && !*version && Clock::now() < give_up && !stopping())
      version = process->wait_ready(100ms);
    if (!version) {
      error = version.error();
    } else if (!*version) {
      error = fail(ErrorCode::renderer_failed, "The renderer does not become ready.").error();
    } else {
      process_ = std::move(*process);
      pid_ = process_->pid();
      const std::lock_guard lock(shared_.mutex);
      if (shared_.version.empty()) shared_.version = **version;
    }
  } else {
    error = process.error();
  }
  starts_failed_ = error ? starts_failed_ + 1 : 0;
  if (error) {
    start_not_before_ = Clock::now() + std::min<Clock::duration>(
                                           100ms * (1 << std::min(starts_failed_ - 1, 10)), 10s);
    log::error("renderer_start_failed", {{"error", *error}, {"failures", starts_failed_}});
  }
  note_start(error);
}

void RendererSlot::keep_process() {
  while (!process_) {
    {
      std::unique_lock lock(shared_.mutex);
      shared_.work.wait_until(lock, start_not_before_, [&] { return shared_.stopping; });
      if (shared_.stopping) return;
    }
    if (Clock::now() >= start_not_before_) start_process();
  }
  grow_successor();
}

/// Replaces a process that has done its part by one that was warmed up beside it.
void RendererSlot::grow_successor() {
  if (!successor_) {
    const bool old = process_->renders >= shared_.settings.renders_per_process ||
                     process_->growth() > shared_.settings.process_growth_max;
    if (!old || Clock::now() < start_not_before_) return;
    auto next = RendererProcess::spawn(shared_.settings);
    if (!next) {
      start_not_before_ = Clock::now() + 1s;
      return;
    }
    successor_ = std::move(*next);
    successor_since_ = Clock::now();
  }
  auto version = successor_->wait_ready(0ms);
  if (version && !*version && Clock::now() - successor_since_ < start_timeout) return;
  if (version && *version) {
    process_ = std::move(successor_);
    pid_ = process_->pid();
    source_loaded_ = false;
    log::debug("renderer_replaced", {{"pid", process_->pid()}});
  } else {
    start_not_before_ = Clock::now() + 1s;
  }
  successor_.reset();
}

void RendererSlot::lose_process() {
  process_.reset();
  pid_ = -1;
  source_loaded_ = false;
  const std::lock_guard lock(shared_.mutex);
  ready = false;
}

// ---- a batch ----

std::vector<TaskPtr> RendererSlot::next_batch() {
  const auto is_busy = [&](const std::string& key) {
    return std::ranges::any_of(shared_.slots, [&](const RendererSlot* slot) {
      return slot != this && slot->current_key == key;
    });
  };
  std::vector<TaskPtr> batch;
  std::unique_lock lock(shared_.mutex);
  const auto found = [&] {
    if (shared_.stopping) return true;
    batch = shared_.queue.take(batch_outputs_max, is_busy);
    return !batch.empty();
  };
  const auto patience = successor_ ? Clock::duration(20ms) : Clock::duration(idle_release);
  if (!shared_.work.wait_for(lock, patience, found) && source_loaded_) {
    lock.unlock();
    source_loaded_ = false;
    if (!wire::send(process_->socket(), wire::Kind::release, wire::Nothing{})) lose_process();
    return {};
  }
  if (shared_.stopping) {
    for (const auto& task : batch) shared_.queue.put_back(task);
    return {};
  }
  if (batch.empty()) {  // idle: has it died meanwhile?
    lock.unlock();
    pollfd gone{process_->socket(), POLLIN, 0};
    if (::poll(&gone, 1, 0) > 0) lose_process();
    return {};
  }
  if (!batch.front()->inspects && !batch.front()->alone)
    current_key = batch.front()->request.batch_key;
  for (const auto& task : batch) task->stage = RenderTask::Stage::running;
  shared_.running += static_cast<int>(batch.size());
  return batch;
}

std::vector<TaskPtr> RendererSlot::joiners() {
  const std::lock_guard lock(shared_.mutex);
  if (current_key.empty() || handed_over_ >= static_cast<int>(batch_outputs_max)) return {};
  auto joining = shared_.queue.take_joining(
      current_key, batch_outputs_max - static_cast<std::size_t>(handed_over_));
  for (const auto& task : joining) task->stage = RenderTask::Stage::running;
  shared_.running += static_cast<int>(joining.size());
  return joining;
}

void RendererSlot::gather(std::vector<TaskPtr>& batch) {
  const RenderRequest& request = batch.front()->request;
  if (current_key.empty() || request.source.bytes < gather_source_bytes_min ||
      request.render_class != RenderClass::waiting)
    return;
  std::this_thread::sleep_for(gather_window);
  std::ranges::move(joiners(), std::back_inserter(batch));
  std::ranges::stable_sort(batch, std::greater{},
                           [](const TaskPtr& task) { return task->pixels(); });
}

Result<void> RendererSlot::load_source(const RenderTask& task) {
  const SourceBytes& source = task.request.source;
  if (source_loaded_ && !task.inspects && !task.request.batch_key.empty() &&
      loaded_key_ == task.request.batch_key)
    return {};
  loaded_key_ = task.inspects ? std::string() : task.request.batch_key;
  source_loaded_ = true;
  return wire::send(process_->socket(), wire::Kind::source, wire::Source{source.bytes}, {},
                    source.file->get());
}

Result<void> RendererSlot::send_task(RenderTask& task) {
  if (!task.output) {
    TRY(task.output, make_output());
  }
  ++process_->renders;
  ++handed_over_;
  if (task.inspects)
    return wire::send(process_->socket(), wire::Kind::inspect, wire::Inspect{task.id}, {},
                      task.output.get());
  return wire::send(process_->socket(), wire::Kind::output,
                    wire::to_wire(task.id, task.request.plan), {}, task.output.get());
}

/// False where the batch was lost on the way.
bool RendererSlot::hand_over(const std::vector<TaskPtr>& batch) {
  for (const auto& task : batch) under_way_.emplace(task->id, task);
  auto sent = load_source(*batch.front());
  for (auto task = batch.begin(); sent && task != batch.end(); ++task) sent = send_task(**task);
  if (sent) return true;
  lose_batch(error_of_death(sent.error()));
  return false;
}

void RendererSlot::serve(std::vector<TaskPtr> batch) {
  const auto began = Clock::now();
  handed_over_ = static_cast<int>(batch.size());
  gather(batch);
  handed_over_ = 0;
  began_ = 0;
  since_ = Clock::now();
  if (!hand_over(batch)) return;
  while (!under_way_.empty() || join_or_leave()) {
    pollfd waits[] = {{process_->socket(), POLLIN, 0}, {event_.get(), POLLIN, 0}};
    ::poll(waits, std::size(waits), static_cast<int>(memory_poll.count()));
    if ((waits[1].revents & POLLIN) != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t length = ::read(event_.get(), &count, sizeof count);
    }
    if (!drain_answers() || is_over_limit() || is_forsaken()) return;
    if (const auto joining = joiners(); !joining.empty() && !hand_over(joining)) return;
  }
  const std::lock_guard lock(shared_.mutex);
  const auto each = (Clock::now() - began) / std::max(handed_over_, 1);
  shared_.task_time += (each - shared_.task_time) / 8;
}

/// With nothing under way: true where joiners came at the last moment, otherwise the key is free.
bool RendererSlot::join_or_leave() {
  auto joining = joiners();
  if (!joining.empty()) return hand_over(joining);
  const std::lock_guard lock(shared_.mutex);
  current_key.clear();
  shared_.work.notify_all();  // what was left for us, another may take now
  return false;
}

/// False where the batch was lost.
bool RendererSlot::drain_answers() {
  for (;;) {
    auto message = wire::receive(process_->socket(), false, false);
    if (!message) {
      lose_batch(error_of_death(message.error()));
      return false;
    }
    if (!*message) return true;
    if (!handle(**message)) return false;
  }
}

bool RendererSlot::handle(const wire::Message& message) {
  std::uint64_t id = 0;
  if (const auto began = message.body_as<wire::Began>();
      began && message.kind() == wire::Kind::began) {
    if (under_way_.contains(began->id)) {
      began_ = began->id;
      since_ = Clock::now();
      return true;
    }
  } else if (const auto made = message.body_as<wire::Made>();
             made && message.kind() == wire::Kind::made) {
    id = made->id;
  } else if (const auto inspected = message.body_as<wire::Inspected>();
             inspected && message.kind() == wire::Kind::inspected) {
    id = inspected->id;
  } else if (const auto failed = message.body_as<wire::Failed>();
             failed && message.kind() == wire::Kind::failed) {
    id = failed->id;
  }
  if (under_way_.contains(id)) return complete(id, message);
  lose_batch(fail(ErrorCode::renderer_failed, "The renderer sent nonsense.").error());
  return false;
}

/// Takes the answer to one task. False where it was a lie, and the batch is lost.
bool RendererSlot::complete(std::uint64_t id, const wire::Message& message) {
  const TaskPtr task = under_way_.at(id);
  std::optional<Error> lie;
  std::optional<Error> error;
  if (message.kind() == wire::Kind::failed) {
    error = error_of(*message.body_as<wire::Failed>(), message.text());
  } else if (task->inspects != (message.kind() == wire::Kind::inspected)) {
    lie = fail(ErrorCode::renderer_failed, "The renderer sent nonsense.").error();
  } else if (task->inspects) {
    auto inspection = read_inspection(task->output, *message.body_as<wire::Inspected>());
    if (inspection)
      task->inspection = std::move(*inspection);
    else
      lie = inspection.error();
  } else {
    auto bytes = read_output(task->output, message.body_as<wire::Made>()->bytes,
                             shared_.settings.output_bytes_max);
    if (bytes)
      task->picture = std::move(*bytes);
    else
      lie = bytes.error();
  }
  if (lie) {
    began_ = id;
    lose_batch(std::move(*lie));
    return false;
  }
  under_way_.erase(id);
  if (began_ == id) began_ = 0;
  since_ = Clock::now();
  const std::lock_guard lock(shared_.mutex);
  --shared_.running;
  PoolShared::finish(*task, std::move(error));
  return true;
}

// ---- what goes wrong ----

bool RendererSlot::is_over_limit() {
  if (under_way_.empty()) return false;
  const RenderSettings& settings = shared_.settings;
  const bool inspects = under_way_.begin()->second->inspects;
  const auto limit = inspects ? settings.inspect_timeout : settings.render_timeout;
  if (Clock::now() - since_ > limit) {
    lose_batch(fail(ErrorCode::limit_exceeded,
                    std::format("render.{} is exceeded: more than {} ms.",
                                inspects ? "inspect_timeout" : "render_timeout", limit.count()))
                   .error());
    return true;
  }
  if (process_->resident_bytes() > settings.process_memory_max) {
    lose_batch(fail(ErrorCode::limit_exceeded,
                    std::format("render.process_memory_max is exceeded: more than {} bytes.",
                                settings.process_memory_max))
                   .error());
    return true;
  }
  return false;
}

/// Nobody waits for anything in the batch: the process is better used elsewhere.
bool RendererSlot::is_forsaken() {
  if (under_way_.empty()) return false;
  {
    const std::lock_guard lock(shared_.mutex);
    const bool all_left =
        std::ranges::all_of(under_way_, [](const auto& entry) { return entry.second->abandoned; });
    if (!shared_.stopping && !all_left) return false;
  }
  lose_batch(fail(ErrorCode::cancelled, "Nobody waits for this picture any more.").error());
  return true;
}

/// Why it died, or what was seen of it where it lived until now.
Error RendererSlot::error_of_death(Error seen) {
  const auto death = process_->end();
  if (death.exited && death.code_or_signal == wire::exit_out_of_memory)
    return fail(ErrorCode::limit_exceeded,
                "render.process_memory_max is exceeded: no more memory could be had.")
        .error();
  if (!death.exited && death.code_or_signal == SIGKILL) return seen;
  return fail(ErrorCode::renderer_failed, "The renderer ended while it made this picture.",
              std::format("{} {}", death.exited ? "exit" : "signal", death.code_or_signal))
      .error();
}

void RendererSlot::lose_batch(Error error) {
  const pid_t pid = pid_;
  lose_process();
  // Who was being made when it happened; before any had begun, the one that came first.
  const std::uint64_t blamed = under_way_.contains(began_) ? began_
                               : under_way_.empty()        ? 0
                                                           : under_way_.begin()->first;
  log::warn("renderer_lost", {{"pid", pid}, {"error", error}, {"outputs", under_way_.size()}});
  {
    const std::lock_guard lock(shared_.mutex);
    current_key.clear();
    shared_.running -= static_cast<int>(under_way_.size());
    for (auto& [id, task] : under_way_) {
      if (id == blamed || task->alone || task->abandoned || shared_.stopping) {
        const bool stopped = shared_.stopping && id != blamed;
        PoolShared::finish(
            *task, stopped ? fail(ErrorCode::cancelled, "The server stops.").error() : error);
        continue;
      }
      task->alone = true;
      task->output.reset();
      shared_.queue.put_back(task);
    }
    shared_.work.notify_all();
  }
  under_way_.clear();
}

}  // namespace calotype
