// SPDX-License-Identifier: Apache-2.0
#include "render/renderer_pool.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <filesystem>
#include <format>
#include <thread>

#include "render/answers.hpp"
#include "render/face_model.hpp"
#include "render/renderer_process.hpp"
#include "render/renderer_slot.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;

/// A PNG of one pixel: what the health probe renders.
constexpr std::uint8_t pixel_png[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48,
    0x44, 0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00,
    0x00, 0x90, 0x77, 0x53, 0xde, 0x00, 0x00, 0x00, 0x0c, 0x49, 0x44, 0x41, 0x54, 0x08,
    0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0x00, 0x00, 0x03, 0x01, 0x01, 0x00, 0x18, 0xdd, 0x8d,
    0xb0, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

Result<SourceBytes> pixel_source() {
  return in_memory({reinterpret_cast<const char*>(pixel_png), sizeof pixel_png});
}

/// A renderer must never be handed a descriptor that it could write to the library through.
Result<void> check_source(const SourceBytes& source) {
  const int flags = source.file ? ::fcntl(source.file->get(), F_GETFL) : -1;
  if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY)
    return fail(ErrorCode::internal, "A source must be open for reading only.");
  return {};
}

}  // namespace

Result<void> RenderSettings::validate() const {
  const auto bad = [](const char* name, const char* allowed) {
    return fail(ErrorCode::bad_config, std::format("render.{} must be {}.", name, allowed));
  };
  if (processes < 0 || processes > 1'024) return bad("processes", "from 0 (cores) to 1024");
  if (process_memory_max < (64ULL << 20)) return bad("process_memory_max", "at least 64 MiB");
  if (render_timeout <= 0ms || render_timeout > 1h) return bad("render_timeout", "up to an hour");
  if (inspect_timeout <= 0ms || inspect_timeout > 1h)
    return bad("inspect_timeout", "up to an hour");
  if (renders_per_process < 1) return bad("renders_per_process", "at least 1");
  if (queue_max < 1) return bad("queue_max", "at least 1");
  if (queue_bytes_max < 1) return bad("queue_bytes_max", "at least 1");
  if (output_bytes_max < 4'096) return bad("output_bytes_max", "at least 4096");
  if (limits.input_pixels_max < 1) return bad("input_pixels_max", "at least 1");
  if (limits.output_side_max < 1 || limits.output_side_max > dimension_max)
    return bad("output_side_max", "from 1 to 65535");
  return {};
}

struct RendererPool::State {
  State(const RenderSettings& settings, std::optional<FaceModel> face_model)
      : shared(settings, std::move(face_model)) {}
  ~State() {
    {
      const std::lock_guard lock(shared.mutex);
      shared.stopping = true;
      for (const auto& task : shared.queue.take_all())
        PoolShared::finish(*task, fail(ErrorCode::cancelled, "The server stops.").error());
      shared.work.notify_all();
      shared.halted.notify_all();
    }
    for (const auto& slot : slots) slot->wake();
    threads.clear();  // joins
  }

  PoolShared shared;
  std::vector<std::unique_ptr<RendererSlot>> slots;
  std::vector<std::jthread> threads;

  Result<void> enqueue(const TaskPtr& task);
  Result<void> run(const TaskPtr& task, const std::stop_token& stop);
  Error leave(std::unique_lock<std::mutex>& lock, const TaskPtr& task, bool stopped);
};

Result<std::unique_ptr<RendererPool>> RendererPool::start(const RenderSettings& settings) {
  TRY_VOID(settings.validate());
  const std::string program = renderer_program(settings);
  if (std::error_code error; !std::filesystem::exists(program, error))
    return fail(
        ErrorCode::renderer_failed,
        std::format("There is no renderer at {}: build it, or set render.program.", program));
  std::optional<FaceModel> face_model;
  if (!settings.face_model.empty()) {
    TRY(face_model, read_face_model(settings.face_model));
  }
  auto state = std::make_unique<State>(settings, std::move(face_model));
  PoolShared& shared = state->shared;
  const int count = settings.processes > 0
                        ? settings.processes
                        : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  for (int i = 0; i < count; ++i) {
    state->slots.push_back(std::make_unique<RendererSlot>(shared));
    shared.slots.push_back(state->slots.back().get());
  }
  for (const auto& slot : state->slots)
    state->threads.emplace_back([&slot = *slot] { slot.run(); });
  std::unique_lock lock(shared.mutex);
  shared.started.wait(lock, [&] {
    return shared.start_error.has_value() ||
           std::ranges::all_of(shared.slots, [](const auto* slot) { return slot->ready; });
  });
  if (shared.start_error) {
    const Error error = *shared.start_error;
    lock.unlock();
    return std::unexpected(error);
  }
  lock.unlock();
  return std::unique_ptr<RendererPool>(new RendererPool(std::move(state)));
}

RendererPool::RendererPool(std::unique_ptr<State> state) : state_(std::move(state)) {}
RendererPool::~RendererPool() = default;

Result<void> RendererPool::State::enqueue(const TaskPtr& task) {
  TRY_VOID(check_source(task->request.source));
  const std::lock_guard lock(shared.mutex);
  if (shared.stopping) return fail(ErrorCode::cancelled, "The server stops.");
  task->id = ++shared.last_id;
  auto admission = shared.queue.admit(task, std::chrono::steady_clock::now(), shared.task_time,
                                      static_cast<int>(slots.size()));
  if (admission.refused) return std::unexpected(*admission.refused);
  for (const auto& other : admission.shed)
    PoolShared::finish(*other,
                       fail(ErrorCode::overloaded, "Somebody who waits needed the place.").error());
  shared.work.notify_one();
  return {};
}

/// The caller gives up: out of the queue, or left behind for its slot to see.
Error RendererPool::State::leave(std::unique_lock<std::mutex>& lock, const TaskPtr& task,
                                 bool stopped) {
  task->abandoned = true;
  if (!shared.queue.remove(task)) {
    lock.unlock();
    for (const auto& slot : slots) slot->wake();
  }
  return stopped ? fail(ErrorCode::cancelled, "Nobody waits for this picture any more.").error()
                 : fail(ErrorCode::timeout, "The picture was not made in time.").error();
}

Result<void> RendererPool::State::run(const TaskPtr& task, const std::stop_token& stop) {
  if (task->request.deadline <= std::chrono::steady_clock::now())
    return fail(ErrorCode::timeout, "The picture was not made in time.");
  if (stop.stop_requested())
    return fail(ErrorCode::cancelled, "Nobody waits for this picture any more.");
  TRY_VOID(enqueue(task));
  const std::stop_callback wake(stop, [&] {
    const std::lock_guard lock(shared.mutex);
    task->finished.notify_all();
  });
  std::unique_lock lock(shared.mutex);
  const auto is_done = [&] { return task->stage == RenderTask::Stage::done; };
  task->finished.wait_until(lock, task->request.deadline,
                            [&] { return is_done() || stop.stop_requested(); });
  if (!is_done()) return std::unexpected(leave(lock, task, stop.stop_requested()));
  if (task->error) return std::unexpected(*task->error);
  return {};
}

Result<RenderedPicture> RendererPool::render(const RenderRequest& request,
                                             const std::stop_token& stop) {
  const auto task = std::make_shared<RenderTask>();
  task->request = request;
  TRY_VOID(state_->run(task, stop));
  return std::move(task->picture);
}

Result<Inspection> RendererPool::inspect(const SourceBytes& source,
                                         std::chrono::steady_clock::time_point deadline,
                                         const std::stop_token& stop) {
  const auto task = std::make_shared<RenderTask>();
  task->inspects = true;
  task->request.source = source;
  task->request.estimated_bytes = source.bytes;
  task->request.deadline = deadline;
  TRY_VOID(state_->run(task, stop));
  require(task->inspection.has_value(), "an inspection that succeeded says what it found");
  return std::move(*task->inspection);
}

Result<void> RendererPool::probe(std::chrono::steady_clock::time_point deadline) {
  {
    const std::lock_guard lock(state_->shared.mutex);
    const bool none_ready =
        std::ranges::none_of(state_->shared.slots, [](const auto* slot) { return slot->ready; });
    if (none_ready && state_->shared.start_error)
      return std::unexpected(*state_->shared.start_error);
  }
  const auto task = std::make_shared<RenderTask>();
  task->first = true;
  TRY(task->request.source, pixel_source());
  RenderPlan& plan = task->request.plan;
  plan.scaled_width = plan.scaled_height = plan.kept_width = plan.kept_height = 1;
  plan.output_width = plan.output_height = 1;
  plan.format = ImageFormat::png;
  task->request.deadline = deadline;
  return state_->run(task, {});
}

std::vector<ProcessMemory> RendererPool::memory() const {
  std::vector<ProcessMemory> all;
  for (const auto& slot : state_->slots)
    if (const pid_t pid = slot->pid(); pid > 0) all.push_back({pid, resident_bytes_of(pid)});
  return all;
}

QueueDepth RendererPool::depth() const {
  const std::lock_guard lock(state_->shared.mutex);
  return {state_->shared.queue.count(), state_->shared.running, state_->shared.queue.bytes()};
}

std::string_view RendererPool::face_model() const {
  const auto& model = state_->shared.face_model;
  return model ? std::string_view(model->version) : std::string_view();
}

std::string_view RendererPool::version() const {
  const std::lock_guard lock(state_->shared.mutex);
  return state_->shared.version;  // never changes once it is set
}

}  // namespace calotype
