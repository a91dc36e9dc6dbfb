// SPDX-License-Identifier: Apache-2.0
// Everything at once: two programs on one catalog, many threads, few assets, so that every step
// meets every other one in the middle. Afterwards the rows have to agree, and each call has to have
// ended in one of the ways that its contract names.
#include <atomic>
#include <iostream>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "catalog/catalog_fixture.hpp"
#include "catalog/sql_rows.hpp"
#include "catalog/sqlite_connection.hpp"

namespace calotype {
namespace {

constexpr int contents = 4;
constexpr int threads_each = 8;
constexpr int steps_each = 120;

class CatalogStorm : public CatalogFixture {
 protected:
  void SetUp() override {
    CatalogFixture::SetUp();
    if (!IsSkipped()) other_ = open_another();
  }
  void TearDown() override {
    other_.reset();
    CatalogFixture::TearDown();
  }
  std::unique_ptr<Connection> look() const {
    if (GetParam() != "sqlite") return place_->connect();
    return SqliteConnection::open(place_->url().substr(std::string_view("sqlite:").size()), {})
        .value();
  }
  static std::int64_t number(Connection& db, std::string_view sql) {
    const auto found = query_one(db, sql, {}, read_integer);
    EXPECT_TRUE(found) << describe(found.error());
    return found && *found ? **found : -1;
  }
  void check_rows() const;

  std::unique_ptr<Catalog> other_;
};

/// What holds between the rows whenever no transaction is under way.
void CatalogStorm::check_rows() const {
  const auto db = look();
  const std::array rules = {
      std::pair{"each step has its event",
                "SELECT COUNT(*) FROM asset a WHERE events <> (SELECT COUNT(*) FROM event e WHERE "
                "e.asset_no = a.asset_no)"},
      std::pair{"each event begins where the one before it ended",
                "SELECT COUNT(*) FROM event e JOIN event f ON f.asset_no = e.asset_no AND f.seq = "
                "e.seq + 1 WHERE f.from_state <> e.to_state"},
      std::pair{"the last event says the state",
                "SELECT COUNT(*) FROM asset a JOIN event e ON e.asset_no = a.asset_no AND e.seq = "
                "a.events WHERE e.to_state <> a.state"},
      std::pair{"what is not inspected has its job",
                "SELECT COUNT(*) FROM asset a WHERE state IN ('INGESTED', 'DEDUP_CHECK') AND NOT "
                "EXISTS (SELECT 1 FROM job j WHERE j.key = 'inspect:' || a.id)"},
      std::pair{"what is deleted has its upload gone, and nothing else has",
                "SELECT COUNT(*) FROM asset a WHERE (state = 'DELETED') = EXISTS (SELECT 1 FROM "
                "upload u WHERE u.asset_no = a.asset_no)"},
      std::pair{"what is inspected has its facts, and nothing else has",
                "SELECT COUNT(*) FROM asset a WHERE (state IN ('METADATA_READY', "
                "'VARIANTS_READY')) <> EXISTS (SELECT 1 FROM media m WHERE m.asset_no = "
                "a.asset_no)"},
      std::pair{"what has variants says so, and nothing else does",
                "SELECT COUNT(*) FROM asset a WHERE (state = 'VARIANTS_READY') <> EXISTS (SELECT 1 "
                "FROM variant v WHERE v.asset_no = a.asset_no AND v.blob_key IS NOT NULL)"},
      std::pair{"no blob has two owners",
                "SELECT COUNT(*) FROM garbage g WHERE EXISTS (SELECT 1 FROM variant v WHERE "
                "v.blob_key = g.blob_key) OR EXISTS (SELECT 1 FROM media m WHERE m.proof_key = "
                "g.blob_key)"},
      std::pair{"no deleted asset keeps a lease",
                "SELECT COUNT(*) FROM variant v JOIN asset a USING (asset_no) WHERE a.state = "
                "'DELETED'"},
  };
  for (const auto& [rule, sql] : rules) EXPECT_EQ(number(*db, sql), 0) << rule;
}

/// One thread's steps on one of the programs. A failure has to be of the kinds that the step's
/// contract names.
class Stepper {
 public:
  Stepper(Catalog& catalog, const ManualClock& clock, unsigned seed)
      : catalog_(catalog), clock_(clock), random_(seed) {}

