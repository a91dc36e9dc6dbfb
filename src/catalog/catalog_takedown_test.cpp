// SPDX-License-Identifier: Apache-2.0
// Takedowns: what is taken down is gone and stays out, however it comes and whatever was under way.
#include <atomic>
#include <thread>

#include "catalog/catalog_fixture.hpp"
#include "catalog/library_catalog.hpp"
#include "catalog/near_duplicate_catalog.hpp"

namespace calotype {
namespace {

class TakedownTest : public CatalogFixture {
 protected:
  LibraryCatalog& library() { return catalog_->library(); }
  TakedownRow take_down(std::string_view content) {
    auto taken =
        library().take_down({.assets = {id_of(content)}, .reason = "asked for", .by = "ann"}, 0ms);
    EXPECT_TRUE(taken) << describe(taken.error());
    return *taken;
  }
  void expect_barred(std::string_view content) {
    const NewUpload upload = upload_of(content);
    EXPECT_EQ(catalog_->presence(upload.digest).error().code, ErrorCode::asset_barred);
    EXPECT_EQ(catalog_->record_existing(upload).error().code, ErrorCode::asset_barred);
    EXPECT_EQ(catalog_->record_published(upload, 0).error().code, ErrorCode::asset_barred);
    EXPECT_EQ(library().require_not_barred(id_of(content)).error().code, ErrorCode::asset_barred);
    EXPECT_TRUE(catalog_->uploads_of(id_of(content))->empty());
    EXPECT_EQ(state_of(content), AssetState::deleted);
  }
};

TEST_P(TakedownTest, ContentIsGoneAndStaysOutUntilTheBarIsLifted) {
  record("a");
  inspect("a");
  const VariantRow variant = store(key_of("a"));
  const TakedownRow taken = take_down("a");
  ASSERT_EQ(taken.assets.size(), 1U);
  EXPECT_EQ(taken.assets[0].digest, Sha256::of(as_bytes("a")));
  ASSERT_EQ(taken.assets[0].variants.size(), 1U);
  EXPECT_EQ(taken.assets[0].variants[0], variant.key);
  EXPECT_THAT(*catalog_->garbage(10), testing::Contains(variant.blob_key));
  expect_barred("a");
  open();
  expect_barred("a");
  const auto again = library().find_takedown(taken.id).value();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->reason, "asked for");
  EXPECT_EQ(again->by, "ann");
  EXPECT_EQ(again->created_at, clock_.now());
  EXPECT_EQ(again->assets[0].variants[0], variant.key);
  record("another");

  EXPECT_TRUE(library().lift_takedown(taken.id).value());
  EXPECT_FALSE(library().lift_takedown(taken.id).value());
  EXPECT_FALSE(library().find_takedown(taken.id).value());
  EXPECT_EQ(state_of("a"), AssetState::deleted) << "lifting brings nothing back";
  record("a");
  EXPECT_EQ(state_of("a"), AssetState::ingested);
}

TEST_P(TakedownTest, DeletedContentCanBeBarredAndUnknownCannot) {
  record("a");
  ASSERT_TRUE(catalog_->delete_uploads(id_of("a"), "", 1h).value());
  take_down("a");
  expect_barred("a");
  record("b");
  const auto refused = library().take_down(
      {.assets = {id_of("b"), id_of("never seen")}, .reason = "", .by = ""}, 0ms);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::asset_not_found);
  EXPECT_EQ(state_of("b"), AssetState::ingested) << "nothing has happened";
  EXPECT_EQ(library().list_takedowns("", 10)->rows.size(), 1U);
}

TEST_P(TakedownTest, ContentIsOutAsLongAsOneOfItsTakedownsStands) {
  record("a");
  const auto first = take_down("a").id;
  clock_.advance(1s);
  const auto second = take_down("a").id;
  ASSERT_TRUE(library().lift_takedown(first).value());
  expect_barred("a");
  ASSERT_TRUE(library().lift_takedown(second).value());
  record("a");
}

