// SPDX-License-Identifier: Apache-2.0
// What happens in between: every order of two stories, many workers at once, workers that wake up
// too late, and every step that the state machine does not have.
#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "catalog/catalog_fixture.hpp"

namespace calotype {
namespace {

class CatalogRaces : public CatalogFixture {
 protected:
  /// Brings the content to that state.
  void bring(std::string_view content, AssetState state) {
    record(content);
    if (state == AssetState::ingested) return;
    if (state == AssetState::deleted) {
      ASSERT_TRUE(*catalog_->delete_uploads(id_of(content), "", 0s));
      return;
    }
    const Job job = claim();
    ASSERT_TRUE(*catalog_->begin_inspection(lease_of(job), id_of(content)));
    if (state == AssetState::dedup_check) return;
    if (state == AssetState::metadata_failed) {
      ASSERT_TRUE(catalog_->fail_inspection(lease_of(job), id_of(content),
                                            {ErrorCode::not_renderable, "broken", "", {}}));
      return;
    }
    ASSERT_TRUE(catalog_->finish_inspection(lease_of(job), id_of(content), photo(), {}));
    if (state == AssetState::variants_ready) store(key_of(content));
  }

  static constexpr std::array every_state = {
      AssetState::ingested,       AssetState::dedup_check,     AssetState::metadata_ready,
      AssetState::variants_ready, AssetState::metadata_failed, AssetState::deleted};
};

/// One upload of a deleted asset's content against the purge of its bytes.
struct PurgeRace {
  Catalog& catalog;
  std::string_view content;
  bool bytes = true;  // what the folder would have
  bool purging = false;
  JobLease lease{};
  std::int64_t epoch = 0;
  bool recorded = false;

