// SPDX-License-Identifier: Apache-2.0
// What catalog.hpp promises, held against every engine there is.
#include <atomic>
#include <set>
#include <thread>

#include "catalog/catalog_fixture.hpp"

namespace calotype {
namespace {

class CatalogConformance : public CatalogFixture {};

TEST_P(CatalogConformance, FirstUploadMakesAnAssetItsEventAndItsJob) {
  const Recorded recorded = record("a");
  EXPECT_TRUE(recorded.created);
  EXPECT_EQ(recorded.asset.state, AssetState::ingested);
  EXPECT_EQ(recorded.asset.bytes, 1U);
  const auto uploads = catalog_->uploads_of(id_of("a")).value();
  ASSERT_EQ(uploads.size(), 1U);
  EXPECT_EQ(uploads[0].id, recorded.upload_id);
  EXPECT_EQ(uploads[0].tags, (std::vector<std::string>{"x", "y"}));
  EXPECT_THAT(story("a"), testing::ElementsAre("INGESTED"));
  EXPECT_EQ(claim().asset_id, id_of("a").text());
}

TEST_P(CatalogConformance, SixtyFourAtOnceMakeOneAsset) {
  std::atomic<int> created = 0;
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 64; ++i)
      clients.emplace_back([&] {
        const auto recorded = catalog_->record_published(upload_of("same"), 0);
        ASSERT_TRUE(recorded && *recorded);
        created += (*recorded)->created ? 1 : 0;
      });
  }
  EXPECT_EQ(created, 1);
  EXPECT_EQ(catalog_->uploads_of(id_of("same"))->size(), 64U);
  EXPECT_EQ(catalog_->list_jobs({}, "", 10)->rows.size(), 1U);
}

TEST_P(CatalogConformance, KnownContentIsRecordedWithoutBytesAndUnknownIsNot) {
  EXPECT_FALSE(*catalog_->record_existing(upload_of("a")));
  record("a");
  const auto again = catalog_->record_existing(upload_of("a", "b.jpg")).value();
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->created);
  EXPECT_EQ(catalog_->uploads_of(id_of("a"))->size(), 2U);
}

TEST_P(CatalogConformance, InspectionMovesTheStateAndCompletesItsJob) {
  record("a");
  inspect("a");
  const auto asset = catalog_->find_asset(id_of("a")).value();
  EXPECT_EQ(asset->state, AssetState::metadata_ready);
  EXPECT_EQ(asset->media.width, 4000U);
  EXPECT_EQ(asset->media.orientation, 6);
  EXPECT_EQ(asset->proof->width, 640U);
  EXPECT_THAT(story("a"), testing::ElementsAre("INGESTED", "DEDUP_CHECK", "METADATA_READY"));
  EXPECT_TRUE(catalog_->list_jobs({}, "", 10)->rows.empty());
}

TEST_P(CatalogConformance, SecondAttemptGoesOnFromWhereTheFirstDied) {
  record("a");
  const Job first = claim();
  ASSERT_TRUE(*catalog_->begin_inspection(lease_of(first), id_of("a")));
  clock_.advance(61s);
  const Job second = claim();
  EXPECT_GT(second.fence, first.fence);
  EXPECT_EQ(second.attempts, 2);
  EXPECT_TRUE(*catalog_->begin_inspection(lease_of(second), id_of("a")));
  const auto late = catalog_->finish_inspection(lease_of(first), id_of("a"), photo(), {});
  ASSERT_FALSE(late) << "a worker that woke up must not overwrite its successor";
  EXPECT_EQ(late.error().code, ErrorCode::lease_lost);
  EXPECT_TRUE(catalog_->finish_inspection(lease_of(second), id_of("a"), photo(), {}));
}

