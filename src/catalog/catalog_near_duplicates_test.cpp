// SPDX-License-Identifier: Apache-2.0
// What near_duplicate_catalog.hpp promises, held against every engine there is.
#include "catalog/catalog_fixture.hpp"
#include "catalog/near_duplicate_catalog.hpp"

namespace calotype {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

Fingerprint looks_like(std::uint64_t word, std::uint8_t quality = 100) {
  return {.whole = {word, ~0ULL, 0, 1ULL << 63},
          .middle = {0, word, 0, 0},
          .quarters = {{{1}, {}, {word}, {4}}},
          .crops = {{1, 2, 3, word}, {}},
          .quality = quality};
}

class CatalogNearDuplicates : public CatalogFixture {
 protected:
  NearDuplicateCatalog& near() { return catalog_->near_duplicates(); }
  /// Inspected, with its fingerprint: its number.
  std::int64_t bring_in(std::string_view content, const std::optional<Fingerprint>& fingerprint) {
    record(content);
    const auto kept = near().keep_fingerprint(id_of(content), fingerprint);
    EXPECT_TRUE(kept && *kept);
    inspect(content);
    return kept->value_or(0);
  }
  std::vector<std::int64_t> indexed(std::int64_t after, std::size_t limit) {
    std::vector<std::int64_t> numbers;
    const auto rows = near().fingerprints_after(after, limit).value();
    for (const IndexedFingerprint& row : rows) numbers.push_back(row.asset_no);
    return numbers;
  }
  std::vector<std::string> without(std::int64_t after) {
    std::vector<std::string> ids;
    const auto rows = near().without_fingerprint(after, 100).value();
    for (const NumberedAssetId& row : rows) ids.push_back(row.id.text());
    return ids;
  }
  bool remove(std::string_view content) {
    return catalog_->delete_uploads(id_of(content), "", 0ms).value();
  }
  std::string last_event(std::string_view content) {
    return catalog_->events_of(id_of(content))->back().because;
  }
};

TEST_P(CatalogNearDuplicates, AFingerprintIsKeptWholeAndReplaced) {
  record("a");
  EXPECT_FALSE(*near().fingerprint_of(id_of("a")));
  const auto number = near().keep_fingerprint(id_of("a"), looks_like(7)).value();
  ASSERT_TRUE(number);
  const auto kept = near().fingerprint_of(id_of("a")).value();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->asset_no, *number);
  EXPECT_EQ(kept->asset_id, id_of("a"));
  EXPECT_EQ(kept->fingerprint, looks_like(7));
  EXPECT_EQ(*near().keep_fingerprint(id_of("a"), looks_like(8)), number);
  EXPECT_EQ(near().fingerprint_of(id_of("a")).value()->fingerprint, looks_like(8));
  const auto of_both = near().fingerprints_of(std::array{*number, *number + 100}).value();
  ASSERT_EQ(of_both.size(), 1U);
  EXPECT_EQ(of_both[0].fingerprint, looks_like(8));
}

TEST_P(CatalogNearDuplicates, AnIndexIsReadPageByPageAndByTime) {
  const auto a = bring_in("a", looks_like(1));
  clock_.advance(10s);
  const auto flat = bring_in("flat", looks_like(2, fingerprint_quality_min - 1));
  const auto b = bring_in("b", looks_like(3, fingerprint_quality_min));
  bring_in("text", std::nullopt);
  EXPECT_LT(a, b);
  EXPECT_THAT(indexed(0, 10), ElementsAre(a, b)) << "nothing flat, nothing without";
  EXPECT_THAT(indexed(0, 1), ElementsAre(a));
  EXPECT_THAT(indexed(a, 10), ElementsAre(b));
  const auto since = near().fingerprints_since(clock_.now()).value();
  ASSERT_EQ(since.size(), 1U);
  EXPECT_EQ(since[0].asset_no, b);
  EXPECT_EQ(since[0].whole, looks_like(3).whole);
  EXPECT_EQ(since[0].middle, looks_like(3).middle);
  EXPECT_EQ(since[0].kept_at, clock_.now());
  EXPECT_EQ(near().count_fingerprints()->count, 2U);
  EXPECT_EQ(near().count_fingerprints()->newest, clock_.now());
  EXPECT_TRUE(*near().fingerprint_of(id_of("flat"))) << "it is kept all the same";
  EXPECT_GT(flat, a);
  EXPECT_FALSE(*near().fingerprint_of(id_of("text")));
}

