// SPDX-License-Identifier: Apache-2.0
// When a variant is wanted often enough to be made again, and who hears of it.
#include "catalog/catalog_fixture.hpp"

namespace calotype {
namespace {

class CatalogPopularity : public CatalogFixture {};

TEST_P(CatalogPopularity, VariantThatIsWantedOftenGetsARenderJobWhenItsCountDoubles) {
  record("a");
  inspect("a");
  const VariantKey key = key_of("a");
  const VariantKey best = key_of("a", "w=301&fm=webp");
  const VariantKey unknown = key_of("a", "w=302&fm=webp");
  store(key);
  store(best);
  int woken = 0;
  catalog_->on_job_ready([&](Lane lane) { woken += lane == Lane::image ? 1 : 0; });
  const auto wanted = [&](std::uint64_t count, std::uint64_t popular_at) {
    const std::array accesses = {
        VariantCatalog::Access{.key = key, .at = clock_.now(), .count = count, .can_improve = true},
        VariantCatalog::Access{.key = best, .at = clock_.now(), .count = count},
        VariantCatalog::Access{
            .key = unknown, .at = clock_.now(), .count = count, .can_improve = true}};
    ASSERT_TRUE(catalog_->touch_variants(accesses, popular_at));
  };
  const auto jobs = [&] { return catalog_->list_jobs({}, "", 10)->rows; };
  wanted(9, 0);
  EXPECT_TRUE(jobs().empty()) << "nothing is popular where that is switched off";
  wanted(1, 20);
  wanted(9, 20);
  EXPECT_TRUE(jobs().empty()) << "19 of 20";
  EXPECT_EQ(woken, 0);
  wanted(1, 20);
  EXPECT_EQ(woken, 1);
  wanted(1, 20);
  EXPECT_EQ(jobs().size(), 1U) << "one is enough";
  const Job job = claim(Lane::image);
  EXPECT_EQ(job.kind, JobKind::render);
  EXPECT_EQ(job.asset_id, id_of("a").text());
  EXPECT_EQ(parse_render_job_key(job.key), key);
  ASSERT_TRUE(catalog_->complete_job(lease_of(job)));
  wanted(18, 20);
  EXPECT_TRUE(jobs().empty()) << "39";
  wanted(1, 20);
  EXPECT_EQ(jobs().size(), 1U) << "40: it has another chance";
  EXPECT_EQ(catalog_->find_variant(key)->value().accesses, 40U);
  catalog_->on_job_ready(nullptr);
}

TEST_P(CatalogPopularity, PopularityIsSeenWhereItWasMissedOrItsMeasureWasLowered) {
  record("a");
  inspect("a");
  const VariantKey key = key_of("a");
  store(key);
  VariantCatalog::Access access{
      .key = key, .at = clock_.now(), .count = 1'000, .can_improve = true};
  ASSERT_TRUE(catalog_->touch_variants(std::span(&access, 1), 0));
  access.count = 30;
  ASSERT_TRUE(catalog_->touch_variants(std::span(&access, 1), 16));
  EXPECT_EQ(catalog_->list_jobs({}, "", 10)->rows.size(), 1U) << "it passed 64 × 16";
}

TEST(RenderJobKey, IsReadBackAndOthersAreNot) {
  const VariantKey key{AssetId::of(Sha256::of(as_bytes("a"))), "w=3&fm=webp", "abcdefgh"};
  EXPECT_EQ(parse_render_job_key(render_job_key(key)), key);
  EXPECT_EQ(parse_variant_name(name_of(key)), key);
  for (const std::string& text : {std::string("render:x y z"), "inspect:" + key.asset_id.text(),
                                  "render:" + key.asset_id.text(), std::string()})
    EXPECT_FALSE(parse_render_job_key(text)) << text;
}

TEST_P(CatalogPopularity, ABetterVersionIsToldOnceItIsCommittedAndAnyOtherIsNot) {
  std::vector<std::string> heard;
  catalog_->on_change([&](const CatalogChange& change) {
    if (change.what == CatalogChange::What::variant_improved)
      heard.push_back(std::to_string(catalog_->variants_of(change.asset.value())->size()));
  });
  record("a");
  inspect("a");
  store(key_of("a"));
  EXPECT_TRUE(heard.empty());
  VariantKey better = key_of("a");
  better.version = "hgfedcba";
  const auto lease = std::get<VariantLease>(*catalog_->claim_variant(better, 60s));
  ASSERT_TRUE(catalog_->store_better_variant(lease, made(better)));
  EXPECT_THAT(heard, testing::ElementsAre("2"));
  EXPECT_EQ(catalog_->store_better_variant({better, lease.fence - 1}, made(better)).error().code,
            ErrorCode::lease_lost);
  EXPECT_EQ(heard.size(), 1U);
  catalog_->on_change(nullptr);
}

INSTANTIATE_TEST_SUITE_P(Engines, CatalogPopularity, testing::ValuesIn(every_engine),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace calotype
