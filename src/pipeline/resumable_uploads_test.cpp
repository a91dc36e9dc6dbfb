// SPDX-License-Identifier: Apache-2.0
// Resumable uploads on a real catalog and a real folder.
#include "pipeline/resumable_uploads.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>

#include "base/ids.hpp"
#include "blobs/open_blobs.hpp"
#include "catalog/open_catalog.hpp"
#include "pipeline/checked_blobs.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;

class ResumableUploadsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    open();
  }
  void TearDown() override {
    close();
    std::filesystem::remove_all(folder_);
  }
  void close() {
    uploads_.reset();
    ingest_.reset();
    parts_.reset();
    blobs_.reset();
    catalog_.reset();
  }
  /// As another life of the program.
  void open() {
    close();
    CatalogSettings catalog{.url = "sqlite:" + (folder_ / "catalog.db").string()};
    catalog.by_given_clock = true;
    catalog_ = open_catalog(catalog, clock_).value();
    EXPECT_TRUE(catalog_->end_all_leases());
    const FolderSettings blobs{.folder = (folder_ / "blobs").string()};
    blobs_ =
        check_blobs(open_blobs(blobs, clock_, metrics_).value(), catalog_->integrity(), metrics_);
    parts_ = open_upload_parts(blobs, metrics_).value();
    ingest_ =
        std::make_unique<Ingest>(*catalog_, *blobs_, metrics_, IngestSettings{.bytes_max = 1'000});
    uploads_ = std::make_unique<ResumableUploads>(
        catalog_->resumable_uploads(), *parts_, *ingest_, clock_,
        ResumableSettings{.expires = 1h, .lease = 2s, .hand_over_max = 300ms});
  }
  std::unique_ptr<ResumableWriter> writer(const ResumableUpload& upload) {
    auto resumed = uploads_->resume(upload.id, [] {});
    EXPECT_TRUE(resumed) << describe(resumed.error());
    return resumed ? *std::move(resumed) : nullptr;
  }
  std::size_t part_files() const {
    const auto files = std::filesystem::directory_iterator(folder_ / "blobs" / "parts");
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("calotype-" + new_id(SystemClock().now()));
  ManualClock clock_;
  Metrics metrics_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<UploadParts> parts_;
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<ResumableUploads> uploads_;
};

TEST_F(ResumableUploadsTest, GoesOnInAnotherLifeAndEndsAsAnAsset) {
  const auto upload =
      uploads_->create({.total = 10, .facts = {.file_name = "a", .uploader = "", .tags = {"x"}}})
          .value();
  ASSERT_TRUE(writer(upload)->write(as_bytes("never kept")));
  {
    auto first = writer(upload);
    ASSERT_TRUE(first->write(as_bytes("01234")));
    EXPECT_FALSE(first->finish().value()) << "more is to come";
  }
  open();
  EXPECT_EQ(uploads_->look(upload.id)->received, 5U);
  auto second = writer(upload);
  EXPECT_EQ(second->write(as_bytes("567890")).error().code, ErrorCode::too_large);
  second = nullptr;
  second = writer(upload);
  ASSERT_TRUE(second->write(as_bytes("56789")));
  const auto recorded = second->finish().value();
  ASSERT_TRUE(recorded);
  EXPECT_TRUE(recorded->created);
  EXPECT_EQ(recorded->asset.digest, Sha256::of(as_bytes("0123456789")));
  EXPECT_EQ(catalog_->uploads_of(recorded->asset.id)->front().file_name, "a");
  second = nullptr;
  EXPECT_EQ(uploads_->look(upload.id)->asset_id, recorded->asset.id);
  EXPECT_EQ(part_files(), 0U);
  EXPECT_EQ(blobs_->read(BlobKey::original(recorded->asset.digest), 10).value(), "0123456789");
}

TEST_F(ResumableUploadsTest, WhatIsWholeAndWasNotRecordedIsRecordedByWhoeverAsks) {
  const auto upload = uploads_->create({.total = 3}).value();
  {
    auto one = writer(upload);
    ASSERT_TRUE(one->write(as_bytes("abc")));
    ASSERT_TRUE(one->keep());
  }
  open();
  EXPECT_FALSE(uploads_->look(upload.id)->asset_id);
  EXPECT_EQ(uploads_->settle(upload.id)->asset_id, AssetId::of(Sha256::of(as_bytes("abc"))));
}

TEST_F(ResumableUploadsTest, WhatHashesToSomethingElseThanWasSaidIsEnded) {
  const auto upload =
      uploads_->create({.total = 3, .expected = Sha256::of(as_bytes("abd"))}).value();
  auto one = writer(upload);
  ASSERT_TRUE(one->write(as_bytes("abc")));
  EXPECT_EQ(one->finish().error().code, ErrorCode::digest_mismatch);
  one = nullptr;
  EXPECT_EQ(uploads_->look(upload.id).error().code, ErrorCode::upload_gone);
  EXPECT_EQ(part_files(), 0U);
}

TEST_F(ResumableUploadsTest, BytesHeldBackAreKeptByNobodyElse) {
  const auto upload = uploads_->create({.total = 100}).value();
  auto one = writer(upload);
  one->hold_back();
  ASSERT_TRUE(one->write(as_bytes("unverified")));
  one = nullptr;
  EXPECT_EQ(uploads_->look(upload.id)->received, 0U);
}

TEST_F(ResumableUploadsTest, TheHolderIsAskedToLetGo) {
  const auto upload = uploads_->create({.total = 100}).value();
  std::atomic<int> asked = 0;
  std::unique_ptr<ResumableWriter> first;
  auto resumed = uploads_->resume(upload.id, [&] { ++asked; });
  ASSERT_TRUE(resumed);
  first = *std::move(resumed);
  EXPECT_EQ(uploads_->look(upload.id).error().code, ErrorCode::upload_locked);
  EXPECT_GE(asked, 1);
  std::jthread lets_go([&] {
    std::this_thread::sleep_for(100ms);
    first = nullptr;
  });
  EXPECT_TRUE(uploads_->resume(upload.id, [] {}));
}

TEST_F(ResumableUploadsTest, LengthsAreHeldTo) {
  EXPECT_EQ(uploads_->create({.total = 1'001}).error().code, ErrorCode::too_large);
  EXPECT_EQ(uploads_->create({.total = 0}).error().code, ErrorCode::missing_upload);
  const auto upload = uploads_->create({}).value();
  auto one = writer(upload);
  ASSERT_TRUE(one->write(as_bytes("four")));
  ASSERT_TRUE(one->keep());
  EXPECT_EQ(one->set_total(3).error().code, ErrorCode::bad_request);
  EXPECT_EQ(one->set_total(1'001).error().code, ErrorCode::too_large);
  ASSERT_TRUE(one->set_total(6));
  EXPECT_EQ(one->set_total(7).error().code, ErrorCode::bad_request);
  EXPECT_EQ(one->write(as_bytes("and")).error().code, ErrorCode::too_large);
}

TEST_F(ResumableUploadsTest, PartialOnesAreJoinedWhenTheyAreWhole) {
  std::vector<std::string> ids;
  for (const std::string_view text : {"abc", "", "def"}) {
    const auto part = uploads_->create({.total = text.size(), .is_partial = true}).value();
    ids.push_back(part.id);
    if (!text.empty()) {
      EXPECT_EQ(uploads_->join(ids, {}, "", {}).error().code, ErrorCode::bad_request);
    }
    auto one = writer(part);
    ASSERT_TRUE(one->write(as_bytes(text)));
    EXPECT_FALSE(one->finish().value()) << "a part becomes no asset";
  }
  const auto joined = uploads_->join(ids, {}, "final;…", {}).value();
  EXPECT_EQ(joined.recorded.asset.digest, Sha256::of(as_bytes("abcdef")));
  EXPECT_EQ(uploads_->look(joined.upload.id)->joined_from, "final;…");
  EXPECT_FALSE(uploads_->join(ids, {}, "", {})->recorded.created) << "it can be repeated";
}

TEST_F(ResumableUploadsTest, NothingIsLeftOfWhatExpiredOrWasEnded) {
  const auto stale = uploads_->create({.total = 10}).value();
  const auto ended = uploads_->create({.total = 10}).value();
  for (const auto& upload : {stale, ended}) {
    auto one = writer(upload);
    ASSERT_TRUE(one->write(as_bytes("some")));
    ASSERT_TRUE(one->keep());
  }
  ASSERT_TRUE(uploads_->end(ended.id));
  EXPECT_EQ(part_files(), 1U);
  EXPECT_EQ(uploads_->end(ended.id).error().code, ErrorCode::upload_gone);
  clock_.advance(1h);
  EXPECT_EQ(uploads_->look(stale.id).error().code, ErrorCode::upload_gone);
  ASSERT_TRUE(uploads_->sweep({}));
  EXPECT_EQ(part_files(), 0U);
  EXPECT_EQ(uploads_->look(stale.id).error().code, ErrorCode::upload_gone);
  clock_.advance(1h);
  ASSERT_TRUE(uploads_->sweep({}));
  EXPECT_EQ(uploads_->look(stale.id).error().code, ErrorCode::upload_not_found);
  EXPECT_EQ(uploads_->look(ended.id).error().code, ErrorCode::upload_not_found);
}

}  // namespace
}  // namespace calotype