TEST_P(CatalogConformance, DamagedImageFailsWithItsReasonAndCanBeRetried) {
  record("a");
  const Job job = claim();
  ASSERT_TRUE(*catalog_->begin_inspection(lease_of(job), id_of("a")));
  const Error reason{ErrorCode::not_renderable, "premature end", "", {}};
  ASSERT_TRUE(catalog_->fail_inspection(lease_of(job), id_of("a"), reason));
  const auto asset = catalog_->find_asset(id_of("a")).value();
  EXPECT_EQ(asset->state, AssetState::metadata_failed);
  EXPECT_EQ(asset->failure_code, "NOT_RENDERABLE");
  EXPECT_EQ(asset->failure_message, "premature end");
  ASSERT_TRUE(catalog_->retry_inspection(id_of("a")));
  EXPECT_EQ(state_of("a"), AssetState::ingested);
  EXPECT_TRUE(catalog_->find_asset(id_of("a")).value()->failure_code.empty());
  inspect("a");
  const auto refused = catalog_->retry_inspection(id_of("a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::illegal_transition);
  EXPECT_THAT(refused.error().message,
              testing::AllOf(testing::HasSubstr("METADATA_READY"), testing::HasSubstr("INGESTED")));
}

TEST_P(CatalogConformance, AttemptsRunOutAndADeadLetterCanBeRetried) {
  record("a");
  const Error crash{ErrorCode::renderer_failed, "it crashed", "", {}};
  for (int attempt = 1; attempt <= attempts_max; ++attempt) {
    const Job job = claim();
    EXPECT_EQ(job.attempts, attempt);
    ASSERT_TRUE(*catalog_->begin_inspection(lease_of(job), id_of("a")));
    ASSERT_TRUE(catalog_->fail_job(lease_of(job), crash, 2s));
    EXPECT_TRUE(catalog_->claim_jobs(Lane::metadata, 1, 60s)->empty()) << "not before its delay";
    clock_.advance(3s);
  }
  EXPECT_EQ(state_of("a"), AssetState::metadata_failed);
  const auto dead = catalog_->list_jobs({.state = JobState::dead}, "", 10)->rows;
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].last_error, "RENDERER_FAILED: it crashed");
  EXPECT_FALSE(*catalog_->next_due(Lane::metadata));
  ASSERT_TRUE(catalog_->retry_job(dead[0].id));
  EXPECT_EQ(state_of("a"), AssetState::ingested);
  EXPECT_EQ(catalog_->retry_job(dead[0].id).error().code, ErrorCode::job_not_retryable);
  EXPECT_EQ(catalog_->retry_job("none").error().code, ErrorCode::job_not_found);
  inspect("a");
}

TEST_P(CatalogConformance, LeasesThatKeepRunningOutEndAsADeadLetterToo) {
  record("a");
  for (int attempt = 1; attempt <= attempts_max; ++attempt) {
    claim();
    clock_.advance(61s);
  }
  EXPECT_TRUE(catalog_->claim_jobs(Lane::metadata, 1, 60s)->empty());
  EXPECT_EQ(state_of("a"), AssetState::metadata_failed);
}

TEST_P(CatalogConformance, UpkeepNeverDies) {
  ASSERT_TRUE(catalog_->enqueue(JobKind::scrub, "scrub", "", 0ms));
  for (int attempt = 1; attempt <= attempts_max; ++attempt) {
    claim(Lane::maintenance);
    clock_.advance(61s);  // nobody was heard of again
  }
  EXPECT_TRUE(catalog_->claim_jobs(Lane::maintenance, 1, 60s)->empty()) << "it rests";
  clock_.advance(61s);
  for (int attempt = 1; attempt <= attempts_max; ++attempt) {
    const Job job = claim(Lane::maintenance);
    EXPECT_EQ(job.attempts, attempt);
    ASSERT_TRUE(catalog_->fail_job(lease_of(job), Error{ErrorCode::internal, "no", "", {}}, 0ms));
  }
  EXPECT_TRUE(catalog_->list_jobs({.state = JobState::dead}, "", 10)->rows.empty());
}