  void step(char name) {
    const AssetId id = id_of(content);
    switch (name) {
      case 'a':
        epoch = catalog.presence(Sha256::of(as_bytes(content)))->purge_epoch;
        break;
      case 'b':
        bytes = true;  // published
        break;
      case 'c':
        recorded = catalog.record_published(upload_of(content), epoch)->has_value();
        break;
      case 'x':
        begin(id);
        break;
      case 'y':
        if (purging) bytes = false;  // removed
        break;
      default:
        if (purging) catalog.finish_purge(lease, id).value();
    }
  }
  void begin(const AssetId& id) {
    const auto jobs = catalog.claim_jobs(Lane::maintenance, 1, 60s).value();
    if (jobs.empty()) return;  // brought in again: there is nothing to expire
    lease = {jobs.front().id, jobs.front().fence};
    purging = catalog.begin_purge(lease, id).value();
  }
};

TEST_P(CatalogRaces, NoOrderOfUploadAndPurgeLeavesAStoredAssetWithoutItsBytes) {
  std::string order = "abcxyz";  // each story's steps stay in their own order
  int orders = 0;
  int refused = 0;
  do {
    if (order.find('a') > order.find('b') || order.find('b') > order.find('c') ||
        order.find('x') > order.find('y') || order.find('y') > order.find('z'))
      continue;
    ++orders;
    bring(order, AssetState::deleted);
    PurgeRace race{.catalog = *catalog_, .content = order};
    for (const char name : order) race.step(name);
    if (race.recorded) {
      EXPECT_TRUE(race.bytes) << order;
    } else {
      ++refused;
      for (const char name : {'a', 'b', 'c'}) race.step(name);
    }
    EXPECT_TRUE(race.recorded) << order << ": a second try succeeds once the purge is over";
    EXPECT_EQ(state_of(order), AssetState::ingested) << order;
    EXPECT_TRUE(race.bytes) << order;
  } while (std::ranges::next_permutation(order).found);
  EXPECT_EQ(orders, 20);
  EXPECT_GT(refused, 0);
}

TEST_P(CatalogRaces, PurgeWhoseWorkerGaveUpLetsUploadsInAgain) {
  bring("a", AssetState::deleted);
  const Job job = claim(Lane::maintenance);
  ASSERT_TRUE(*catalog_->begin_purge(lease_of(job), id_of("a")));
  const auto epoch = [&] { return catalog_->presence(Sha256::of(as_bytes("a")))->purge_epoch; };
  EXPECT_FALSE(*catalog_->record_published(upload_of("a"), epoch()));
  const auto during = epoch();
  const Error reason{ErrorCode::storage_failed, "no", "", {}};
  ASSERT_TRUE(catalog_->fail_job(lease_of(job), reason, 2s));
  EXPECT_FALSE(*catalog_->record_published(upload_of("a"), during)) << "its bytes may be gone";
  EXPECT_TRUE(*catalog_->record_published(upload_of("a"), epoch()));
  EXPECT_TRUE(catalog_->claim_jobs(Lane::maintenance, 1, 60s)->empty()) << "nothing to expire";
}

TEST_P(CatalogRaces, PurgeWhoseLeaseRanOutIsStillUnderWayUntilARestart) {
  bring("a", AssetState::deleted);
  const Job first = claim(Lane::maintenance);
  ASSERT_TRUE(*catalog_->begin_purge(lease_of(first), id_of("a")));
  for (int attempt = 1; attempt < attempts_max; ++attempt) {
    clock_.advance(61s);
    claim(Lane::maintenance);
  }
  clock_.advance(61s);
  ASSERT_TRUE(catalog_->claim_jobs(Lane::maintenance, 1, 60s)->empty());
  ASSERT_EQ(catalog_->list_jobs({.state = JobState::dead}, "", 10)->rows.size(), 1U);
  const auto epoch = catalog_->presence(Sha256::of(as_bytes("a")))->purge_epoch;
  EXPECT_FALSE(*catalog_->record_published(upload_of("a"), epoch)) << "its worker may wake up";
  ASSERT_TRUE(catalog_->end_all_leases());
  EXPECT_FALSE(*catalog_->record_published(upload_of("a"), epoch)) << "published during a purge";
  const auto after = catalog_->presence(Sha256::of(as_bytes("a")))->purge_epoch;
  EXPECT_TRUE(*catalog_->record_published(upload_of("a"), after));
}

TEST_P(CatalogRaces, PurgeThatSleptPastItsLeaseNeitherBeginsNorEnds) {
  bring("a", AssetState::deleted);
  const Job slept = claim(Lane::maintenance);
  ASSERT_TRUE(*catalog_->begin_purge(lease_of(slept), id_of("a")));
  clock_.advance(61s);
  const Job successor = claim(Lane::maintenance);
  ASSERT_TRUE(*catalog_->begin_purge(lease_of(successor), id_of("a")));
  EXPECT_EQ(catalog_->finish_purge(lease_of(slept), id_of("a")).error().code,
            ErrorCode::lease_lost);
  EXPECT_EQ(catalog_->begin_purge(lease_of(slept), id_of("a")).error().code, ErrorCode::lease_lost);
  EXPECT_EQ(catalog_->extend_lease(lease_of(slept), 60s).error().code, ErrorCode::lease_lost);
  const auto during = catalog_->presence(Sha256::of(as_bytes("a")))->purge_epoch;
  EXPECT_FALSE(*catalog_->record_published(upload_of("a"), during)) << "still under way";
  ASSERT_TRUE(catalog_->finish_purge(lease_of(successor), id_of("a")));
  const auto after = catalog_->presence(Sha256::of(as_bytes("a")))->purge_epoch;
  EXPECT_TRUE(*catalog_->record_published(upload_of("a"), after));
}

TEST_P(CatalogRaces, RetryingAnInspectionIsLegalAfterAFailureOnly) {
  for (const AssetState state : every_state) {
    const std::string content = "retry " + std::string(to_string(state));
    bring(content, state);
    const auto events = story(content);
    const auto retried = catalog_->retry_inspection(id_of(content));
    if (state == AssetState::metadata_failed) {
      EXPECT_TRUE(retried);
      continue;
    }
    ASSERT_FALSE(retried) << content;
    EXPECT_EQ(retried.error().code, state == AssetState::deleted ? ErrorCode::asset_not_found
                                                                 : ErrorCode::illegal_transition);
    EXPECT_EQ(state_of(content), state);
    EXPECT_EQ(story(content), events) << "a refusal leaves no event";
  }
}

TEST_P(CatalogRaces, VariantsAreClaimedOfInspectedAssetsOnly) {
  for (const AssetState state : every_state) {
    const std::string content = "claim " + std::string(to_string(state));
    bring(content, state);
    const auto claimed = catalog_->claim_variant(key_of(content, "w=1&fm=png"), 60s);
    const bool ready = state == AssetState::metadata_ready || state == AssetState::variants_ready;
    EXPECT_EQ(claimed.has_value(), ready) << content;
    if (claimed) continue;
    EXPECT_EQ(claimed.error().code, ErrorCode::asset_not_found);
  }
}

TEST_P(CatalogRaces, ResultOfAnInspectionThatNeverBeganIsIllegal) {
  record("a");
  const Job job = claim();
  const auto finished = catalog_->finish_inspection(lease_of(job), id_of("a"), photo(), {});
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, ErrorCode::illegal_transition);
  EXPECT_THAT(finished.error().message,
              testing::AllOf(testing::HasSubstr("INGESTED"), testing::HasSubstr("METADATA_READY")));
  EXPECT_TRUE(catalog_->extend_lease(lease_of(job), 60s)) << "nothing of it has happened";
}

TEST_P(CatalogRaces, WorkerOfADeletedAssetHasNothingToDo) {
  record("a");
  const Job job = claim();
  ASSERT_TRUE(*catalog_->delete_uploads(id_of("a"), "", 1h));
  EXPECT_FALSE(*catalog_->begin_inspection(lease_of(job), id_of("a")));
  EXPECT_TRUE(catalog_->fail_inspection(lease_of(job), id_of("a"),
                                        {ErrorCode::not_renderable, "late", "", {}}));
  EXPECT_EQ(state_of("a"), AssetState::deleted);
  EXPECT_FALSE(*catalog_->next_due(Lane::metadata));
}

TEST_P(CatalogRaces, WorkerFromBeforeADeletionCannotTouchWhatWasBroughtInAgain) {
  record("a");
  const Job old = claim();
  ASSERT_TRUE(*catalog_->begin_inspection(lease_of(old), id_of("a")));
  ASSERT_TRUE(*catalog_->delete_uploads(id_of("a"), "", 1h));
  record("a");
  EXPECT_EQ(catalog_->begin_inspection(lease_of(old), id_of("a")).error().code,
            ErrorCode::lease_lost);
  EXPECT_EQ(catalog_->finish_inspection(lease_of(old), id_of("a"), photo(), {}).error().code,
            ErrorCode::lease_lost);
  EXPECT_EQ(state_of("a"), AssetState::ingested);
  inspect("a");
  EXPECT_THAT(story("a"), testing::ElementsAre("INGESTED", "DEDUP_CHECK", "DELETED", "INGESTED",
                                               "DEDUP_CHECK", "METADATA_READY"));
  const auto events = catalog_->events_of(id_of("a")).value();
  for (std::size_t i = 0; i < events.size(); ++i)
    EXPECT_EQ(events[i].seq, static_cast<std::int64_t>(i) + 1);
}

TEST_P(CatalogRaces, LeaseOfAVariantThatWasReleasedIsOverForGood) {
  bring("a", AssetState::metadata_ready);
  const VariantKey key = key_of("a");
  const auto first = std::get<VariantLease>(*catalog_->claim_variant(key, 60s));
  ASSERT_TRUE(catalog_->release_variant(first));
  const auto second = std::get<VariantLease>(*catalog_->claim_variant(key, 60s));
  EXPECT_NE(first.fence, second.fence);
  EXPECT_EQ(catalog_->store_variant(first, made(key)).error().code, ErrorCode::lease_lost);
  const VariantRow row = made(key);
  ASSERT_TRUE(catalog_->store_variant(second, row));
  EXPECT_TRUE(catalog_->store_variant(second, row)) << "said twice";
  EXPECT_THAT(*catalog_->garbage(10), testing::Not(testing::Contains(row.blob_key)));
  ASSERT_TRUE(catalog_->release_variant(second)) << "late";
  EXPECT_TRUE(*catalog_->find_variant(key));
}

TEST_P(CatalogRaces, EveryJobIsClaimedByOneWorkerOnly) {
  constexpr std::size_t jobs = 200;
  for (std::size_t i = 0; i < jobs; ++i) record("job " + std::to_string(i));
  std::mutex mutex;
  std::set<std::string> claimed;
  std::size_t claims = 0;
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < 8; ++i)
      workers.emplace_back([&] {
        for (;;) {
          const auto mine = catalog_->claim_jobs(Lane::metadata, 3, 60s).value();
          if (mine.empty()) return;
          const std::lock_guard lock(mutex);
          for (const Job& job : mine) claimed.insert(job.id);
          claims += mine.size();
        }
      });
  }
  EXPECT_EQ(claims, jobs);
  EXPECT_EQ(claimed.size(), jobs);
  const auto counts = catalog_->count_jobs().value();
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].count, jobs);
  EXPECT_EQ(counts[0].state, JobState::running);
}