  void step() {
    const std::string content = "storm " + std::to_string(random_() % contents);
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
        return upload(content);
      case 3:
        return allow(catalog_.delete_uploads(id_of(content), "", 0ms),
                     {ErrorCode::asset_not_found});
      case 4:
      case 5:
        return inspect();
      case 6:
      case 7:
        return render(content);
      case 8:
        return purge();
      case 9:
        return touch();
      case 10:
        return allow(catalog_.expire_variants(clock_.now(), 8), {});
      default:
        if (random_() % 2 == 0) return allow(catalog_.drop_variant(variant_of(content)), {});
        return allow(catalog_.retry_inspection(id_of(content)),
                     {ErrorCode::asset_not_found, ErrorCode::illegal_transition});
    }
  }

 private:
  template <class T>
  void allow(const Result<T>& done, std::set<ErrorCode> refusals) {
    if (done) return;
    EXPECT_TRUE(refusals.contains(done.error().code)) << describe(done.error());
  }
  VariantKey variant_of(const std::string& content) {
    return {id_of(content), "w=" + std::to_string(1 + random_() % 3) + "&fm=png", "version1"};
  }
  void upload(const std::string& content) {
    const auto presence = catalog_.presence(Sha256::of(as_bytes(content)));
    allow(presence, {});
    if (presence && presence->stored && random_() % 2 == 0)
      return allow(catalog_.record_existing(upload_of(content)), {});
    allow(catalog_.record_published(upload_of(content), presence ? presence->purge_epoch : 0), {});
  }
  void inspect() {
    const auto jobs = catalog_.claim_jobs(Lane::metadata, 1, 60s);
    allow(jobs, {});
    if (!jobs || jobs->empty()) return;
    const Job& job = jobs->front();
    const JobLease lease{job.id, job.fence};
    const auto id = *AssetId::parse(job.asset_id);
    const auto begun = catalog_.begin_inspection(lease, id);
    allow(begun, {ErrorCode::lease_lost});
    if (!begun || !*begun) return;
    switch (random_() % 4) {
      case 0:
        return allow(catalog_.fail_inspection(lease, id, {ErrorCode::not_renderable, "no", "", {}}),
                     {ErrorCode::lease_lost});
      case 1:
        return allow(catalog_.fail_job(lease, {ErrorCode::renderer_failed, "no", "", {}}, 0ms),
                     {ErrorCode::lease_lost});
      default:
        return allow(catalog_.finish_inspection(lease, id, photo(),
                                                Proof{"proofs/" + new_id(clock_.now()), 1, 1, 1}),
                     {ErrorCode::lease_lost});
    }
  }
  void render(const std::string& content) {
    const VariantKey key = variant_of(content);
    const auto claimed = catalog_.claim_variant(key, 60s);
    allow(claimed, {ErrorCode::asset_not_found});
    const auto* lease = claimed ? std::get_if<VariantLease>(&*claimed) : nullptr;
    if (lease == nullptr) return;
    if (random_() % 4 == 0) return allow(catalog_.release_variant(*lease), {});
    VariantRow row{.key = key,
                   .blob_key = "variants/" + new_id(clock_.now()),
                   .digest = Sha256::of(as_bytes("picture")),
                   .bytes = 7,
                   .width = 1,
                   .height = 1,
                   .media_type = "image/png",
                   .created_at = clock_.now(),
                   .last_access_at = clock_.now() - 1s};
    allow(catalog_.store_variant(*lease, row), {ErrorCode::asset_not_found, ErrorCode::lease_lost});
  }
  void purge() {
    const auto jobs = catalog_.claim_jobs(Lane::maintenance, 1, 60s);
    allow(jobs, {});
    if (!jobs || jobs->empty()) return;
    const JobLease lease{jobs->front().id, jobs->front().fence};
    const auto id = *AssetId::parse(jobs->front().asset_id);
    const auto begun = catalog_.begin_purge(lease, id);
    allow(begun, {ErrorCode::lease_lost});
    if (begun && *begun) allow(catalog_.finish_purge(lease, id), {ErrorCode::lease_lost});
    if (random_() % 3 == 0)
      return allow(catalog_.put_back_job(lease, 0ms), {ErrorCode::lease_lost});
    allow(catalog_.complete_job(lease), {ErrorCode::lease_lost});
  }
  void touch() {
    std::vector<VariantCatalog::Access> accesses;
    for (int i = 0; i < 6; ++i)
      accesses.push_back({.key = variant_of("storm " + std::to_string(random_() % contents)),
                          .at = clock_.now(),
                          .can_improve = true});
    allow(catalog_.touch_variants(accesses, 2), {});
    const auto jobs = catalog_.claim_jobs(Lane::image, 2, 60s);
    allow(jobs, {});
    if (jobs)
      for (const Job& job : *jobs)
        allow(catalog_.complete_job({job.id, job.fence}), {ErrorCode::lease_lost});
  }

