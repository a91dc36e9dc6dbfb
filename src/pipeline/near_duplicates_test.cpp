// SPDX-License-Identifier: Apache-2.0
// The index over a real catalog: it follows what others keep and delete, and it is the catalog that
// is right.
#include "pipeline/near_duplicates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>
#include <random>
#include <thread>

#include "base/ids.hpp"
#include "catalog/open_catalog.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
namespace fs = std::filesystem;

/// `count` bits from nothing.
Fingerprint::Bits bits_with(unsigned count) {
  Fingerprint::Bits bits{0, 0, 0x5555555555555555, 0x0f0f0f0f0f0f0f0f};
  for (unsigned i = 0; i < count; ++i) bits[i / 64] |= 1ULL << i % 64;
  return bits;
}

Fingerprint looks(unsigned count) {
  return {.whole = bits_with(count), .middle = bits_with(256), .crops = {}, .quality = 100};
}

class NearDuplicatesTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("calotype-near-" + new_id(SystemClock().now()));
    fs::create_directories(folder_);
    catalog_ = open_catalog({.url = "sqlite:" + (folder_ / "catalog.db").string()}, clock_).value();
    restart();
  }
  void TearDown() override {
    near_.reset();
    catalog_.reset();
    fs::remove_all(folder_);
  }
  void restart() {
    near_ = std::make_unique<NearDuplicates>(catalog_->near_duplicates(), metrics_);
  }
  static AssetId id_of(std::string_view content) {
    return AssetId::of(Sha256::of(as_bytes(content)));
  }
  void record(std::string_view content) {
    const NewUpload upload{.digest = Sha256::of(as_bytes(content)),
                           .bytes = content.size(),
                           .file_name = "a",
                           .uploader = "",
                           .tags = {}};
    const auto presence = catalog_->presence(upload.digest);
    ASSERT_TRUE(catalog_->record_published(upload, presence->purge_epoch).value());
  }
  void finish(std::string_view content) {
    const Job job = catalog_->claim_jobs(Lane::metadata, 1, 60s)->front();
    ASSERT_TRUE(catalog_->begin_inspection({job.id, job.fence}, id_of(content)).value());
    MediaInfo media;
    media.media_type = "image/png";
    media.renderable = true;
    media.metadata_json = "{}";
    ASSERT_TRUE(
        catalog_->finish_inspection({job.id, job.fence}, id_of(content), media, std::nullopt));
  }
  void bring_in(std::string_view content, const std::optional<Fingerprint>& fingerprint) {
    record(content);
    ASSERT_TRUE(near_->compare(id_of(content), fingerprint));
    finish(content);
  }
  /// As another server would.
  void keep(std::string_view content, const Fingerprint& fingerprint) {
    record(content);
    ASSERT_TRUE(catalog_->near_duplicates().keep_fingerprint(id_of(content), fingerprint));
    finish(content);
  }
  std::vector<std::pair<std::string, unsigned>> near(std::string_view content,
                                                     unsigned distance_max = 31) {
    std::vector<std::pair<std::string, unsigned>> found;
    const auto lookalikes = near_->near(id_of(content), distance_max, 100).value();
    for (const NearAsset& each : lookalikes.assets)
      found.emplace_back(each.id.text(), each.distance);
    return found;
  }
  static auto is(std::string_view content, unsigned distance) {
    return testing::Pair(id_of(content).text(), distance);
  }

  SystemClock clock_;
  Metrics metrics_;
  fs::path folder_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<NearDuplicates> near_;
};

TEST_F(NearDuplicatesTest, FindsWhatIsNearAndRecordsIt) {
  bring_in("a", looks(0));
  bring_in("b", looks(31));
  bring_in("c", looks(63));
  EXPECT_THAT(near("a"), ElementsAre(is("b", 31)));
  EXPECT_THAT(near("b"), ElementsAre(is("a", 31)));
  EXPECT_THAT(near("b", 32), ElementsAre(is("a", 31), is("c", 32)));
  EXPECT_THAT(near("c"), IsEmpty());
  const auto page = near_->clusters("", 10).value();
  ASSERT_EQ(page.clusters.size(), 1U);
  EXPECT_EQ(page.clusters[0].centre, id_of("a"));
  ASSERT_EQ(page.clusters[0].members.size(), 1U);
  EXPECT_EQ(page.clusters[0].members[0].id, id_of("b"));
  for (const char* member : {"a", "b"})
    EXPECT_EQ(near_->cluster_of(id_of(member))->centre, id_of("a"));
  for (const char* none : {"c", "unknown"})
    EXPECT_EQ(near_->cluster_of(id_of(none)).error().code, ErrorCode::cluster_not_found);
}

TEST_F(NearDuplicatesTest, ACropOfTheOtherDecidesWhateverTheWholesSay) {
  Fingerprint whole = looks(0);
  whole.crops = {bits_with(200), bits_with(90)};
  bring_in("whole", whole);
  bring_in("cut", looks(80));
  EXPECT_THAT(near("cut"), ElementsAre(is("whole", 10)));
  EXPECT_THAT(near("whole"), ElementsAre(is("cut", 10)));
}

TEST_F(NearDuplicatesTest, WhatIsFlatLooksLikeNothing) {
  Fingerprint flat = looks(0);
  flat.quality = fingerprint_quality_min - 1;
  bring_in("flat", flat);
  bring_in("other", looks(0));
  bring_in("text", std::nullopt);
  EXPECT_THAT(near("flat"), IsEmpty());
  EXPECT_THAT(near("other"), IsEmpty());
  EXPECT_THAT(near("text"), IsEmpty());
}

