// SPDX-License-Identifier: Apache-2.0
// What resumable_upload_catalog.hpp promises, held against every engine there is.
#include "catalog/catalog_fixture.hpp"
#include "catalog/resumable_upload_catalog.hpp"

namespace calotype {
namespace {

using Claimed = ResumableUploadCatalog::Claimed;
using ResumableUploadHeld = ResumableUploadCatalog::Held;

class CatalogResumable : public CatalogFixture {
 protected:
  ResumableUploadCatalog& uploads() { return catalog_->resumable_uploads(); }

  ResumableUpload created(std::optional<std::uint64_t> total = 100) {
    ResumableUpload upload{.id = new_id(clock_.now()),
                           .total = total,
                           .hash_state = state("begin"),
                           .expected = Sha256::of(as_bytes("all of it")),
                           .file_name = "a.jpg",
                           .uploader = "anna",
                           .tags = {"x", "y, z"},
                           .collection = "summer",
                           .fields_json = R"({"a":1})",
                           .metadata = "filename YS5qcGc="};
    EXPECT_TRUE(uploads().create_resumable(upload, 1h));
    return upload;
  }
  static std::vector<std::byte> state(std::string_view text) {
    const ByteSpan bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
  }
  Claimed claimed(const ResumableUpload& upload) {
    auto claim = uploads().claim_resumable(upload.id, 8s);
    EXPECT_TRUE(claim && std::holds_alternative<Claimed>(*claim));
    return claim && std::holds_alternative<Claimed>(*claim) ? std::get<Claimed>(*claim) : Claimed{};
  }
  bool is_held(const ResumableUpload& upload) {
    const auto claim = uploads().claim_resumable(upload.id, 8s);
    EXPECT_TRUE(claim);
    return claim && std::holds_alternative<ResumableUploadHeld>(*claim);
  }
  ResumableUpload found(const ResumableUpload& upload) {
    auto row = uploads().find_resumable(upload.id);
    EXPECT_TRUE(row) << describe(row.error());
    return row ? *std::move(row) : ResumableUpload{};
  }
  static ErrorCode code_of(const auto& result) {
    return result ? ErrorCode::internal : result.error().code;
  }
};

TEST_P(CatalogResumable, WhatWasSaidOfAnUploadIsFoundAgain) {
  const ResumableUpload upload = created();
  open();
  const ResumableUpload row = found(upload);
  EXPECT_EQ(row.state, ResumableState::receiving);
  EXPECT_EQ(row.received, 0U);
  EXPECT_EQ(row.total, 100U);
  EXPECT_EQ(row.hash_state, upload.hash_state);
  EXPECT_EQ(row.expected, upload.expected);
  EXPECT_EQ(row.file_name, "a.jpg");
  EXPECT_EQ(row.uploader, "anna");
  EXPECT_EQ(row.tags, upload.tags);
  EXPECT_EQ(row.collection, "summer");
  EXPECT_EQ(row.fields_json, upload.fields_json);
  EXPECT_EQ(row.metadata, upload.metadata);
  EXPECT_EQ(row.expires_at, clock_.now() + 1h);
  EXPECT_FALSE(row.asset_id);
  EXPECT_FALSE(found(created(std::nullopt)).total);
  EXPECT_EQ(code_of(uploads().find_resumable("nobody")), ErrorCode::upload_not_found);
  EXPECT_EQ(code_of(uploads().claim_resumable("nobody", 8s)), ErrorCode::upload_not_found);
}

TEST_P(CatalogResumable, ProgressIsKeptWithTheHashAndThePartsInOrder) {
  const ResumableUpload upload = created(std::nullopt);
  const Claimed claim = claimed(upload);
  ASSERT_TRUE(uploads().advance_resumable(
      claim.lease, {.received = 40, .hash_state = state("40"), .new_parts = {"1-0", "1-20"}}, 1h));
  clock_.advance(30min);
  ASSERT_TRUE(uploads().advance_resumable(
      claim.lease, {.received = 50, .total = 60, .hash_state = state("50"), .new_parts = {"1-40"}},
      1h));
  open();
  const ResumableUpload row = found(upload);
  EXPECT_EQ(row.received, 50U);
  EXPECT_EQ(row.total, 60U);
  EXPECT_EQ(row.hash_state, state("50"));
  EXPECT_THAT(row.parts, testing::ElementsAre("1-0", "1-20", "1-40"));
  EXPECT_EQ(row.expires_at, clock_.now() + 1h) << "every step puts the expiry off";
}

TEST_P(CatalogResumable, OneWritesAndHearsThatAnotherWantsTo) {
  const ResumableUpload upload = created();
  const Claimed first = claimed(upload);
  EXPECT_FALSE(uploads().extend_resumable(first.lease, 8s).value());
  const auto elsewhere = open_another();
  const auto claim = elsewhere->resumable_uploads().claim_resumable(upload.id, 8s);
  ASSERT_TRUE(claim);
  EXPECT_TRUE(std::holds_alternative<ResumableUploadHeld>(*claim));
  EXPECT_TRUE(uploads().extend_resumable(first.lease, 8s).value());
  ASSERT_TRUE(uploads().release_resumable(first.lease));
  const Claimed second = claimed(upload);
  EXPECT_GT(second.lease.fence, first.lease.fence);
  EXPECT_FALSE(uploads().extend_resumable(second.lease, 8s).value()) << "the wish was fulfilled";
  ASSERT_TRUE(uploads().release_resumable(first.lease)) << "an old lease frees nothing";
  EXPECT_TRUE(is_held(upload));
}

TEST_P(CatalogResumable, WhoSleptPastHisLeaseRecordsNothing) {
  const ResumableUpload upload = created();
  const Claimed first = claimed(upload);
  clock_.advance(9s);
  const Claimed second = claimed(upload);
  const ResumableProgress progress{.received = 10, .total = 100, .hash_state = state("10")};
  EXPECT_EQ(code_of(uploads().advance_resumable(first.lease, progress, 1h)), ErrorCode::lease_lost);
  EXPECT_EQ(code_of(uploads().extend_resumable(first.lease, 8s)), ErrorCode::lease_lost);
  EXPECT_EQ(code_of(uploads().finish_resumable(first.lease, id_of("a"))), ErrorCode::lease_lost);
  EXPECT_EQ(code_of(uploads().end_resumable(first.lease)), ErrorCode::lease_lost);
  EXPECT_EQ(found(upload).received, 0U);
  EXPECT_TRUE(uploads().advance_resumable(second.lease, progress, 1h));
}

TEST_P(CatalogResumable, LeasesOfADeadPredecessorAreOver) {
  const ResumableUpload upload = created();
  (void)claimed(upload);
  EXPECT_TRUE(is_held(upload));
  ASSERT_TRUE(catalog_->end_all_leases());
  EXPECT_FALSE(is_held(upload));
}

TEST_P(CatalogResumable, AnEndedUploadSaysHowItEndedAndTakesNoMore) {
  const ResumableUpload good = created();
  const Claimed first = claimed(good);
  const ResumableProgress all{
      .received = 100, .total = 100, .hash_state = state("100"), .new_parts = {"1-0"}};
  ASSERT_TRUE(uploads().advance_resumable(first.lease, all, 1h));
  ASSERT_TRUE(uploads().finish_resumable(first.lease, id_of("a")));
  EXPECT_EQ(found(good).state, ResumableState::finished);
  EXPECT_EQ(found(good).asset_id, id_of("a"));
  EXPECT_TRUE(found(good).parts.empty());
  EXPECT_EQ(code_of(uploads().advance_resumable(first.lease, all, 1h)), ErrorCode::lease_lost);

  const ResumableUpload bad = created();
  const Claimed second = claimed(bad);
  ASSERT_TRUE(uploads().end_resumable(second.lease));
  EXPECT_EQ(found(bad).state, ResumableState::ended);
  EXPECT_FALSE(is_held(bad)) << "an end lets go";
}

TEST_P(CatalogResumable, WhatExpiredIsNamedAndWhatEndedIsForgottenLater) {
  const ResumableUpload stale = created();
  const ResumableUpload busy = created();
  const ResumableUpload ended = created();
  ASSERT_TRUE(uploads().end_resumable(claimed(ended).lease));
  EXPECT_TRUE(uploads().expired_resumables(10)->empty());
  clock_.advance(1h);
  const Claimed writing = claimed(busy);
  EXPECT_THAT(uploads().expired_resumables(10).value(), testing::ElementsAre(stale.id));
  EXPECT_TRUE(uploads().outdated_resumables(1h, 10)->empty());
  EXPECT_THAT(uploads().outdated_resumables(0h, 10).value(), testing::ElementsAre(ended.id));
  const ResumableProgress some{
      .received = 1, .total = 100, .hash_state = state("1"), .new_parts = {"1-0"}};
  ASSERT_TRUE(uploads().advance_resumable(writing.lease, some, 1h));
  ASSERT_TRUE(uploads().forget_resumable(busy.id));
  EXPECT_EQ(code_of(uploads().find_resumable(busy.id)), ErrorCode::upload_not_found);
}

INSTANTIATE_TEST_SUITE_P(Engines, CatalogResumable, testing::ValuesIn(every_engine),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace calotype