TEST_P(CatalogConformance, LeaseCanBeExtendedPutBackAndEndedByARestart) {
  record("a");
  const Job job = claim();
  clock_.advance(50s);
  ASSERT_TRUE(catalog_->extend_lease(lease_of(job), 60s));
  clock_.advance(50s);
  EXPECT_TRUE(catalog_->claim_jobs(Lane::metadata, 1, 60s)->empty());
  ASSERT_TRUE(catalog_->put_back_job(lease_of(job), 0s));
  const Job again = claim();
  EXPECT_EQ(again.attempts, 1) << "an interruption is not an attempt";
  EXPECT_EQ(catalog_->extend_lease(lease_of(job), 60s).error().code, ErrorCode::lease_lost);
  ASSERT_TRUE(catalog_->end_all_leases());
  EXPECT_EQ(claim().attempts, 1);
}

TEST_P(CatalogConformance, EnqueueingTwiceMakesOneJobAndWakesItsLane) {
  std::atomic<int> woken = 0;
  catalog_->on_job_ready([&](Lane lane) { woken += lane == Lane::maintenance ? 1 : 0; });
  ASSERT_TRUE(catalog_->enqueue(JobKind::scrub, "scrub", "", 0ms));
  ASSERT_TRUE(catalog_->enqueue(JobKind::scrub, "scrub", "", 0ms));
  EXPECT_GE(woken, 1);
  EXPECT_EQ(catalog_->list_jobs({}, "", 10)->rows.size(), 1U);
  const Job job = claim(Lane::maintenance);
  ASSERT_TRUE(catalog_->complete_job(lease_of(job)));
  EXPECT_EQ(catalog_->complete_job(lease_of(job)).error().code, ErrorCode::lease_lost);
  catalog_->on_job_ready(nullptr);
}

TEST_P(CatalogConformance, FirstVariantMakesTheAssetReadyAndTheLastExpiryTakesItBack) {
  record("a");
  inspect("a");
  const VariantKey key = key_of("a");
  EXPECT_FALSE(*catalog_->find_variant(key));
  const VariantRow row = store(key);
  EXPECT_EQ(state_of("a"), AssetState::variants_ready);
  EXPECT_EQ(catalog_->find_variant(key).value()->blob_key, row.blob_key);
  EXPECT_EQ(catalog_->variants_of(id_of("a"))->size(), 1U);
  clock_.advance(24h);
  const VariantCatalog::Access access{key, clock_.now(), 3};
  const VariantCatalog::Access late{key, clock_.now() - 1h, 2};
  ASSERT_TRUE(catalog_->touch_variants(std::vector{access, late}, 0));
  EXPECT_EQ(catalog_->find_variant(key)->value().accesses, 5U);
  EXPECT_EQ(catalog_->find_variant(key)->value().last_access_at, clock_.now()) << "never back";
  EXPECT_EQ(*catalog_->expire_variants(clock_.now(), 10), 0U) << "somebody wanted it";
  EXPECT_EQ(*catalog_->expire_variants(clock_.now() + 1s, 10), 1U);
  EXPECT_EQ(state_of("a"), AssetState::metadata_ready);
  EXPECT_THAT(*catalog_->garbage(10), testing::ElementsAre(row.blob_key));
  EXPECT_EQ(catalog_->owned(std::vector{row.blob_key})->size(), 1U) << "until it is removed";
  ASSERT_TRUE(catalog_->forget_garbage(std::vector{row.blob_key}));
  EXPECT_TRUE(catalog_->owned(std::vector{row.blob_key})->empty());
}