TEST_F(NearDuplicatesTest, FollowsWhatOthersKeepAndDelete) {
  bring_in("a", looks(0));
  EXPECT_THAT(near("a"), IsEmpty());
  keep("b", looks(4));
  EXPECT_THAT(near("a"), ElementsAre(is("b", 4)));
  EXPECT_THAT(near("a"), ElementsAre(is("b", 4))) << "and once, though it is read again";
  ASSERT_TRUE(catalog_->delete_uploads(id_of("b"), "", 0ms));
  EXPECT_THAT(near("a"), IsEmpty());
  keep("b", looks(6));
  EXPECT_THAT(near("a"), ElementsAre(is("b", 6))) << "it was brought in again";
  ASSERT_TRUE(catalog_->near_duplicates().keep_fingerprint(id_of("b"), looks(7)));
  EXPECT_THAT(near("a"), ElementsAre(is("b", 7))) << "and was looked at again";
  restart();
  keep("c", looks(9));
  EXPECT_THAT(near("a"), ElementsAre(is("b", 7), is("c", 9))) << "another life of the program";
}

TEST_F(NearDuplicatesTest, WhatWasMissedIsFoundByCounting) {
  for (const char* content : {"a", "b", "c"}) keep(content, looks(0));
  EXPECT_EQ(near("a").size(), 2U);
  for (const char* content : {"b", "c"})
    ASSERT_TRUE(catalog_->delete_uploads(id_of(content), "", 0ms));
  near_->look_again();
  EXPECT_THAT(near("a"), IsEmpty());
}

TEST_F(NearDuplicatesTest, TwoAtTheSameMomentFindEachOther) {
  constexpr int count = 8;
  std::vector<std::string> contents;
  for (int i = 0; i < count; ++i) {
    contents.push_back("content " + std::to_string(i));
    record(contents.back());
  }
  {
    std::vector<std::jthread> threads;
    for (const std::string& content : contents)
      threads.emplace_back([&] { EXPECT_TRUE(near_->compare(id_of(content), looks(1))); });
  }
  for (const std::string& content : contents) finish(content);
  const auto first = catalog_->near_duplicates().looked_like_after(0, 1).value();
  ASSERT_EQ(first.size(), 1U);
  std::array<std::int64_t, count> all{};
  std::iota(all.begin(), all.end(), first.front());
  EXPECT_EQ(catalog_->near_duplicates().likenesses_of(all)->size(), count * (count - 1) / 2U);
}

/// Whatever they look like: chains, rings and stars, read from a part of the likenesses.
TEST_F(NearDuplicatesTest, PagesAreTheStarsOfAllLikenesses) {
  constexpr int count = 40;
  std::vector<AssetId> ids;
  for (int i = 0; i < count; ++i) {
    const std::string content = "content " + std::to_string(i);
    keep(content, looks(0));
    ids.push_back(id_of(content));
  }
  const std::int64_t first = catalog_->near_duplicates().fingerprint_of(ids[0])->value().asset_no;
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<Likeness> likenesses;
  for (std::int64_t a = first; a < first + count; ++a)
    for (std::int64_t b = a + 1; b < first + count; ++b)
      if (random() % 30 == 0) likenesses.push_back({a, b, static_cast<unsigned>(random() % 31)});
  ASSERT_TRUE(catalog_->near_duplicates().record_likenesses(likenesses));
  std::vector<std::string> expected;
  for (const Star& star : star_clusters(likenesses)) {
    expected.push_back(ids[static_cast<std::size_t>(star.centre - first)].text());
    for (const StarMember& member : star.members)
      expected.push_back(ids[static_cast<std::size_t>(member.asset_no - first)].text());
  }
  for (const std::size_t limit : {1U, 2U, 7U, 100U}) {
    std::vector<std::string> met;
    std::string cursor;
    do {
      const auto page = near_->clusters(cursor, limit).value();
      EXPECT_LE(page.clusters.size(), limit);
      for (const NearCluster& cluster : page.clusters) {
        met.push_back(cluster.centre.text());
        EXPECT_EQ(near_->cluster_of(cluster.members.back().id)->centre, cluster.centre);
        for (const NearAsset& member : cluster.members) met.push_back(member.id.text());
      }
      cursor = page.next;
    } while (!cursor.empty());
    EXPECT_EQ(met, expected) << limit;
  }
}

TEST_F(NearDuplicatesTest, ClustersComePageByPage) {
  for (const unsigned group : {0U, 64U, 128U})
    for (const unsigned more : {0U, 1U}) {
      const std::string content = std::to_string(group + more);
      bring_in(content, looks(group + more));
    }
  std::vector<std::string> centres;
  std::string cursor;
  do {
    const auto page = near_->clusters(cursor, 2).value();
    EXPECT_LE(page.clusters.size(), 2U);
    for (const NearCluster& cluster : page.clusters) centres.push_back(cluster.centre.text());
    cursor = page.next;
  } while (!cursor.empty());
  EXPECT_THAT(centres, ElementsAre(id_of("0").text(), id_of("64").text(), id_of("128").text()));
  EXPECT_TRUE(near_->clusters("9999999", 2)->clusters.empty());
  for (const char* bad : {"x", "-1", "1x", "99999999999999999999"})
    EXPECT_EQ(near_->clusters(bad, 2).error().code, ErrorCode::bad_request) << bad;
}

}  // namespace
}  // namespace calotype
