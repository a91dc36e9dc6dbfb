// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <barrier>
#include <latch>
#include <optional>
#include <thread>

#include "async/group_commit.hpp"
#include "async/single_flight.hpp"
#include "async/worker_pool.hpp"

namespace calotype {
namespace {

TEST(WorkerPool, RunsWhatItAcceptedAndRefusesWhatIsTooMuch) {
  WorkerPool pool("test", 2, 3);
  std::latch started(2);
  std::latch gate(1);
  std::atomic<int> done = 0;
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(pool.post([&](std::stop_token) {
      started.count_down();
      gate.wait();
      ++done;
    }));
  started.wait();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pool.post([&](std::stop_token) { ++done; }));
  const auto refused = pool.post([](std::stop_token) {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::overloaded);
  gate.count_down();
  pool.stop();
  EXPECT_EQ(done, 5);
}

TEST(WorkerPool, SetsTheStopTokenAndThenTakesNothing) {
  WorkerPool pool("test", 1, 1);
  std::latch started(1);
  bool stopped = false;
  ASSERT_TRUE(pool.post([&](std::stop_token stop) {
    started.count_down();
    while (!stop.stop_requested()) std::this_thread::yield();
    stopped = true;
  }));
  started.wait();
  pool.stop();
  EXPECT_TRUE(stopped);
  const auto refused = pool.post([](std::stop_token) {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::cancelled);
}

TEST(GroupCommit, FlushesEveryItemOnceAndConcurrentOnesTogether) {
  struct Item {
    int flushed = 0;
  };
  std::atomic<int> flushes = 0;
  std::atomic<bool> inside = false;
  std::size_t largest = 0;
  GroupCommit<Item> group(8, [&](std::span<Item* const> items) {
    EXPECT_FALSE(inside.exchange(true));
    EXPECT_LE(items.size(), 8U);
    largest = std::max(largest, items.size());
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    for (Item* item : items) ++item->flushed;
    ++flushes;
    inside = false;
  });
  constexpr int threads = 16;
  constexpr int rounds = 20;
  {
    std::vector<std::jthread> callers;
    callers.reserve(threads);
    for (int t = 0; t < threads; ++t)
      callers.emplace_back([&] {
        for (int round = 0; round < rounds; ++round) {
          Item item;
          group.run(item);
          EXPECT_EQ(item.flushed, 1);
        }
      });
  }
  EXPECT_LT(flushes, threads * rounds);
  EXPECT_GT(largest, 1U);
}

using Flights = SingleFlight<std::string, int>;

TEST(SingleFlight, FirstWaiterLeadsAndAllGetTheValueOnce) {
  Flights flights;
  std::vector<int> got;
  const auto lead = flights.join("a", [&](const int& value) { got.push_back(value); });
  ASSERT_TRUE(lead.lead);
  const auto second = flights.join("a", [&](const int& value) { got.push_back(value + 1); });
  EXPECT_FALSE(second.lead);
  EXPECT_TRUE(flights.join("b", [](const int&) {}).lead) << "other keys fly alone";
  flights.land(lead, 7);
  flights.land(lead, 9);
  EXPECT_EQ(got, (std::vector{7, 8}));
  EXPECT_FALSE(flights.leave(second)) << "already called";
}

TEST(SingleFlight, IsCancelledWhenItsLastWaiterLeavesNotItsFirst) {
  Flights flights;
  int calls = 0;
  const auto first = flights.join("a", [&](const int&) { ++calls; });
  const auto second = flights.join("a", [&](const int&) { ++calls; });
  EXPECT_TRUE(flights.leave(first));
  EXPECT_FALSE(first.lead->stop_requested());
  EXPECT_TRUE(flights.leave(second));
  EXPECT_TRUE(first.lead->stop_requested());
  const auto late = flights.join("a", [&](const int&) { ++calls; });
  ASSERT_TRUE(late.lead) << "a cancelled flight takes no passengers";
  flights.land(first, 1);
  EXPECT_EQ(calls, 0) << "the cancelled flight lands for nobody";
  flights.land(late, 2);
  EXPECT_EQ(calls, 1);
}

TEST(SingleFlight, NobodyBoardsAFlightThatIsBeingCancelled) {
  Flights flights;
  for (int round = 0; round < 2'000; ++round) {
    const auto first = flights.join("a", [](const int&) {});
    ASSERT_TRUE(first.lead);
    std::optional<Flights::Ticket> second;
    std::barrier start(2);
    std::thread other([&] {
      start.arrive_and_wait();
      second = flights.join("a", [](const int&) {});
    });
    start.arrive_and_wait();
    flights.leave(first);
    other.join();
    if (!second->lead) {
      ASSERT_FALSE(first.lead->stop_requested()) << "round " << round;
    }
    flights.land(first, 1);
    flights.land(*second, 1);
    ASSERT_EQ(flights.size(), 0U);
  }
}

}  // namespace
}  // namespace calotype
