// SPDX-License-Identifier: Apache-2.0
// Which request is made next. Bounded by count, by the sum of estimated memory and by deadline, so
// that what cannot be served in time is refused at once; in the order of class and then of arrival;
// and of what shares a source the largest first. Plain data: the pool's mutex guards it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "render/renderer_pool.hpp"

namespace calotype {

using SteadyTime = std::chrono::steady_clock::time_point;

/// One request on its way. The caller waits on `finished`; the renderer's thread fills `picture` or
/// `inspection` in. shared_ptr (TaskPtr) because either may be the last to leave.
struct RenderTask {
  enum class Stage : std::uint8_t { waiting, running, done };

  RenderRequest request;
  bool inspects = false;   // otherwise it renders
  bool first = false;      // a health probe: before everybody
  bool alone = false;      // its batch was lost once: tried again without company
  bool abandoned = false;  // nobody waits any more
  Stage stage = Stage::waiting;
  std::uint64_t id = 0;
  UniqueFd output;
  std::condition_variable finished;
  std::optional<Error> error;
  RenderedPicture picture;
  std::optional<Inspection> inspection;

  /// Lower is sooner.
  int rank() const { return first ? 0 : 1 + static_cast<int>(request.render_class); }
  /// Whether it has a source in common with others of its key.
  bool can_share() const {
    // Upkeep would be drawn to the front by its source.
    return !inspects && !first && !request.batch_key.empty() &&
           request.render_class != RenderClass::upkeep;
  }
  std::uint64_t pixels() const {
    return std::uint64_t{request.plan.scaled_width} * request.plan.scaled_height;
  }
};
using TaskPtr = std::shared_ptr<RenderTask>;

class RenderQueue {
 public:
  RenderQueue(int count_max, std::uint64_t bytes_max)
      : count_max_(count_max), bytes_max_(bytes_max) {}

  struct Admission {
    std::optional<Error> refused;  // overloaded
    std::vector<TaskPtr> shed;     // of a later class, out of the queue to make room
  };
  /// `expected_each` is what one request takes now, `lanes` how many are served side by side.
  Admission admit(const TaskPtr& task, SteadyTime now, std::chrono::nanoseconds expected_each,
                  int lanes);
  /// The first in order that `may_take`; it stays in the queue. Null where there is none.
  TaskPtr find(const std::function<bool(const RenderTask&)>& may_take) const;
  /// The largest picture of that batch, so that the others can be made from it; out of the queue.
  TaskPtr take_largest(const std::string& batch_key);
  bool has(const std::string& batch_key) const;
  bool remove(const TaskPtr& task);
  std::vector<TaskPtr> take_all();

  int count() const { return static_cast<int>(tasks_.size()); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::list<TaskPtr>::iterator erase(std::list<TaskPtr>::iterator position);

  const int count_max_;
  const std::uint64_t bytes_max_;
  std::list<TaskPtr> tasks_;  // by rank, then by arrival
  std::uint64_t bytes_ = 0;
};

}  // namespace calotype
