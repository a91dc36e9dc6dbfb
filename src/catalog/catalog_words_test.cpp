// SPDX-License-Identifier: Apache-2.0
// What one program on a shared catalog hears of another: changes with their commit, jobs soon after
// it, and that something may have been missed when it could not be heard. And what needs no word:
// leases by the server's clock.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "catalog/catalog_fixture.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

/// Words as they are heard, to be waited for.
class Heard {
 public:
  void add(std::string word) {
    {
      const std::lock_guard lock(mutex_);
      words_.push_back(std::move(word));
    }
    changed_.notify_all();
  }
  bool wait_for(const std::string& word, std::chrono::milliseconds time = 10s) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [&] { return std::ranges::contains(words_, word); });
  }
  std::size_t count(const std::string& word) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count(words_, word));
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    words_.clear();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> words_;
};

class CatalogWords : public CatalogFixture {
 protected:
  void SetUp() override {
    CatalogFixture::SetUp();
    if (IsSkipped()) return;
    other_ = open_another();
    other_->on_change([this](const CatalogChange& change) {
      switch (change.what) {
        case CatalogChange::What::asset_deleted:
          return heard_.add("deleted " + change.asset->text());
        case CatalogChange::What::variant_improved:
          return heard_.add("improved " + change.asset->text());
        case CatalogChange::What::keys_changed:
          return heard_.add("keys");
        case CatalogChange::What::missed:
          return heard_.add("missed");
      }
    });
    other_->on_job_ready(
        [this](Lane lane) { heard_.add("ready " + std::string(to_string(lane))); });
  }
  void TearDown() override {
    other_.reset();
    CatalogFixture::TearDown();
  }
  /// Until the other program hears what this one says.
  void wait_until_it_listens() {
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(catalog_->create_key("probe", {}, Sha256::of(as_bytes(std::to_string(++keys_)))));
      if (heard_.wait_for("keys", 100ms)) break;
    }
    heard_.clear();
  }

  Heard heard_;
  std::unique_ptr<Catalog> other_;
  int keys_ = 0;
};

TEST_P(CatalogWords, ChangesAreHeardByTheOtherProgram) {
  wait_until_it_listens();
  record("a");
  EXPECT_TRUE(heard_.wait_for("ready metadata"));
  inspect("a");
  const auto lease = std::get<VariantLease>(*catalog_->claim_variant(key_of("a"), 60s));
  ASSERT_TRUE(catalog_->store_better_variant(lease, made(key_of("a"))));
  EXPECT_TRUE(heard_.wait_for("improved " + id_of("a").text()));
  const VariantCatalog::Access access{
      .key = key_of("a"), .at = clock_.now(), .count = 9, .can_improve = true};
  ASSERT_TRUE(catalog_->touch_variants(std::span(&access, 1), 5));
  EXPECT_TRUE(heard_.wait_for("ready image"));
  EXPECT_EQ(heard_.count("deleted " + id_of("a").text()), 0U);
  ASSERT_TRUE(catalog_->delete_uploads(id_of("a"), "", 0ms));
  EXPECT_TRUE(heard_.wait_for("deleted " + id_of("a").text()));
  EXPECT_TRUE(heard_.wait_for("ready maintenance"));
  const auto key = catalog_->create_key("ci", {}, Sha256::of(as_bytes("secret"))).value();
  EXPECT_TRUE(heard_.wait_for("keys"));
  EXPECT_TRUE(other_->find_key(Sha256::of(as_bytes("secret"))).value())
      << "it is committed by then";
}

TEST_P(CatalogWords, OwnChangesAreToldOnce) {
  wait_until_it_listens();
  const std::string word = "deleted " + id_of("mine").text();
  ASSERT_TRUE(other_->record_published(upload_of("mine"), 0));
  ASSERT_TRUE(other_->delete_uploads(id_of("mine"), "", 0ms));
  // Whatever comes by way of the server comes before what was said after it.
  ASSERT_TRUE(catalog_->create_key("after", {}, Sha256::of(as_bytes("after"))));
  EXPECT_TRUE(heard_.wait_for("keys"));
  EXPECT_EQ(heard_.count(word), 1U);
}

