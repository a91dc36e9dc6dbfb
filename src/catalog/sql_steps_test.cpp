// SPDX-License-Identifier: Apache-2.0
#include "catalog/sql_steps.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/ids.hpp"
#include "catalog/migrations.hpp"
#include "catalog/sql_rows.hpp"
#include "catalog/sqlite_database.hpp"

namespace calotype {
namespace {

constexpr std::array every_state = {AssetState::ingested,        AssetState::dedup_check,
                                    AssetState::metadata_ready,  AssetState::variants_ready,
                                    AssetState::metadata_failed, AssetState::deleted};

class SqlSteps : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = SqliteDatabase::open((folder_ / "catalog.db").string(), {.readers = 1});
    ASSERT_TRUE(opened) << describe(opened.error());
    database_ = *std::move(opened);
    ASSERT_TRUE(migrate(*database_, now_));
  }
  void TearDown() override {
    database_.reset();
    std::filesystem::remove_all(folder_);
  }
  static std::filesystem::path make_folder() {
    auto folder =
        std::filesystem::temp_directory_path() / ("calotype-steps-" + new_id(SystemClock().now()));
    std::filesystem::create_directories(folder);
    return folder;
  }

  /// An asset in that state, as a row only.
  AssetHead put(Connection& db, AssetState state) {
    const Digest digest = Sha256::of(as_bytes(std::to_string(++assets_)));
    const AssetId id = AssetId::of(digest);
    EXPECT_TRUE(
        db.execute("INSERT INTO asset (id, digest, bytes, state, purge_epoch, purging, "
                   "events, created_at, updated_at) VALUES ($1, $2, 1, $3, 0, 0, 0, 0, 0)",
                   {id.text(), ByteSpan(digest.bytes), to_string(state)}));
    return **find_head(db, id);
  }
  static std::int64_t events_of(Connection& db, const AssetHead& head) {
    return **query_one(db, "SELECT COUNT(*) FROM event WHERE asset_no = $1", {head.no},
                       read_integer);
  }

  const Timestamp now_{std::chrono::seconds{1'700'000'000}};
  const std::filesystem::path folder_ = make_folder();
  std::unique_ptr<SqliteDatabase> database_;
  int assets_ = 0;
};

TEST_F(SqlSteps, EveryPairOfStatesIsAsTheTableSays) {
  const auto done = database_->write(Durability::relaxed, [&](Connection& db) -> Result<void> {
    Transaction tx{.db = db, .dialect = database_->dialect(), .now = now_};
    for (const AssetState from : every_state)
      for (const AssetState to : every_state) {
        AssetHead head = put(db, from);
        const auto moved = move_asset(tx, head, to);
        EXPECT_EQ(moved.has_value(), is_legal(from, to)) << to_string(from) << to_string(to);
        EXPECT_EQ(events_of(db, head), is_legal(from, to) ? 1 : 0);
        EXPECT_EQ(head.state, is_legal(from, to) ? to : from);
        if (moved) continue;
        EXPECT_EQ(moved.error().code, ErrorCode::illegal_transition);
        EXPECT_THAT(moved.error().message,
                    testing::AllOf(testing::HasSubstr(std::string(to_string(from))),
                                   testing::HasSubstr(std::string(to_string(to)))));
      }
    return {};
  });
  EXPECT_TRUE(done);
}

TEST_F(SqlSteps, StepThatSomebodyElseTookFirstIsRefused) {
  const auto done = database_->write(Durability::relaxed, [&](Connection& db) -> Result<void> {
    Transaction tx{.db = db, .dialect = database_->dialect(), .now = now_};
    AssetHead head = put(db, AssetState::ingested);
    AssetHead stale = head;
    EXPECT_TRUE(move_asset(tx, head, AssetState::dedup_check));
    const auto late = move_asset(tx, stale, AssetState::dedup_check);
    EXPECT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::illegal_transition);
    EXPECT_EQ(events_of(db, head), 1);
    return {};
  });
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace calotype