TEST_P(CatalogNearDuplicates, AnEmptyCatalogHasNone) {
  EXPECT_EQ(near().count_fingerprints()->count, 0U);
  EXPECT_EQ(near().count_fingerprints()->newest, Timestamp{});
  EXPECT_THAT(indexed(0, 10), IsEmpty());
  EXPECT_THAT(*near().likenesses_of(std::array<std::int64_t, 2>{1, 2}), IsEmpty());
  EXPECT_THAT(*near().looked_like_after(0, 10), IsEmpty());
}

TEST_P(CatalogNearDuplicates, PicturesFromBeforeThereWereFingerprintsAreFound) {
  record("old");
  inspect("old");
  const auto number = bring_in("new", looks_like(1));
  bring_in("none", std::nullopt);
  record("pending");
  EXPECT_THAT(without(0), ElementsAre(id_of("old").text()));
  EXPECT_THAT(without(number), IsEmpty());
  ASSERT_TRUE(near().keep_fingerprint(id_of("old"), looks_like(2)));
  EXPECT_THAT(without(0), IsEmpty());
}

TEST_P(CatalogNearDuplicates, LikenessesAreOfAssetsThatAreHere) {
  const auto a = bring_in("a", looks_like(1));
  const auto b = bring_in("b", looks_like(2));
  record("c");
  const auto c = near().keep_fingerprint(id_of("c"), looks_like(3)).value().value();
  const Likeness pairs[] = {{a, b, 7}, {a, c, 9}};
  const std::array all{a, b, c};
  ASSERT_TRUE(near().record_likenesses(pairs));
  EXPECT_THAT(*near().likenesses_of(all), ElementsAre(Likeness{a, b, 7}))
      << "c is not inspected yet";
  inspect("c");
  EXPECT_THAT(*near().likenesses_of(all),
              UnorderedElementsAre(Likeness{a, b, 7}, Likeness{a, c, 9}));
  ASSERT_TRUE(near().record_likenesses(std::array{Likeness{a, b, 5}}));
  EXPECT_THAT(*near().likenesses_of(all),
              UnorderedElementsAre(Likeness{a, b, 5}, Likeness{a, c, 9}));
  EXPECT_THAT(*near().likenesses_of(std::array{b}), ElementsAre(Likeness{a, b, 5}));
  EXPECT_THAT(*near().likenesses_of(std::array{a}), SizeIs(2));
  EXPECT_THAT(*near().looked_like_after(0, 10), ElementsAre(a));
  EXPECT_THAT(*near().looked_like_after(a, 10), IsEmpty());
  const auto ids = near().ids_of(std::array{a, b, c + 1}).value();
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(ids[1].id, id_of("b"));
  ASSERT_TRUE(near().keep_fingerprint(id_of("b"), looks_like(4)));
  EXPECT_THAT(*near().likenesses_of(all), ElementsAre(Likeness{a, c, 9})) << "b is looked at anew";
  ASSERT_TRUE(remove("a"));
  EXPECT_THAT(*near().likenesses_of(all), IsEmpty());
  EXPECT_FALSE(*near().fingerprint_of(id_of("a")));
  EXPECT_EQ(near().count_fingerprints()->count, 2U);
  EXPECT_FALSE(*near().keep_fingerprint(id_of("a"), looks_like(1))) << "it is deleted";
}