TEST_P(CatalogConformance, LeaseOfAVariantIsExtendedByItsHolderOnly) {
  record("a");
  inspect("a");
  const auto key = key_of("a");
  const auto first = std::get<VariantLease>(catalog_->claim_variant(key, 8s).value());
  clock_.advance(6s);
  ASSERT_TRUE(catalog_->extend_variant(first, 8s));
  clock_.advance(6s);
  const auto busy = std::get<VariantCatalog::Busy>(catalog_->claim_variant(key, 8s).value());
  EXPECT_EQ(busy.until, clock_.now() + 2s);
  clock_.advance(3s);
  const auto second = std::get<VariantLease>(catalog_->claim_variant(key, 8s).value());
  EXPECT_EQ(catalog_->extend_variant(first, 8s).error().code, ErrorCode::lease_lost);
  ASSERT_TRUE(catalog_->store_variant(second, made(key)));
  EXPECT_EQ(catalog_->extend_variant(second, 8s).error().code, ErrorCode::lease_lost) << "stored";
  EXPECT_EQ(catalog_->store_variant(first, made(key)).error().code, ErrorCode::lease_lost);
}

TEST_P(CatalogConformance, DeletionsAreToldByTheirTimeAndOnlyWhileTheyLast) {
  record("a");
  record("b");
  const Timestamp before = clock_.now();
  ASSERT_TRUE(*catalog_->delete_uploads(id_of("a"), "", 0s));
  clock_.advance(5s);
  ASSERT_TRUE(*catalog_->delete_uploads(id_of("b"), "", 0s));
  const auto both = catalog_->deletions_since(before, 10).value();
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].asset_id, id_of("b")) << "the newest first";
  EXPECT_EQ(both[1].asset_id, id_of("a"));
  EXPECT_EQ(both[1].at, before);
  EXPECT_EQ(catalog_->deletions_since(before, 1)->size(), 1U);
  EXPECT_EQ(catalog_->deletions_since(clock_.now(), 10)->size(), 1U);
  EXPECT_TRUE(catalog_->deletions_since(clock_.now() + 1ms, 10)->empty());
  record("b");
  EXPECT_EQ(catalog_->deletions_since(before, 10)->size(), 1U) << "brought in again";
}

TEST_P(CatalogConformance, VariantIsMadeByOneAtATimeUnderTheNewestFence) {
  record("a");
  inspect("a");
  const VariantKey key = key_of("a");
  const auto first = std::get<VariantLease>(*catalog_->claim_variant(key, 60s));
  EXPECT_TRUE(std::holds_alternative<VariantCatalog::Busy>(*catalog_->claim_variant(key, 60s)));
  clock_.advance(61s);
  const auto second = std::get<VariantLease>(*catalog_->claim_variant(key, 60s));
  const VariantRow late = made(key);
  EXPECT_EQ(catalog_->store_variant(first, late).error().code, ErrorCode::lease_lost);
  EXPECT_THAT(*catalog_->garbage(10), testing::Contains(late.blob_key));
  ASSERT_TRUE(catalog_->release_variant(second));
  store(key);
  EXPECT_TRUE(std::holds_alternative<VariantRow>(*catalog_->claim_variant(key, 60s)));
  ASSERT_TRUE(catalog_->drop_variant(key));
  EXPECT_FALSE(*catalog_->find_variant(key));
  EXPECT_EQ(state_of("a"), AssetState::metadata_ready);
}

TEST_P(CatalogConformance, LeaseOfAVariantIsExtendedUntilItIsLost) {
  record("a");
  inspect("a");
  const VariantKey key = key_of("a");
  const auto lease = std::get<VariantLease>(*catalog_->claim_variant(key, 10s));
  clock_.advance(8s);
  ASSERT_TRUE(catalog_->extend_variant(lease, 10s));
  clock_.advance(8s);
  EXPECT_TRUE(std::holds_alternative<VariantCatalog::Busy>(*catalog_->claim_variant(key, 10s)));
  clock_.advance(3s);
  const auto next = std::get<VariantLease>(*catalog_->claim_variant(key, 10s));
  EXPECT_EQ(catalog_->extend_variant(lease, 10s).error().code, ErrorCode::lease_lost);
  ASSERT_TRUE(catalog_->store_variant(next, made(key)));
  EXPECT_EQ(catalog_->extend_variant(next, 10s).error().code, ErrorCode::lease_lost);
}

