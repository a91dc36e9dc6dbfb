// SPDX-License-Identifier: Apache-2.0
// A task's life: next_task, hand_over, an answer; or lose_task, which kills the process, so that no
// answer to an old question can be taken for one to a new. One task is with the process at a time;
// the others of its source wait in the queue, where they can still be cancelled, and lose nothing
// when the process is lost.
#include "render/renderer_slot.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <format>
#include <thread>

#include "base/log.hpp"
#include "render/answers.hpp"
#include "render/wire.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;

constexpr auto memory_poll = 10ms;
constexpr auto start_timeout = 60s;  // warming up takes a second; under a sanitizer many
constexpr auto idle_release = 300ms;
// A renderer that is killed has to be warmed up again: what is soon done may as well end.
constexpr auto upkeep_patience = 1s;
constexpr int polls_in_the_way_max = 3;  // another slot takes what it can within less
constexpr int polls_of_probe_max = 200;  // two seconds: a health probe may wait a little
constexpr auto death_max = 2s;           // from closing its descriptors to being dead
constexpr int in_row_max = 32;           // of one source, then the others have their turn
// A large original is decoded for tens of milliseconds: waiting a little for the other widths that
// a page asks for at the same moment is cheaper than decoding at a size too small for them.
constexpr auto gather_window = 2ms;
constexpr std::uint64_t gather_source_bytes_min = 256 << 10;
// One that has had nothing to do for so long helps another with its source, where the picture is
// large enough to be worth a second decode.
constexpr auto help_after = 3ms;
constexpr std::uint64_t help_pixels_min = 250'000;

/// What a process dies of by what it does itself. Anything else, SIGKILL above all, comes from the
/// kernel short of memory, the operator, or whatever ends the whole service: the picture is good.
bool is_own_fault(int signal) {
  constexpr std::array own{SIGSEGV, SIGBUS,  SIGILL,  SIGFPE, SIGABRT,
                           SIGSYS,  SIGTRAP, SIGXCPU, SIGXFSZ};
  return std::ranges::contains(own, signal);
}

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
    if (const TaskPtr task = process_ ? next_task() : nullptr) {
      serve(task);
      continue;
    }
    const std::lock_guard lock(shared_.mutex);
    if (shared_.stopping) break;
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
  auto process = RendererProcess::spawn(shared_.settings, shared_.face_model);
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
      shared_.halted.wait_until(lock, start_not_before_, [&] { return shared_.stopping; });
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
    auto next = RendererProcess::spawn(shared_.settings, shared_.face_model);
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

// ---- which task ----

bool RendererSlot::is_busy_elsewhere(const RenderTask& task) const {
  return task.can_share() && std::ranges::any_of(shared_.slots, [&](const RendererSlot* slot) {
           return slot != this && slot->current_key == task.request.batch_key;
         });
}

/// Waits a while for work: nothing where there was none, or the pool stops.
TaskPtr RendererSlot::wait_for_task(std::unique_lock<std::mutex>& lock) {
  const auto free_task = [&](const RenderTask& task) { return !is_busy_elsewhere(task); };
  const auto worth_help = [](const RenderTask& task) {
    return task.request.render_class == RenderClass::waiting && task.pixels() >= help_pixels_min;
  };
  const auto patience = successor_ ? Clock::duration(20ms) : Clock::duration(idle_release);
  const auto idle_since = Clock::now();
  while (!shared_.stopping) {
    if (auto task = shared_.queue.find(free_task)) return task;
    const auto now = Clock::now();
    const TaskPtr help = shared_.queue.find(worth_help);
    if (help && now >= idle_since + help_after) return help;
    if (now >= idle_since + patience) return nullptr;
    shared_.work.wait_until(lock, idle_since + (help ? help_after : patience));
  }
  return nullptr;
}

/// Takes what was found out of the queue, and where it shares its source, the largest that does.
TaskPtr RendererSlot::claim(std::unique_lock<std::mutex>& lock, const TaskPtr& found) {
  if (!found->can_share()) {
    shared_.queue.remove(found);
    return found;
  }
  const RenderRequest& request = found->request;
  const std::string key = request.batch_key;
  const bool gathers = request.source.bytes >= gather_source_bytes_min &&
                       request.render_class == RenderClass::waiting && !is_busy_elsewhere(*found) &&
                       !(source_loaded_ && loaded_key_ == key);
  current_key = key;
  if (gathers) {
    lock.unlock();
    std::this_thread::sleep_for(gather_window);
    lock.lock();
  }
  TaskPtr task = shared_.queue.take_largest(key);
  if (!task) current_key.clear();  // all have left meanwhile
  return task;
}

