// SPDX-License-Identifier: Apache-2.0
#include "render/render_queue.hpp"

#include <algorithm>
#include <iterator>

namespace calotype {
namespace {

bool can_share(const RenderTask& task) {
  return !task.inspects && !task.alone && !task.first && !task.request.batch_key.empty();
}

void largest_first(std::vector<TaskPtr>& batch) {
  std::ranges::stable_sort(batch, std::greater{},
                           [](const TaskPtr& task) { return task->pixels(); });
}

}  // namespace

RenderQueue::Admission RenderQueue::admit(const TaskPtr& task, SteadyTime now,
                                          std::chrono::nanoseconds expected_each, int lanes) {
  Admission admission;
  const int rank = task->rank();
  const auto refuse = [&](const char* why) {
    admission.refused =
        fail(ErrorCode::overloaded, "Too many pictures are being made; try again shortly.", why)
            .error();
    return std::move(admission);
  };
  const auto ahead =
      std::ranges::count_if(tasks_, [&](const TaskPtr& other) { return other->rank() <= rank; });
  if (now + expected_each * (ahead / std::max(lanes, 1)) > task->request.deadline)
    return refuse("its deadline cannot be met");
  const std::uint64_t needed = task->request.estimated_bytes;
  const auto full = [&] {
    return count() >= count_max_ || (!tasks_.empty() && bytes_ + needed > bytes_max_);
  };
  // First see whether enough of a later class waits, so that nobody is shed in vain.
  std::uint64_t sheddable_bytes = 0;
  int sheddable = 0;
  for (const auto& other : tasks_)
    if (other->rank() > rank) {
      ++sheddable;
      sheddable_bytes += other->request.estimated_bytes;
    }
  if (full() && !task->first &&
      (count() - sheddable >= count_max_ ||
       (count() > sheddable && bytes_ - sheddable_bytes + needed > bytes_max_)))
    return refuse("the queue is full");
  while (full() && !tasks_.empty() && tasks_.back()->rank() > rank) {
    admission.shed.push_back(tasks_.back());
    erase(std::prev(tasks_.end()));
  }
  put_back(task);
  return admission;
}

void RenderQueue::put_back(const TaskPtr& task) {
  task->stage = RenderTask::Stage::waiting;
  const auto position = std::ranges::find_if(
      tasks_, [&](const TaskPtr& other) { return other->rank() > task->rank(); });
  tasks_.insert(position, task);
  bytes_ += task->request.estimated_bytes;
}

std::list<TaskPtr>::iterator RenderQueue::erase(std::list<TaskPtr>::iterator position) {
  bytes_ -= (*position)->request.estimated_bytes;
  return tasks_.erase(position);
}

std::vector<TaskPtr> RenderQueue::take(std::size_t count_max,
                                       const std::function<bool(const std::string&)>& is_busy) {
  const auto position = std::ranges::find_if(tasks_, [&](const TaskPtr& task) {
    return !can_share(*task) || !is_busy(task->request.batch_key);
  });
  if (position == tasks_.end()) return {};
  std::vector<TaskPtr> batch = {*position};
  erase(position);
  if (can_share(*batch.front()))
    std::ranges::move(take_joining(batch.front()->request.batch_key, count_max - 1),
                      std::back_inserter(batch));
  largest_first(batch);
  return batch;
}

std::vector<TaskPtr> RenderQueue::take_joining(const std::string& batch_key,
                                               std::size_t count_max) {
  std::vector<TaskPtr> joining;
  for (auto position = tasks_.begin(); position != tasks_.end() && joining.size() < count_max;) {
    if (can_share(**position) && (*position)->request.batch_key == batch_key) {
      joining.push_back(*position);
      position = erase(position);
    } else {
      ++position;
    }
  }
  largest_first(joining);
  return joining;
}

bool RenderQueue::remove(const TaskPtr& task) {
  const auto position = std::ranges::find(tasks_, task);
  if (position == tasks_.end()) return false;
  erase(position);
  return true;
}

std::vector<TaskPtr> RenderQueue::take_all() {
  std::vector<TaskPtr> all(tasks_.begin(), tasks_.end());
  tasks_.clear();
  bytes_ = 0;
  return all;
}

}  // namespace calotype