TEST_P(CatalogConformance, ChangesAreToldAfterTheyAreCommittedAndRefusalsAreNot) {
  std::vector<std::string> heard;
  catalog_->on_change([&](const CatalogChange& change) {
    if (change.what == CatalogChange::What::asset_deleted)
      heard.push_back("deleted " + change.asset->text() + " " +
                      std::string(to_string(catalog_->find_asset(*change.asset).value()->state)));
    if (change.what == CatalogChange::What::keys_changed)
      heard.push_back("keys " + std::to_string(catalog_->list_keys()->size()));
  });
  const auto first = record("a").upload_id;
  const auto second = catalog_->record_existing(upload_of("a")).value()->upload_id;
  ASSERT_TRUE(catalog_->delete_uploads(id_of("a"), first, 0s));
  EXPECT_TRUE(heard.empty());
  ASSERT_TRUE(catalog_->delete_uploads(id_of("a"), second, 0s));
  EXPECT_FALSE(catalog_->delete_uploads(id_of("a"), second, 0s));
  const auto key = catalog_->create_key("ci", {}, Sha256::of(as_bytes("secret"))).value();
  ASSERT_TRUE(catalog_->revoke_key(key.id));
  EXPECT_FALSE(catalog_->revoke_key(key.id));
  EXPECT_THAT(
      heard, testing::ElementsAre("deleted " + id_of("a").text() + " DELETED", "keys 1", "keys 0"));
  catalog_->on_change(nullptr);
  record("b");
  ASSERT_TRUE(catalog_->delete_uploads(id_of("b"), "", 0s));
  EXPECT_EQ(heard.size(), 3U);
}

TEST_P(CatalogConformance, DeletingOneOfTwoUploadsLeavesTheAsset) {
  const auto first = record("a").upload_id;
  const auto second = catalog_->record_existing(upload_of("a")).value()->upload_id;
  EXPECT_FALSE(*catalog_->delete_uploads(id_of("a"), first, 0s));
  EXPECT_EQ(state_of("a"), AssetState::ingested);
  EXPECT_EQ(catalog_->delete_uploads(id_of("a"), first, 0s).error().code,
            ErrorCode::upload_not_found);
  EXPECT_TRUE(*catalog_->delete_uploads(id_of("a"), second, 0s));
  EXPECT_EQ(state_of("a"), AssetState::deleted);
  EXPECT_EQ(catalog_->delete_uploads(id_of("a"), "", 0s).error().code, ErrorCode::asset_not_found);
}

TEST_P(CatalogConformance, DeletionLeavesNothingOwnedAndRefusesLateResults) {
  record("a");
  inspect("a");
  const VariantRow row = store(key_of("a"));
  const auto lease =
      std::get<VariantLease>(*catalog_->claim_variant(key_of("a", "w=9&fm=png"), 60s));
  EXPECT_TRUE(*catalog_->delete_uploads(id_of("a"), "", 0s));
  EXPECT_TRUE(catalog_->variants_of(id_of("a"))->empty());
  EXPECT_EQ(catalog_->garbage(10)->size(), 2U) << "the proof and the variant";
  const VariantRow late = made(lease.key);
  EXPECT_EQ(catalog_->store_variant(lease, late).error().code, ErrorCode::asset_not_found);
  EXPECT_THAT(*catalog_->garbage(10), testing::Contains(late.blob_key));
  EXPECT_EQ(catalog_->claim_variant(row.key, 60s).error().code, ErrorCode::asset_not_found);
  EXPECT_EQ(claim(Lane::maintenance).kind, JobKind::expire);
}