/// Stays with the source in hand, unless somebody more urgent waits or it has had its share.
TaskPtr RendererSlot::next_of_source() {
  if (current_key.empty()) return nullptr;
  const auto is_same = [&](const RenderTask& other) {
    return other.can_share() && other.request.batch_key == current_key;
  };
  const auto same = shared_.queue.find(is_same);
  const auto other = shared_.queue.find(
      [&](const RenderTask& task) { return !is_same(task) && !is_busy_elsewhere(task); });
  const bool urgent = same && other && other->rank() < same->rank();
  if (same && !urgent && ++served_in_row_ < in_row_max)
    return shared_.queue.take_largest(current_key);
  current_key.clear();
  shared_.work.notify_all();  // what was left for us, another may take now
  return nullptr;
}

TaskPtr RendererSlot::next_task() {
  std::unique_lock lock(shared_.mutex);
  TaskPtr task = next_of_source();
  if (!task) {
    served_in_row_ = 0;
    const TaskPtr found = wait_for_task(lock);
    if (shared_.stopping) return nullptr;
    if (!found) {
      lock.unlock();
      rest();
      return nullptr;
    }
    task = claim(lock, found);
  }
  if (!task) return nullptr;
  task->stage = RenderTask::Stage::running;
  ++shared_.running;
  return task;
}

/// Nothing to do: what was decoded is let go, and a process that has died is noticed.
void RendererSlot::rest() {
  if (source_loaded_) {
    source_loaded_ = false;
    if (!wire::send(process_->socket(), wire::Kind::release, wire::Nothing{})) lose_process();
    return;
  }
  pollfd said{process_->socket(), POLLIN, 0};  // nothing was asked
  if (::poll(&said, 1, 0) > 0) lose_process();
}

// ---- a task under way ----

Result<void> RendererSlot::send_source() {
  const RenderRequest& request = task_->request;
  if (source_loaded_ && task_->can_share() && loaded_key_ == request.batch_key) return {};
  loaded_key_ = task_->can_share() ? request.batch_key : std::string();
  source_loaded_ = true;
  return wire::send(process_->socket(), wire::Kind::source, wire::Source{request.source.bytes}, {},
                    request.source.file->get());
}

Result<void> RendererSlot::hand_over() {
  TRY(task_->output, make_output());
  TRY_VOID(send_source());
  ++process_->renders;
  if (task_->inspects)
    return wire::send(process_->socket(), wire::Kind::inspect, wire::Inspect{task_->id}, {},
                      task_->output.get());
  if (const auto& overlay = task_->request.overlay)
    TRY_VOID(wire::send(process_->socket(), wire::Kind::overlay, wire::Source{overlay->bytes}, {},
                        overlay->file->get()));
  return wire::send(process_->socket(), wire::Kind::output,
                    wire::to_wire(task_->id, task_->request.plan), {}, task_->output.get());
}

void RendererSlot::serve(const TaskPtr& task) {
  task_ = task;
  // One that died with nothing to do costs nobody a picture.
  if (process_->has_hung_up()) {
    lose_process();
    keep_process();
    if (!process_) return finish_task(fail(ErrorCode::cancelled, "The server stops.").error());
  }
  since_ = Clock::now();
  if (auto sent = hand_over(); !sent) {
    lose_task(error_of_death(sent.error()));
    return;
  }
  polls_in_the_way_ = 0;
  while (!is_answered() && !is_over_limit() && !is_forsaken() && !gives_way()) {
    pollfd waits[] = {{process_->socket(), POLLIN, 0}, {event_.get(), POLLIN, 0}};
    ::poll(waits, std::size(waits), static_cast<int>(memory_poll.count()));
    if ((waits[1].revents & POLLIN) != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t length = ::read(event_.get(), &count, sizeof count);
    }
  }
}

void RendererSlot::finish_task(std::optional<Error> error) {
  const std::lock_guard lock(shared_.mutex);
  --shared_.running;
  // What takes its time on purpose says nothing of how long those who wait will.
  const bool is_upkeep = task_->request.render_class == RenderClass::upkeep;
  if (!error && !is_upkeep) shared_.task_time += (Clock::now() - since_ - shared_.task_time) / 8;
  PoolShared::finish(*task_, std::move(error));
  task_.reset();
}

/// True where the task has its answer, be it a bad one.
bool RendererSlot::is_answered() {
  auto message = wire::receive(process_->socket(), false, false);
  if (!message) {
    lose_task(error_of_death(message.error()));
    return true;
  }
  if (!*message) return false;
  if (!take_answer(**message))
    lose_task(fail(ErrorCode::renderer_failed, "The renderer sent nonsense.").error());
  return true;
}

