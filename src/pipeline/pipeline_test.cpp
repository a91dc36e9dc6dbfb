// SPDX-License-Identifier: Apache-2.0
// Ingest, expiry and scrub over a real catalog and a real folder.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/ids.hpp"
#include "blobs/folder_store.hpp"
#include "catalog/open_catalog.hpp"
#include "pipeline/expire.hpp"
#include "pipeline/ingest.hpp"
#include "pipeline/scrub.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Pipeline : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("calotype-pipeline-" + new_id(SystemClock().now()));
    fs::create_directories(folder_);
    catalog_ = open_catalog({.url = "sqlite:" + (folder_ / "catalog.db").string()}, clock_).value();
    FolderSettings settings;
    settings.folder = folder_ / "blobs";
    blobs_ = open_folder_store(settings).value();
    ingest_ =
        std::make_unique<Ingest>(*catalog_, *blobs_, metrics_, IngestSettings{.bytes_max = 64});
    expire_ = std::make_unique<Expire>(*catalog_, *blobs_, 60s);
    scrub_ = std::make_unique<Scrub>(*catalog_, *blobs_, *expire_, clock_, metrics_,
                                     ScrubSettings{.grace = 1h, .variant_age_max = 24h});
  }
  void TearDown() override {
    scrub_.reset();
    expire_.reset();
    ingest_.reset();
    blobs_.reset();
    catalog_.reset();
    fs::remove_all(folder_);
  }

  Result<Recorded> upload(std::string_view content, const ClaimedDigests& claimed = {}) {
    Intake intake = ingest_->begin(claimed);
    for (std::size_t at = 0; at < content.size(); at += 7)
      TRY_VOID(intake.write(as_bytes(content.substr(at, 7))));
    return intake.finish({.file_name = "a.txt", .uploader = "", .tags = {}});
  }
  std::size_t files_stored() const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "blobs"))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }
  bool stored(std::string_view content) const {
    return *blobs_->exists(BlobKey::original(Sha256::of(as_bytes(content))));
  }
  void run_maintenance() {
    const auto jobs = catalog_->claim_jobs(Lane::maintenance, 10, 60s).value();
    for (const Job& job : jobs) {
      const auto ran = expire_->run(job, {});
      if (!ran && ran.error().code == ErrorCode::lease_lost) continue;  // an upload took it away
      ASSERT_TRUE(ran) << describe(ran.error());
      const auto completed = catalog_->complete_job({job.id, job.fence});
      ASSERT_TRUE(completed || completed.error().code == ErrorCode::lease_lost);
    }
  }

  SystemClock clock_;
  Metrics metrics_;
  fs::path folder_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<Expire> expire_;
  std::unique_ptr<Scrub> scrub_;
};

TEST_F(Pipeline, UploadIsStoredUnderItsHashAndItsDuplicateIsNot) {
  const auto first = upload("some bytes that come in pieces");
  ASSERT_TRUE(first) << describe(first.error());
  EXPECT_TRUE(first->created);
  EXPECT_TRUE(stored("some bytes that come in pieces"));
  const auto second = upload("some bytes that come in pieces");
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->created);
  EXPECT_EQ(second->asset.id, first->asset.id);
  EXPECT_NE(second->upload_id, first->upload_id);
  EXPECT_EQ(files_stored(), 1U);
}

