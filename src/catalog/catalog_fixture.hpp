// SPDX-License-Identifier: Apache-2.0
// What the catalog's suites share: a catalog in a place of its own under a clock that the test
// moves, and the short cuts to bring an asset into a state. The parameter is the engine's name.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/ids.hpp"
#include "catalog/open_catalog.hpp"
#include "catalog/test_catalog_place.hpp"

namespace calotype {

using namespace std::chrono_literals;

inline NewUpload upload_of(std::string_view content, std::string name = "a.jpg") {
  return {.digest = Sha256::of(as_bytes(content)),
          .bytes = content.size(),
          .file_name = std::move(name),
          .uploader = "",
          .tags = {"x", "y"}};
}

inline AssetId id_of(std::string_view content) {
  return AssetId::of(Sha256::of(as_bytes(content)));
}

inline MediaInfo photo() {
  MediaInfo media;
  media.media_type = "image/jpeg";
  media.renderable = true;
  media.width = 4000;
  media.height = 3000;
  media.orientation = 6;
  media.metadata_json = R"({"exif":{}})";
  media.placeholder = "AQID";
  return media;
}

class CatalogFixture : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    place_ = std::make_unique<CatalogTestPlace>(GetParam());
    if (!place_->exists()) GTEST_SKIP() << "the suite has not started " << GetParam();
    open();
  }
  void TearDown() override {
    catalog_.reset();
    place_.reset();
  }
  void open() {
    catalog_.reset();
    catalog_ = open_another();
  }
  /// As another program on the same catalog would; its time is this one's.
  std::unique_ptr<Catalog> open_another() {
    CatalogSettings settings = place_->settings();
    settings.by_given_clock = true;
    auto opened = open_catalog(settings, clock_);
    EXPECT_TRUE(opened) << describe(opened.error());
    return opened ? *std::move(opened) : nullptr;
  }

  Recorded record(std::string_view content) {
    const auto presence = catalog_->presence(Sha256::of(as_bytes(content)));
    auto recorded = catalog_->record_published(upload_of(content), presence->purge_epoch);
    EXPECT_TRUE(recorded && *recorded);
    return **recorded;
  }
  Job claim(Lane lane = Lane::metadata) {
    auto jobs = catalog_->claim_jobs(lane, 1, 60s);
    EXPECT_TRUE(jobs && jobs->size() == 1);
    return jobs && !jobs->empty() ? jobs->front() : Job{};
  }
  static JobLease lease_of(const Job& job) { return {job.id, job.fence}; }
  AssetState state_of(std::string_view content) {
    return catalog_->find_asset(id_of(content)).value()->state;
  }
  void inspect(std::string_view content) {
    const Job job = claim();
    ASSERT_TRUE(catalog_->begin_inspection(lease_of(job), id_of(content)).value());
    ASSERT_TRUE(
        catalog_->finish_inspection(lease_of(job), id_of(content), photo(),
                                    Proof{"proofs/p-" + new_id(clock_.now()), 5, 640, 480}));
  }
  VariantKey key_of(std::string_view content, std::string recipe = "w=300&fm=webp") {
    return {id_of(content), std::move(recipe), "abcdefgh"};
  }
  VariantRow made(const VariantKey& key) {
    return {.key = key,
            .blob_key = "variants/v-" + new_id(clock_.now()),
            .digest = Sha256::of(as_bytes("picture")),
            .bytes = 7,
            .width = 300,
            .height = 225,
            .media_type = "image/webp",
            .created_at = clock_.now(),
            .last_access_at = clock_.now()};
  }
  VariantRow store(const VariantKey& key) {
    auto claimed = catalog_->claim_variant(key, 60s).value();
    const VariantRow row = made(key);
    EXPECT_TRUE(catalog_->store_variant(std::get<VariantLease>(claimed), row));
    return row;
  }
  std::vector<std::string> story(std::string_view content) {
    std::vector<std::string> states;
    const auto events = catalog_->events_of(id_of(content)).value();
    for (const EventRow& event : events) states.emplace_back(to_string(event.to));
    return states;
  }

  ManualClock clock_;
  std::unique_ptr<CatalogTestPlace> place_;
  std::unique_ptr<Catalog> catalog_;
};

}  // namespace calotype