/// False where it is not one to the task, or cannot be true.
bool RendererSlot::take_answer(const wire::Message& message) {
  if (const auto failed = message.body_as<wire::Failed>();
      failed && message.kind() == wire::Kind::failed && failed->id == task_->id) {
    finish_task(error_of(*failed, message.text()));
    return true;
  }
  if (task_->inspects) {
    const auto answer = message.body_as<wire::Inspected>();
    if (!answer || message.kind() != wire::Kind::inspected || answer->id != task_->id) return false;
    auto inspection = read_inspection(task_->output, *answer);
    if (!inspection) return false;
    task_->inspection = std::move(*inspection);
  } else {
    const auto answer = message.body_as<wire::Made>();
    if (!answer || message.kind() != wire::Kind::made || answer->id != task_->id) return false;
    const std::uint32_t side_max = std::max(shared_.settings.limits.output_side_max, 1U);
    if (answer->width == 0 || answer->height == 0 || answer->width > side_max ||
        answer->height > side_max)
      return false;
    auto bytes = read_output(task_->output, answer->bytes, shared_.settings.output_bytes_max);
    if (!bytes) return false;
    task_->picture = {std::move(*bytes), answer->width, answer->height};
  }
  finish_task(std::nullopt);
  return true;
}

// ---- what goes wrong ----

bool RendererSlot::is_over_limit() {
  const RenderSettings& settings = shared_.settings;
  const auto limit = task_->inspects ? settings.inspect_timeout : settings.render_timeout;
  std::string exceeded;
  if (Clock::now() - since_ > limit)
    exceeded = std::format("render.{} is exceeded: more than {} ms.",
                           task_->inspects ? "inspect_timeout" : "render_timeout", limit.count());
  else if (process_->resident_bytes() > settings.process_memory_max)
    exceeded = std::format("render.process_memory_max is exceeded: more than {} bytes.",
                           settings.process_memory_max);
  if (exceeded.empty()) return false;
  lose_task(fail(ErrorCode::limit_exceeded, exceeded).error());
  return true;
}

/// Nobody waits for the task, nor for another of its source: the process is better used elsewhere.
bool RendererSlot::is_forsaken() {
  {
    const std::lock_guard lock(shared_.mutex);
    const bool others_wait = task_->can_share() && shared_.queue.has(task_->request.batch_key);
    if (!shared_.stopping && (!task_->abandoned || others_wait)) return false;
  }
  lose_task(fail(ErrorCode::cancelled, "Nobody waits for this picture any more.").error());
  return true;
}

/// Upkeep that takes long ends for the sake of those who wait, where no other renderer takes them.
bool RendererSlot::gives_way() {
  const bool is_upkeep = !task_->inspects && task_->request.render_class == RenderClass::upkeep;
  if (!is_upkeep || Clock::now() - since_ < upkeep_patience) return false;
  {
    const std::lock_guard lock(shared_.mutex);
    const TaskPtr sooner = shared_.queue.find([&](const RenderTask& other) {
      return !other.first && other.rank() < task_->rank() && !is_busy_elsewhere(other);
    });
    const bool probed =
        shared_.queue.find([](const RenderTask& other) { return other.first; }) != nullptr;
    polls_in_the_way_ = sooner || probed ? polls_in_the_way_ + 1 : 0;
    if (polls_in_the_way_ < (sooner ? polls_in_the_way_max : polls_of_probe_max)) return false;
  }
  lose_task(fail(ErrorCode::timeout, "Those who wait needed the renderer.").error());
  return true;
}

/// Why it died, or what was seen of it where it lived until now.
Error RendererSlot::error_of_death(Error seen) {
  const auto death = process_->end(process_->has_hung_up() ? death_max : 0ms);
  if (death.killed_here) return seen;
  if (death.exited && death.code_or_signal == wire::exit_out_of_memory)
    return fail(ErrorCode::limit_exceeded,
                "render.process_memory_max is exceeded: no more memory could be had.")
        .error();
  if (!death.exited && !is_own_fault(death.code_or_signal))
    return fail(ErrorCode::renderer_lost,
                "The renderer was ended from outside while it made this picture. Ask again.",
                std::format("signal {}", death.code_or_signal))
        .error();
  return fail(ErrorCode::renderer_failed, "The renderer ended while it made this picture.",
              std::format("{} {}", death.exited ? "exit" : "signal", death.code_or_signal))
      .error();
}

void RendererSlot::lose_process() {
  process_.reset();
  pid_ = -1;
  source_loaded_ = false;
  const std::lock_guard lock(shared_.mutex);
  ready = false;
  current_key.clear();
  shared_.work.notify_all();
}

void RendererSlot::lose_task(Error error) {
  log::warn("renderer_lost", {{"pid", pid_.load()}, {"error", error}});
  lose_process();
  finish_task(std::move(error));
}

}  // namespace calotype