TEST_P(CatalogNearDuplicates, MergingGivesTheUploadsAndTheUrlsToTheOther) {
  bring_in("from", looks_like(1));
  bring_in("into", looks_like(2));
  ASSERT_TRUE(catalog_->record_existing(upload_of("from", "second.jpg")));
  store(key_of("from"));
  ASSERT_TRUE(near().merge_assets(id_of("from"), id_of("into"), 0ms));
  EXPECT_EQ(state_of("from"), AssetState::deleted);
  EXPECT_EQ(state_of("into"), AssetState::metadata_ready);
  EXPECT_EQ(catalog_->uploads_of(id_of("into"))->size(), 3U);
  EXPECT_TRUE(catalog_->uploads_of(id_of("from"))->empty());
  EXPECT_EQ(*near().merged_into(id_of("from")), id_of("into"));
  EXPECT_FALSE(*near().merged_into(id_of("into")));
  EXPECT_EQ(last_event("from"), "last upload deleted: merged into " + id_of("into").text());
  EXPECT_EQ(last_event("into"), id_of("from").text() + " was merged into it");
  const Job purge = claim(Lane::maintenance);
  EXPECT_EQ(purge.kind, JobKind::expire);
  EXPECT_EQ(purge.asset_id, id_of("from").text());
}

TEST_P(CatalogNearDuplicates, AMergeIsFollowedAsLongAsItLeadsSomewhere) {
  for (const char* content : {"a", "b", "c"}) bring_in(content, std::nullopt);
  ASSERT_TRUE(near().merge_assets(id_of("a"), id_of("b"), 0ms));
  ASSERT_TRUE(near().merge_assets(id_of("b"), id_of("c"), 0ms));
  EXPECT_EQ(*near().merged_into(id_of("a")), id_of("c")) << "and not to b, which has gone";
  EXPECT_EQ(*near().merged_into(id_of("b")), id_of("c"));
  record("a");
  EXPECT_FALSE(*near().merged_into(id_of("a"))) << "it is here again";
  ASSERT_TRUE(remove("c"));
  EXPECT_FALSE(*near().merged_into(id_of("b")));
  ASSERT_TRUE(remove("a"));
  EXPECT_FALSE(*near().merged_into(id_of("a"))) << "deleted, and merged into nothing";
}

TEST_P(CatalogNearDuplicates, OnlyWhatIsInspectedIsMerged) {
  bring_in("a", std::nullopt);
  record("pending");
  const auto code = [&](const char* from, const char* into) {
    const auto merged = near().merge_assets(id_of(from), id_of(into), 0ms);
    return merged ? ErrorCode::internal : merged.error().code;
  };
  EXPECT_EQ(code("a", "a"), ErrorCode::bad_request);
  EXPECT_EQ(code("a", "unknown"), ErrorCode::asset_not_found);
  EXPECT_EQ(code("unknown", "a"), ErrorCode::asset_not_found);
  EXPECT_EQ(code("pending", "a"), ErrorCode::asset_processing);
  EXPECT_EQ(code("a", "pending"), ErrorCode::asset_processing);
  const Job job = claim();
  ASSERT_TRUE(catalog_->begin_inspection(lease_of(job), id_of("pending")).value());
  ASSERT_TRUE(catalog_->fail_inspection(lease_of(job), id_of("pending"),
                                        fail(ErrorCode::not_renderable, "It is damaged.").error()));
  EXPECT_EQ(code("pending", "a"), ErrorCode::illegal_transition);
  EXPECT_EQ(catalog_->uploads_of(id_of("a"))->size(), 1U) << "nothing of it has happened";
  EXPECT_THAT(story("a"), ElementsAre("INGESTED", "DEDUP_CHECK", "METADATA_READY"));
}

INSTANTIATE_TEST_SUITE_P(Engines, CatalogNearDuplicates, testing::ValuesIn(every_engine),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace calotype
