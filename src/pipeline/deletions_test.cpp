// SPDX-License-Identifier: Apache-2.0
// Two servers on one catalog, each with its own idea of what was deleted.
#include "pipeline/deletions.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>

#include "base/ids.hpp"
#include "catalog/open_catalog.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

template <class Condition>
bool within(std::chrono::milliseconds time, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

class DeletionsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("calotype-deletions-" + new_id(SystemClock().now()));
    fs::create_directories(folder_);
    const std::string url = "sqlite:" + (folder_ / "catalog.db").string();
    here_ = open_catalog({.url = url}, clock_).value();
    elsewhere_ = open_catalog({.url = url}, clock_).value();
  }
  void TearDown() override {
    here_.reset();
    elsewhere_.reset();
    fs::remove_all(folder_);
  }
  AssetId bring(std::string_view content) {
    const Digest digest = Sha256::of(as_bytes(content));
    const auto presence = elsewhere_->presence(digest).value();
    const NewUpload upload{
        .digest = digest, .bytes = content.size(), .file_name = "a", .uploader = "", .tags = {}};
    EXPECT_TRUE(elsewhere_->record_published(upload, presence.purge_epoch)->has_value());
    return AssetId::of(digest);
  }
  void remove(const AssetId& id) { ASSERT_TRUE(*elsewhere_->delete_uploads(id, "", 0s)); }

  static DeletionSettings quick() {
    return {.others_delete = true, .poll = 20ms, .staleness_max = 300ms};
  }

  ManualClock clock_{SystemClock().now()};
  fs::path folder_;
  std::unique_ptr<Catalog> here_;
  std::unique_ptr<Catalog> elsewhere_;
};

TEST_F(DeletionsTest, AreFoundInTheCatalogWithoutAWordOfThem) {
  const AssetId gone = bring("gone");
  const AssetId stays = bring("stays");
  Deletions deletions(*here_, clock_, quick());
  std::mutex mutex;
  std::vector<AssetId> heard;
  deletions.listen({.deleted =
                        [&](const AssetId& id) {
                          const std::lock_guard lock(mutex);
                          heard.push_back(id);
                        },
                    .trusted_until = nullptr});
  const Timestamp known_at = clock_.now();
  EXPECT_TRUE(deletions.still_holds(gone, known_at));
  remove(gone);
  ASSERT_TRUE(within(2s, [&] { return !deletions.still_holds(gone, known_at); }));
  EXPECT_TRUE(deletions.still_holds(stays, known_at));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(heard, std::vector{gone}) << "once";
}

TEST_F(DeletionsTest, OfTheLastDayAreKnownFromTheStart) {
  const AssetId gone = bring("gone");
  const Timestamp known_at = clock_.now();
  clock_.advance(1h);
  remove(gone);
  clock_.advance(20h);
  const Deletions deletions(*here_, clock_, quick());
  EXPECT_FALSE(deletions.still_holds(gone, known_at)) << "an entry that Redis kept";
  EXPECT_FALSE(deletions.still_holds(bring("other"), clock_.now() - 26h)) << "too old to tell";
  EXPECT_FALSE(deletions.still_holds(bring("third"), clock_.now() + 1h)) << "from the future";
}

TEST_F(DeletionsTest, EntriesMadeWellAfterTheAssetCameBackHoldAgain) {
  const AssetId id = bring("back");
  Deletions deletions(*here_, clock_, quick());
  remove(id);
  ASSERT_TRUE(within(2s, [&] { return !deletions.still_holds(id, clock_.now()); }));
  bring("back");
  EXPECT_FALSE(deletions.still_holds(id, clock_.now() + 30s)) << "clocks may differ by so much";
  clock_.advance(2min);
  EXPECT_TRUE(deletions.still_holds(id, clock_.now()));
  auto row = here_->find_asset(id).value().value();
  EXPECT_FALSE(deletions.is_outdated(row));
  row.updated_at -= 1h;
  EXPECT_TRUE(deletions.is_outdated(row)) << "as a copy that lags would have it";
}

TEST_F(DeletionsTest, ThroughThisServerCountAtOnceUntilTheCatalogHasThem) {
  const AssetId id = bring("a");
  DeletionSettings settings = quick();
  settings.poll = 1h;
  settings.staleness_max = 0ms;
  Deletions deletions(*here_, clock_, settings);
  std::atomic<int> heard = 0;
  deletions.listen({.deleted = [&](const AssetId&) { ++heard; }, .trusted_until = nullptr});
  remove(id);
  EXPECT_TRUE(deletions.still_holds(id, clock_.now())) << "nobody has said so";
  deletions.note(id);
  EXPECT_GE(heard, 1);
  EXPECT_FALSE(deletions.still_holds(id, clock_.now() + 50s));
}

TEST_F(DeletionsTest, AreNotWaitedForWhereNobodyElseDeletes) {
  const Deletions deletions(*here_, clock_, {});
  std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(deletions.is_current());
}

TEST_F(DeletionsTest, TrustRunsOutUnlessTheCatalogAnswers) {
  Deletions deletions(*here_, clock_, quick());
  std::atomic<std::chrono::steady_clock::time_point> until{};
  deletions.listen({.deleted = nullptr, .trusted_until = [&](auto moment) { until = moment; }});
  const auto first = until.load();
  EXPECT_LE(first, std::chrono::steady_clock::now() + 300ms);
  EXPECT_TRUE(within(2s, [&] { return until.load() > first; })) << "each answer extends it";
  EXPECT_TRUE(deletions.is_current());
}

}  // namespace
}  // namespace calotype