TEST_P(CatalogWords, WhoCouldNotBeHeardIsSaidToHaveBeenMissed) {
  wait_until_it_listens();
  const auto db = place_->connect();
  ASSERT_TRUE(
      db->script("SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d "
                 "ON d.oid = l.database WHERE d.datname = current_database() "
                 "AND l.locktype = 'advisory'"));
  EXPECT_TRUE(heard_.wait_for("missed"));
  heard_.clear();
  wait_until_it_listens();
  record("a");
  ASSERT_TRUE(catalog_->delete_uploads(id_of("a"), "", 0ms));
  EXPECT_TRUE(heard_.wait_for("deleted " + id_of("a").text()));
}

TEST_P(CatalogWords, WhoServesFromTheCatalogAndWhoMovesItKeepEachOtherOut) {
  wait_until_it_listens();
  const auto in_use = open_tables(place_->settings(), clock_);
  ASSERT_FALSE(in_use);
  EXPECT_EQ(in_use.error().code, ErrorCode::bad_config);
  EXPECT_TRUE(in_use.error().message.contains("Stop it first")) << in_use.error().message;
  catalog_.reset();
  other_.reset();
  auto tables = open_tables(place_->settings(), clock_);
  ASSERT_TRUE(tables) << describe(tables.error());
  EXPECT_FALSE(open_tables(place_->settings(), clock_)) << "one move at a time";
  const auto refused = open_catalog(place_->settings(), clock_);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("migrate-store")) << refused.error().message;
  EXPECT_TRUE((*tables)->check_sole_use());
  ASSERT_TRUE(place_->connect()->script(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
      "AND state = 'idle in transaction'"));
  EXPECT_FALSE((*tables)->check_sole_use()) << "somebody may have begun to serve";
  tables->reset();
  open();
  EXPECT_TRUE(catalog_);
}

TEST_P(CatalogWords, DeletionThatTwoAskForAtOnceIsToldOnce) {
  wait_until_it_listens();
  for (int i = 0; i < 20; ++i) {
    const std::string content = "twice " + std::to_string(i);
    record(content);
    std::jthread rival([&] { (void)other_->delete_uploads(id_of(content), "", 0ms); });
    (void)catalog_->delete_uploads(id_of(content), "", 0ms);
    rival.join();
    EXPECT_TRUE(heard_.wait_for("deleted " + id_of(content).text()));
    EXPECT_EQ(heard_.count("deleted " + id_of(content).text()), 1U);
  }
}

/// A machine whose clock is wrong by hours. Where the catalog is shared its server's clock counts.
TEST_P(CatalogWords, ClocksOfMachinesDoNotCount) {
  ManualClock early;
  ManualClock late;
  late.advance(1h);
  const auto first = open_catalog(place_->settings(), early).value();
  const auto second = open_catalog(place_->settings(), late).value();
  ASSERT_TRUE(first->record_published(upload_of("a"), 0));
  EXPECT_EQ(second->next_due(Lane::metadata).value(), 0ms);
  const auto job = first->claim_jobs(Lane::metadata, 1, 1s).value();
  ASSERT_EQ(job.size(), 1U);
  EXPECT_TRUE(second->claim_jobs(Lane::metadata, 1, 1s)->empty()) << "it is not over yet";
  EXPECT_GT(second->next_due(Lane::metadata).value(), 0ms);
  std::this_thread::sleep_for(1'200ms);
  const auto again = second->claim_jobs(Lane::metadata, 1, 60s).value();
  ASSERT_EQ(again.size(), 1U) << "it is now, though its holder's clock stood still";
  EXPECT_GT(again[0].fence, job[0].fence);
  EXPECT_EQ(first->complete_job(lease_of(job[0])).error().code, ErrorCode::lease_lost);
  ASSERT_TRUE(second->complete_job(lease_of(again[0])));
}

INSTANTIATE_TEST_SUITE_P(Engines, CatalogWords,
                         testing::Values(std::string("postgresql"), std::string("pgbouncer")),
                         [](const auto& engine) { return std::string(engine.param); });

}  // namespace
}  // namespace calotype
