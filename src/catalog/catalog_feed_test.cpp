// SPDX-License-Identifier: Apache-2.0
// The one order of all events: whole, the same for every program, and never added to where it has
// been read.
#include <algorithm>
#include <array>
#include <set>
#include <thread>

#include "catalog/catalog_fixture.hpp"
#include "catalog/feed_catalog.hpp"
#include "catalog/library_catalog.hpp"

namespace calotype {
namespace {

class CatalogFeed : public CatalogFixture {
 protected:
  std::vector<FeedEvent> after(const FeedPlace& place, std::size_t limit = 10'000) {
    auto events = catalog_->feed().events_after(place, limit);
    EXPECT_TRUE(events) << describe(events.error());
    return events.value_or(std::vector<FeedEvent>{});
  }
  /// Where other programs on a server write too, what came last shows a moment later.
  std::vector<FeedEvent> until(const FeedPlace& place, std::size_t count) {
    for (int i = 0; i < 500 && after(place).size() < count; ++i) std::this_thread::sleep_for(10ms);
    return after(place);
  }
};

TEST_P(CatalogFeed, TellsTheStoryOfEveryAssetInOrder) {
  EXPECT_TRUE(after({}).empty());
  EXPECT_EQ(catalog_->feed().feed_end().value(), FeedPlace{});
  record("a");
  record("b");
  inspect("a");
  ASSERT_TRUE(catalog_->delete_uploads(id_of("b"), "", 0ms));
  const auto events = until({}, 5);
  const std::vector<std::pair<AssetId, AssetState>> expected = {
      {id_of("a"), AssetState::ingested},
      {id_of("b"), AssetState::ingested},
      {id_of("a"), AssetState::dedup_check},
      {id_of("a"), AssetState::metadata_ready},
      {id_of("b"), AssetState::deleted}};
  std::vector<std::pair<AssetId, AssetState>> told;
  for (const FeedEvent& event : events) told.emplace_back(event.asset_id, event.to);
  EXPECT_EQ(told, expected);
  EXPECT_FALSE(events.front().from);
  EXPECT_EQ(events.back().from, AssetState::ingested);
  EXPECT_TRUE(std::ranges::is_sorted(events, {}, &FeedEvent::place));
  EXPECT_EQ(catalog_->feed().feed_end().value(), events.back().place);
}

/// Tags, a focal point, an upload that goes, one more upload: the asset is another, its state is
/// not.
TEST_P(CatalogFeed, TellsWhatChangesNoState) {
  record("a");
  const Recorded again = record("a");
  EXPECT_FALSE(again.created);
  const std::array ids{id_of("a")};
  ASSERT_TRUE(catalog_->library().retag(ids, {.add_tags = {"sea"}}));
  ASSERT_TRUE(catalog_->set_focal_point(id_of("a"), FocalPoint{1, 2}));
  ASSERT_TRUE(catalog_->delete_uploads(id_of("a"), again.upload_id, 0ms));
  const auto events = until({}, 4);
  // The further upload was told by its row, which has gone since.
  ASSERT_EQ(events.size(), 4U);
  EXPECT_FALSE(events.front().from);
  for (std::size_t i = 1; i < events.size(); ++i)
    EXPECT_TRUE(events[i].from == AssetState::ingested && events[i].to == AssetState::ingested);
  EXPECT_EQ(catalog_->events_of(id_of("a"))->back().because, "an upload was deleted");
  EXPECT_EQ(state_of("a"), AssetState::ingested);
}

TEST_P(CatalogFeed, TellsFurtherUploadsBetweenTheEvents) {
  for (const std::string_view content : {"a", "b", "a", "b", "c", "a"}) record(content);
  const auto events = until({}, 6);
  const std::vector<std::pair<AssetId, bool>> expected = {{id_of("a"), true},  {id_of("b"), true},
                                                          {id_of("a"), false}, {id_of("b"), false},
                                                          {id_of("c"), true},  {id_of("a"), false}};
  std::vector<std::pair<AssetId, bool>> told;
  for (const FeedEvent& event : events) told.emplace_back(event.asset_id, !event.from.has_value());
  EXPECT_EQ(told, expected);
  EXPECT_EQ(catalog_->feed().feed_end().value(), events.back().place);
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(after(events[i].place).size(), events.size() - 1 - i);
    if (i + 1 == events.size()) break;
    EXPECT_EQ(after(events[i].place, 1).front().place, events[i + 1].place);
  }
}

TEST_P(CatalogFeed, GoesOnBehindAnyEvent) {
  for (int i = 0; i < 10; ++i) record("content " + std::to_string(i));
  const auto events = until({}, 10);
  ASSERT_EQ(events.size(), 10U);
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(after(events[i].place).size(), events.size() - 1 - i);
    if (i + 1 == events.size()) break;
    EXPECT_EQ(after(events[i].place, 1).front().place, events[i + 1].place);
  }
}

/// Eight writers and a reader that goes on from what it has seen: at the end it has seen all of it.
TEST_P(CatalogFeed, NothingAppearsBehindWhoHasRead) {
  constexpr int writers = 8;
  constexpr int each = 25;
  std::vector<FeedEvent> seen;
  FeedPlace place;
  const auto follow = [&] {
    for (FeedEvent& event : after(place, 7)) {
      EXPECT_GT(event.place, place);
      place = event.place;
      seen.push_back(std::move(event));
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int writer = 0; writer < writers; ++writer)
      threads.emplace_back([this, writer] {
        for (int i = 0; i < each; ++i)
          record("of " + std::to_string(writer) + " number " + std::to_string(i));
      });
    for (int i = 0; i < 200; ++i) follow();
  }
  for (int i = 0; i < 500 && seen.size() < writers * each; ++i) {
    std::this_thread::sleep_for(10ms);
    follow();
  }
  EXPECT_EQ(seen.size(), std::size_t{writers * each});
  std::set<AssetId> assets;
  for (const FeedEvent& event : seen) assets.insert(event.asset_id);
  EXPECT_EQ(assets.size(), seen.size());
}

/// On a server a transaction that began earlier may be committed later.
TEST_P(CatalogFeed, WhatIsCommittedLaterDoesNotShowBeforeWhatMayComeBeforeIt) {
  if (GetParam() == "sqlite") GTEST_SKIP() << "it has one writer";
  const auto open = place_->connect();
  ASSERT_TRUE(open->script("BEGIN; SELECT pg_current_xact_id()"));
  record("later");
  EXPECT_TRUE(after({}).empty());
  ASSERT_TRUE(open->script("COMMIT"));
  EXPECT_EQ(until({}, 1).size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Engines, CatalogFeed, testing::ValuesIn(every_engine),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace calotype
