// SPDX-License-Identifier: Apache-2.0
#include "asset/job.hpp"

#include <gtest/gtest.h>

namespace calotype {
namespace {

using namespace std::chrono_literals;

TEST(Job, NamesAreReadBackAndOthersAreNot) {
  for (const auto kind :
       {JobKind::inspect, JobKind::render, JobKind::expire, JobKind::scrub, JobKind::verify})
    EXPECT_EQ(parse_job_kind(to_string(kind)), kind);
  for (const auto state : {JobState::ready, JobState::running, JobState::dead})
    EXPECT_EQ(parse_job_state(to_string(state)), state);
  EXPECT_FALSE(parse_job_kind("Inspect"));
  EXPECT_FALSE(parse_job_state(""));
  EXPECT_EQ(to_string(lane_of(JobKind::inspect)), "metadata");
  EXPECT_EQ(to_string(lane_of(JobKind::render)), "image");
  EXPECT_EQ(to_string(lane_of(JobKind::expire)), "maintenance");
  EXPECT_EQ(to_string(lane_of(JobKind::scrub)), "maintenance");
}

TEST(Job, WaitsDoubleFromTwoSecondsWithJitterFromHalfToOneAndAHalf) {
  struct Row {
    int attempts;
    double random;
    std::chrono::milliseconds wait;
  };
  for (const Row& row :
       {Row{1, 0.5, 2s}, Row{2, 0.5, 4s}, Row{3, 0.5, 8s}, Row{1, 0.0, 1s}, Row{1, 0.75, 2500ms},
        Row{3, 0.0, 4s}, Row{0, 0.5, 2s}, Row{1000, 0.5, 2048s}})
    EXPECT_EQ(backoff(row.attempts, row.random), row.wait) << row.attempts << " " << row.random;
  EXPECT_LT(backoff(1, 0.999'999), 3s);
}

}  // namespace
}  // namespace calotype