TEST_P(CatalogConformance, DeletionDuringInspectionDiscardsWhatItFinds) {
  record("a");
  const Job job = claim();
  ASSERT_TRUE(*catalog_->begin_inspection(lease_of(job), id_of("a")));
  ASSERT_TRUE(*catalog_->delete_uploads(id_of("a"), "", 0s));
  ASSERT_TRUE(catalog_->finish_inspection(lease_of(job), id_of("a"), photo(),
                                          Proof{"proofs/late", 1, 1, 1}));
  EXPECT_THAT(*catalog_->garbage(10), testing::ElementsAre("proofs/late"));
  EXPECT_EQ(state_of("a"), AssetState::deleted);
}

TEST_P(CatalogConformance, PurgeThatItsWorkersDiedOfStartsAnew) {
  record("a");
  inspect("a");
  ASSERT_TRUE(*catalog_->delete_uploads(id_of("a"), "", 0ms));
  for (int attempt = 0; attempt < 3; ++attempt) {
    ASSERT_TRUE(*catalog_->begin_purge(lease_of(claim(Lane::maintenance)), id_of("a")));
    clock_.advance(61s);  // nobody was heard of again
  }
  EXPECT_TRUE(catalog_->claim_jobs(Lane::maintenance, 1, 60s)->empty()) << "it is dead";
  const auto now = [&] { return catalog_->presence(Sha256::of(as_bytes("a")))->purge_epoch; };
  EXPECT_FALSE(*catalog_->record_published(upload_of("a"), now())) << "its bytes may be going";
  EXPECT_EQ(*catalog_->retry_dead_jobs(JobKind::scrub), 0U);
  EXPECT_EQ(*catalog_->retry_dead_jobs(JobKind::expire), 1U);
  EXPECT_EQ(*catalog_->retry_dead_jobs(JobKind::expire), 0U);
  const Job again = claim(Lane::maintenance);
  EXPECT_EQ(again.attempts, 1);
  ASSERT_TRUE(*catalog_->begin_purge(lease_of(again), id_of("a")));
  ASSERT_TRUE(catalog_->finish_purge(lease_of(again), id_of("a")));
  EXPECT_TRUE(*catalog_->record_published(upload_of("a"), now()));
}

TEST_P(CatalogConformance, EveryProgramIsToldTheSameSecret) {
  const SharedSecret secret = catalog_->shared_secret().value();
  EXPECT_NE(secret, SharedSecret{});
  EXPECT_EQ(catalog_->shared_secret().value(), secret);
  if (catalog_->is_shared()) {
    EXPECT_EQ(open_another()->shared_secret().value(), secret);
  }
  open();
  EXPECT_EQ(catalog_->shared_secret().value(), secret);
}

TEST_P(CatalogConformance, PurgeBetweenPublishAndRecordMakesTheUploadPublishAgain) {
  const Digest digest = Sha256::of(as_bytes("a"));
  record("a");
  ASSERT_TRUE(*catalog_->delete_uploads(id_of("a"), "", 0s));
  const auto before = catalog_->presence(digest).value();
  EXPECT_FALSE(before.stored);
  const JobLease lease = lease_of(claim(Lane::maintenance));
  ASSERT_TRUE(*catalog_->begin_purge(lease, id_of("a")));
  EXPECT_FALSE(*catalog_->record_published(upload_of("a"), before.purge_epoch)) << "under way";
  ASSERT_TRUE(catalog_->finish_purge(lease, id_of("a")));
  EXPECT_FALSE(*catalog_->record_published(upload_of("a"), before.purge_epoch)) << "intervened";
  const auto after = catalog_->presence(digest).value();
  const auto recorded = catalog_->record_published(upload_of("a"), after.purge_epoch).value();
  ASSERT_TRUE(recorded);
  EXPECT_TRUE(recorded->created);
  EXPECT_EQ(catalog_->begin_purge(lease, id_of("a")).error().code, ErrorCode::lease_lost)
      << "brought in again, so nobody is to expire it";
  EXPECT_THAT(story("a"), testing::ElementsAre("INGESTED", "DELETED", "INGESTED"));
  inspect("a");
}