TEST_F(Pipeline, WhatIsRefusedLeavesNothingBehind) {
  ClaimedDigests wrong256{.sha256 = Digest{}, .sha512 = std::nullopt};
  ClaimedDigests wrong512{.sha256 = std::nullopt, .sha512 = std::array<std::byte, 64>{}};
  struct Row {
    std::string name, content;
    ClaimedDigests claimed;
    ErrorCode code;
  };
  for (const Row& row : {Row{"empty", "", {}, ErrorCode::missing_upload},
                         Row{"too large", std::string(65, 'x'), {}, ErrorCode::too_large},
                         Row{"SHA-256", "abc", wrong256, ErrorCode::digest_mismatch},
                         Row{"SHA-512", "abc", wrong512, ErrorCode::digest_mismatch}}) {
    const auto refused = upload(row.content, row.claimed);
    ASSERT_FALSE(refused) << row.name;
    EXPECT_EQ(refused.error().code, row.code) << row.name;
  }
  {
    Intake abandoned = ingest_->begin({});
    ASSERT_TRUE(abandoned.write(as_bytes("half of it")));
  }
  EXPECT_EQ(files_stored(), 0U);
  EXPECT_TRUE(catalog_->list_assets({.state = std::nullopt}, "", 10)->rows.empty());
}

TEST_F(Pipeline, RightDigestsAreAccepted) {
  Sha512 hash;
  hash.update(as_bytes("abc"));
  EXPECT_TRUE(upload("abc", {.sha256 = Sha256::of(as_bytes("abc")), .sha512 = hash.finish()}));
}

TEST_F(Pipeline, KnownContentNeedsNoBytes) {
  const Digest digest = Sha256::of(as_bytes("abc"));
  EXPECT_FALSE(*ingest_->record_known(digest, {}));
  ASSERT_TRUE(upload("abc"));
  EXPECT_TRUE(*ingest_->record_known(digest, {}));
  EXPECT_EQ(catalog_->uploads_of(AssetId::of(digest))->size(), 2U);
}

TEST_F(Pipeline, DeletionTakesTheBytesAndTheyCanComeBack) {
  const auto id = upload("abc")->asset.id;
  ASSERT_TRUE(*catalog_->delete_uploads(id, "", 0ms));
  run_maintenance();
  EXPECT_FALSE(stored("abc"));
  EXPECT_TRUE(upload("abc")->created);
  EXPECT_TRUE(stored("abc"));
  EXPECT_EQ(catalog_->find_asset(id).value()->state, AssetState::ingested);
}

TEST_F(Pipeline, UploadsThatRacePurgesNeverLoseTheirBytes) {
  std::atomic<bool> done = false;
  std::jthread deleter([&] {
    const auto id = AssetId::of(Sha256::of(as_bytes("contested")));
    while (!done) {
      (void)catalog_->delete_uploads(id, "", 0ms);
      run_maintenance();
    }
  });
  for (int round = 0; round < 50; ++round) {
    const auto recorded = upload("contested");
    ASSERT_TRUE(recorded) << describe(recorded.error());
  }
  done = true;
  deleter.join();
  const auto last = upload("contested");
  ASSERT_TRUE(last);
  run_maintenance();
  EXPECT_TRUE(stored("contested"));
}

TEST_F(Pipeline, ScrubRemovesOldBytesWithoutAnOwnerAndNothingElse) {
  ASSERT_TRUE(upload("owned"));
  const auto leave = [&](std::string_view content, const BlobKey& key, bool old) {
    ASSERT_TRUE(blobs_->put(as_bytes(content), key));
    if (old)
      fs::last_write_time(folder_ / "blobs" / key.text(),
                          fs::file_time_type::clock::now() - std::chrono::hours{2});
  };
  const auto digest = [](std::string_view text) { return Sha256::of(as_bytes(text)); };
  const BlobKey old_raw = BlobKey::original(digest("old"));
  const BlobKey young_raw = BlobKey::original(digest("young"));
  const BlobKey old_variant = BlobKey::variant(digest("v"), new_id(clock_.now()));
  leave("old", old_raw, true);
  leave("young", young_raw, false);
  leave("v", old_variant, true);
  ASSERT_TRUE(scrub_->run({}));
  run_maintenance();
  EXPECT_FALSE(*blobs_->exists(old_raw));
  EXPECT_FALSE(*blobs_->exists(old_variant));
  EXPECT_TRUE(*blobs_->exists(young_raw)) << "its owner may be on its way";
  EXPECT_TRUE(stored("owned"));
}

}  // namespace
}  // namespace calotype
