// SPDX-License-Identifier: Apache-2.0
#include "render/render_queue.hpp"

#include <algorithm>
#include <iterator>

namespace calotype {
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
  const auto position =
      std::ranges::find_if(tasks_, [&](const TaskPtr& other) { return other->rank() > rank; });
  tasks_.insert(position, task);
  bytes_ += needed;
  return admission;
}

std::list<TaskPtr>::iterator RenderQueue::erase(std::list<TaskPtr>::iterator position) {
  bytes_ -= (*position)->request.estimated_bytes;
  return tasks_.erase(position);
}

TaskPtr RenderQueue::find(const std::function<bool(const RenderTask&)>& may_take) const {
  const auto position =
      std::ranges::find_if(tasks_, [&](const TaskPtr& task) { return may_take(*task); });
  return position == tasks_.end() ? nullptr : *position;
}

TaskPtr RenderQueue::take_largest(const std::string& batch_key) {
  auto largest = tasks_.end();
  for (auto position = tasks_.begin(); position != tasks_.end(); ++position)
    if ((*position)->can_share() && (*position)->request.batch_key == batch_key &&
        (largest == tasks_.end() || (*position)->pixels() > (*largest)->pixels()))
      largest = position;
  if (largest == tasks_.end()) return nullptr;
  TaskPtr task = *largest;
  erase(largest);
  return task;
}

bool RenderQueue::has(const std::string& batch_key) const {
  return std::ranges::any_of(tasks_, [&](const TaskPtr& task) {
    return task->can_share() && task->request.batch_key == batch_key;
  });
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