TEST_P(CatalogRaces, DeadLettersStandInNobodysWay) {
  ASSERT_TRUE(catalog_->enqueue(JobKind::inspect, "odd", "not an asset", 0ms));
  for (int attempt = 1; attempt <= attempts_max; ++attempt) {
    claim();
    clock_.advance(61s);
  }
  record("a");
  clock_.advance(1s);
  const auto jobs = catalog_->claim_jobs(Lane::metadata, 2, 60s).value();
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0].asset_id, id_of("a").text());
  EXPECT_EQ(catalog_->list_jobs({.state = JobState::dead}, "", 10)->rows.size(), 1U);
}

TEST_P(CatalogRaces, NothingIsWokenOnceTheWakeIsTakenBack) {
  std::atomic<bool> listening = true;
  std::atomic<int> late = 0;
  std::atomic<int> woken = 0;
  catalog_->on_job_ready([&](Lane) {
    ++woken;
    if (!listening) ++late;
  });
  std::jthread client([&] {
    for (int i = 0; i < 50; ++i) record("wake " + std::to_string(i));
  });
  while (woken < 10) std::this_thread::yield();
  catalog_->on_job_ready(nullptr);
  listening = false;
  client.join();
  EXPECT_EQ(late, 0);
}

TEST_P(CatalogRaces, PagesOfJobsCoverThoseThatWereThere) {
  for (int i = 0; i < 23; ++i) {
    record("page " + std::to_string(i));
    clock_.advance(1ms);
  }
  std::set<std::string> seen;
  std::size_t rows = 0;
  std::string cursor;
  do {
    const auto page = catalog_->list_jobs({.state = JobState::ready}, cursor, 10).value();
    for (const Job& job : page.rows) seen.insert(job.asset_id);
    rows += page.rows.size();
    cursor = page.next;
    if (rows == 10) record("newcomer");
  } while (!cursor.empty());
  for (int i = 0; i < 23; ++i)
    EXPECT_TRUE(seen.contains(id_of("page " + std::to_string(i)).text()));
  EXPECT_EQ(seen.size(), rows) << "no job twice";
}

INSTANTIATE_TEST_SUITE_P(Engines, CatalogRaces, testing::ValuesIn(every_engine),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace calotype