TEST_P(CatalogConformance, OrphanIsAdoptedAsATombstoneUnlessItHasAnOwner) {
  record("owned");
  EXPECT_FALSE(*catalog_->adopt_orphan(Sha256::of(as_bytes("owned")), 5));
  EXPECT_TRUE(*catalog_->adopt_orphan(Sha256::of(as_bytes("lost")), 4));
  EXPECT_EQ(state_of("lost"), AssetState::deleted);
  EXPECT_EQ(claim(Lane::maintenance).asset_id, id_of("lost").text());
  const auto raw = [](std::string_view content) {
    const std::string hex = Sha256::of(as_bytes(content)).hex();
    return "raw/" + hex.substr(0, 2) + "/" + hex.substr(2, 2) + "/" + hex;
  };
  EXPECT_THAT(*catalog_->owned(std::vector{raw("owned"), raw("lost"), raw("never")}),
              testing::ElementsAre(raw("owned")));
}

TEST_P(CatalogConformance, CursorsStayStableWhileAssetsComeIn) {
  for (int i = 0; i < 25; ++i) record("asset " + std::to_string(i));
  std::vector<std::string> seen;
  std::string cursor;
  do {
    const auto page = catalog_->list_assets({}, cursor, 10).value();
    for (const AssetRow& row : page.rows) seen.push_back(row.id.text());
    cursor = page.next;
    record("newcomer " + std::to_string(seen.size()));
  } while (!cursor.empty());
  EXPECT_EQ(seen.size(), 25U);
  EXPECT_EQ(seen.front(), id_of("asset 24").text()) << "newest first";
  EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), 25U);
  EXPECT_EQ(catalog_->list_assets({}, "nonsense", 10).error().code, ErrorCode::bad_request);
  EXPECT_TRUE(catalog_->list_assets({.state = AssetState::deleted}, "", 10)->rows.empty());
}

TEST_P(CatalogConformance, KeysAreFoundByHashUntilTheyAreRevoked) {
  const Digest hash = Sha256::of(as_bytes("secret"));
  const std::vector<std::string> scopes{"read", "write"};
  const auto key = catalog_->create_key("ci", scopes, hash).value();
  EXPECT_EQ(catalog_->find_key(hash).value()->scopes, scopes);
  EXPECT_EQ(catalog_->list_keys()->size(), 1U);
  ASSERT_TRUE(catalog_->revoke_key(key.id));
  EXPECT_FALSE(*catalog_->find_key(hash));
  EXPECT_EQ(catalog_->revoke_key(key.id).error().code, ErrorCode::key_not_found);
}

TEST_P(CatalogConformance, OneFailingWriteOfABatchUndoesItselfOnly) {
  record("a");
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 32; ++i)
      clients.emplace_back([&, i] {
        if (i % 2 == 0) {
          refused += catalog_->delete_uploads(id_of("a"), "none", 0s) ? 0 : 1;
        } else {
          EXPECT_TRUE(*catalog_->record_published(upload_of(std::to_string(i)), 0));
        }
      });
  }
  EXPECT_EQ(refused, 16);
  EXPECT_EQ(catalog_->list_assets({}, "", 100)->rows.size(), 17U);
}

TEST_P(CatalogConformance, WhatWasRecordedIsThereAfterReopening) {
  record("a");
  inspect("a");
  store(key_of("a"));
  open();
  EXPECT_EQ(state_of("a"), AssetState::variants_ready);
  EXPECT_TRUE(*catalog_->find_variant(key_of("a")));
  EXPECT_TRUE(catalog_->check());
}

INSTANTIATE_TEST_SUITE_P(Engines, CatalogConformance, testing::ValuesIn(every_engine),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace calotype