  Catalog& catalog_;
  const ManualClock& clock_;
  std::minstd_rand random_;
};

TEST_P(CatalogStorm, EverythingAtOnceLeavesRowsThatAgree) {
  const auto seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 2 * threads_each; ++i)
      threads.emplace_back([&, i] {
        Stepper stepper(i % 2 == 0 ? *catalog_ : *other_, clock_, seed + i);
        for (int step = 0; step < steps_each; ++step) stepper.step();
      });
  }
  check_rows();
}

TEST_P(CatalogStorm, SixtyFourUploadsOverTwoProgramsMakeOneAsset) {
  std::atomic<int> created = 0;
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 64; ++i)
      clients.emplace_back([&, i] {
        Catalog& catalog = i % 2 == 0 ? *catalog_ : *other_;
        const auto recorded = catalog.record_published(upload_of("same"), 0);
        ASSERT_TRUE(recorded) << describe(recorded.error());
        ASSERT_TRUE(*recorded);
        created += (*recorded)->created ? 1 : 0;
      });
  }
  EXPECT_EQ(created, 1);
  EXPECT_EQ(catalog_->uploads_of(id_of("same"))->size(), 64U);
  EXPECT_EQ(other_->list_jobs({}, "", 10)->rows.size(), 1U);
  check_rows();
}

TEST_P(CatalogStorm, OneOfSixtyFourWhoWantAVariantMakesIt) {
  record("a");
  inspect("a");
  std::atomic<int> leases = 0;
  std::atomic<int> busy = 0;
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 64; ++i)
      clients.emplace_back([&, i] {
        const auto claimed = (i % 2 == 0 ? *catalog_ : *other_).claim_variant(key_of("a"), 60s);
        ASSERT_TRUE(claimed) << describe(claimed.error());
        leases += std::holds_alternative<VariantLease>(*claimed) ? 1 : 0;
        busy += std::holds_alternative<VariantCatalog::Busy>(*claimed) ? 1 : 0;
      });
  }
  EXPECT_EQ(leases, 1);
  EXPECT_EQ(busy, 63);
}

TEST_P(CatalogStorm, JobsOfOneLaneAreSharedOutOverTwoProgramsOnce) {
  constexpr std::size_t jobs = 300;
  for (std::size_t i = 0; i < jobs; ++i)
    ASSERT_TRUE(catalog_->enqueue(JobKind::expire, "job " + std::to_string(i), "", 0ms));
  std::mutex mutex;
  std::multiset<std::string> done;
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < 8; ++i)
      workers.emplace_back([&, i] {
        Catalog& catalog = i % 2 == 0 ? *catalog_ : *other_;
        for (;;) {
          const auto mine = catalog.claim_jobs(Lane::maintenance, 1 + i % 4, 60s);
          ASSERT_TRUE(mine) << describe(mine.error());
          // Somebody else may hold the rest at this moment; then all of it is his.
          if (mine->empty() && !*catalog.next_due(Lane::maintenance)) return;
          for (const Job& job : *mine) {
            EXPECT_TRUE(catalog.complete_job(lease_of(job)));
            const std::lock_guard lock(mutex);
            done.insert(job.key);
          }
          if (mine->empty()) std::this_thread::sleep_for(1ms);
        }
      });
  }
  EXPECT_EQ(done.size(), jobs);
  EXPECT_EQ(std::set(done.begin(), done.end()).size(), jobs) << "no job twice";
}

INSTANTIATE_TEST_SUITE_P(Engines, CatalogStorm, testing::ValuesIn(every_engine),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace calotype
