// SPDX-License-Identifier: Apache-2.0
// Durable work. A job lives in the catalog beside the state that it serves, is enqueued and
// completed in that state's own transactions, and is leased to one worker at a time under a fencing
// token that only grows, so that a worker that slept past its lease cannot overwrite its successor.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace calotype {

enum class JobKind : std::uint8_t {
  inspect,  // read an original: metadata, placeholder, proof
  render,   // make a variant that proved popular again, at high effort
  expire,   // delete the bytes of a deleted asset
  scrub,    // find bytes that have no owner, and variants that nobody wants
  verify,   // hash stored bytes again, and put aside what differs
};
/// Video has no kinds of jobs yet. A variant's first picture is no job: somebody waits for it.
enum class Lane : std::uint8_t { metadata, image, video, maintenance };
inline constexpr std::array every_lane = {Lane::metadata, Lane::image, Lane::video,
                                          Lane::maintenance};
enum class JobState : std::uint8_t { ready, running, dead };  // a completed job's row is gone

std::string_view to_string(JobKind kind);
std::string_view to_string(Lane lane);
std::string_view to_string(JobState state);
std::optional<JobKind> parse_job_kind(std::string_view text);
std::optional<Lane> parse_lane(std::string_view text);
std::optional<JobState> parse_job_state(std::string_view text);

constexpr Lane lane_of(JobKind kind) {
  switch (kind) {
    case JobKind::inspect:
      return Lane::metadata;
    case JobKind::render:
      return Lane::image;
    case JobKind::expire:
    case JobKind::scrub:
    case JobKind::verify:
      return Lane::maintenance;
  }
  return Lane::maintenance;
}

inline constexpr int attempts_max = 3;

/// 2 s, 4 s, 8 s, … after the first, second, third failed attempt, each times a jitter in
/// [0.5, 1.5) taken from `random` in [0, 1).
std::chrono::milliseconds backoff(int attempts, double random);

struct Job {
  std::string id;
  JobKind kind = JobKind::inspect;
  std::string key;       // unique among the jobs that exist: "inspect:{asset id}"
  std::string asset_id;  // empty where it is of no asset
  JobState state = JobState::ready;
  int attempts = 0;        // begun so far
  std::int64_t fence = 0;  // grows with every lease; results are accepted under the newest only
  Timestamp run_after{};
  Timestamp lease_until{};
  std::string last_error;  // "CODE: message" of the last failed attempt
  Timestamp created_at{};
};

}  // namespace calotype