TEST_P(TakedownTest, SeveralGoTogether) {
  record("a");
  record("b");
  ASSERT_TRUE(
      library().take_down({.assets = {id_of("a"), id_of("b")}, .reason = "both", .by = ""}, 0ms));
  expect_barred("a");
  expect_barred("b");
}

TEST_P(TakedownTest, WhatWasMergedIntoItGoesWithIt) {
  for (const char* content : {"a", "b", "c", "other"}) {
    record(content);
    inspect(content);
  }
  auto& near = catalog_->near_duplicates();
  ASSERT_TRUE(near.merge_assets(id_of("a"), id_of("b"), 0ms));
  ASSERT_TRUE(near.merge_assets(id_of("b"), id_of("c"), 0ms));
  ASSERT_TRUE(near.merge_assets(id_of("other"), id_of("c"), 0ms));
  record("other");  // here again by itself
  EXPECT_EQ(take_down("c").assets.size(), 3U);
  for (const char* content : {"a", "b", "c"}) expect_barred(content);
  EXPECT_EQ(state_of("other"), AssetState::ingested);
  EXPECT_FALSE(near.merged_into(id_of("a")).value());
}

TEST_P(TakedownTest, AreListedNewestFirstByPages) {
  std::vector<std::string> ids;
  for (const char* content : {"a", "b", "c"}) {
    record(content);
    ids.insert(ids.begin(), take_down(content).id);
    clock_.advance(1s);
  }
  std::vector<std::string> listed;
  std::string cursor;
  do {
    const auto page = library().list_takedowns(cursor, 2).value();
    for (const TakedownRow& takedown : page.rows) listed.push_back(takedown.id);
    cursor = page.next;
  } while (!cursor.empty());
  EXPECT_EQ(listed, ids);
  EXPECT_EQ(library().list_takedowns("no cursor", 2).error().code, ErrorCode::bad_request);
}

/// The bytes of an upload that was under way are published when the bar is found.
TEST_P(TakedownTest, UploadThatWasUnderWayIsRefusedAndItsBytesArePurged) {
  record("a");
  ASSERT_TRUE(catalog_->delete_uploads(id_of("a"), "", 0ms).value());
  const auto presence = catalog_->presence(Sha256::of(as_bytes("a"))).value();
  take_down("a");
  const Job purge = claim(Lane::maintenance);
  ASSERT_TRUE(catalog_->begin_purge(lease_of(purge), id_of("a")).value());
  ASSERT_TRUE(catalog_->finish_purge(lease_of(purge), id_of("a")));
  ASSERT_TRUE(catalog_->complete_job(lease_of(purge)));
  const auto late = catalog_->record_published(upload_of("a"), presence.purge_epoch);
  EXPECT_EQ(late.error().code, ErrorCode::asset_barred);
  EXPECT_EQ(claim(Lane::maintenance).asset_id, id_of("a").text());
}

TEST_P(TakedownTest, NoUploadOfManyOutlivesIt) {
  for (int round = 0; round < 10; ++round) {
    const std::string content = "content " + std::to_string(round);
    record(content);
    std::atomic<bool> stop = false;
    std::atomic<int> failed = 0;
    {
      std::vector<std::jthread> clients;
      for (int i = 0; i < 8; ++i)
        clients.emplace_back([&] {
          while (!stop) {
            const auto known = catalog_->record_existing(upload_of(content));
            const auto presence = catalog_->presence(Sha256::of(as_bytes(content)));
            const auto published = catalog_->record_published(upload_of(content),
                                                              presence ? presence->purge_epoch : 0);
            for (const Error* error :
                 {known ? nullptr : &known.error(), published ? nullptr : &published.error()})
              if (error != nullptr && error->code != ErrorCode::asset_barred) ++failed;
          }
        });
      std::this_thread::sleep_for(5ms);
      take_down(content);
      std::this_thread::sleep_for(5ms);
      stop = true;
    }
    EXPECT_EQ(failed, 0);
    expect_barred(content);
    EXPECT_TRUE(library().list({}, "", 10)->rows.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, TakedownTest, testing::ValuesIn(every_engine),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace calotype
