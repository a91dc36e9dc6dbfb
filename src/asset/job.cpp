// SPDX-License-Identifier: Apache-2.0
#include "asset/job.hpp"

#include <algorithm>
#include <utility>

namespace calotype {

std::string_view to_string(JobKind kind) {
  switch (kind) {
    case JobKind::inspect:
      return "inspect";
    case JobKind::render:
      return "render";
    case JobKind::expire:
      return "expire";
    case JobKind::scrub:
      return "scrub";
    case JobKind::verify:
      return "verify";
  }
  std::unreachable();
}

std::string_view to_string(Lane lane) {
  switch (lane) {
    case Lane::metadata:
      return "metadata";
    case Lane::image:
      return "image";
    case Lane::video:
      return "video";
    case Lane::maintenance:
      return "maintenance";
  }
  std::unreachable();
}

std::string_view to_string(JobState state) {
  switch (state) {
    case JobState::ready:
      return "ready";
    case JobState::running:
      return "running";
    case JobState::dead:
      return "dead";
  }
  std::unreachable();
}

std::optional<JobKind> parse_job_kind(std::string_view text) {
  for (const auto kind :
       {JobKind::inspect, JobKind::render, JobKind::expire, JobKind::scrub, JobKind::verify})
    if (to_string(kind) == text) return kind;
  return std::nullopt;
}

std::optional<Lane> parse_lane(std::string_view text) {
  for (const auto lane : every_lane)
    if (to_string(lane) == text) return lane;
  return std::nullopt;
}

std::optional<JobState> parse_job_state(std::string_view text) {
  for (const auto state : {JobState::ready, JobState::running, JobState::dead})
    if (to_string(state) == text) return state;
  return std::nullopt;
}

std::chrono::milliseconds backoff(int attempts, double random) {
  // 2 s · 2^(attempts − 1); the cap (about half an hour) is there for callers with more attempts.
  const int doublings = std::clamp(attempts - 1, 0, 10);
  const double base_ms = 2'000.0 * static_cast<double>(1 << doublings);
  return std::chrono::milliseconds{static_cast<std::int64_t>(base_ms * (0.5 + random))};
}

}  // namespace calotype
