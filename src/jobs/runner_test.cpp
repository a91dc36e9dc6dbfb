// SPDX-License-Identifier: Apache-2.0
// The runner over a real catalog, some of whose answers are taken away: what a job came to is
// recorded as soon as the catalog can write again, and not when the lease ends.
#include "jobs/runner.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/ids.hpp"
#include "catalog/open_catalog.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// The jobs of a real catalog; each kind of record fails as often as it is told to first.
class FailingJobs : public JobCatalog {
 public:
  explicit FailingJobs(JobCatalog& real) : real_(real) {}

  std::atomic<int> failures_left = 0;
  std::atomic<int> refused = 0;

  Result<void> complete_job(const JobLease& lease) override {
    TRY_VOID(fault());
    return real_.complete_job(lease);
  }
  Result<void> fail_job(const JobLease& lease, const Error& reason,
                        std::chrono::milliseconds delay) override {
    TRY_VOID(fault());
    return real_.fail_job(lease, reason, delay);
  }
  Result<void> put_back_job(const JobLease& lease, std::chrono::milliseconds delay) override {
    TRY_VOID(fault());
    return real_.put_back_job(lease, delay);
  }
  Result<void> enqueue(JobKind kind, std::string_view key, std::string_view asset_id,
                       std::chrono::milliseconds delay) override {
    return real_.enqueue(kind, key, asset_id, delay);
  }
  Result<std::vector<Job>> claim_jobs(Lane lane, std::size_t limit,
                                      std::chrono::milliseconds lease) override {
    return real_.claim_jobs(lane, limit, lease);
  }
  Result<void> extend_lease(const JobLease& lease, std::chrono::milliseconds by) override {
    return real_.extend_lease(lease, by);
  }
  Result<std::optional<std::chrono::milliseconds>> next_due(Lane lane) override {
    return real_.next_due(lane);
  }
  void on_job_ready(std::function<void(Lane)> wake) override {
    real_.on_job_ready(std::move(wake));
  }
  Result<Page<Job>> list_jobs(const JobFilter& filter, std::string_view cursor,
                              std::size_t limit) override {
    return real_.list_jobs(filter, cursor, limit);
  }
  Result<void> retry_job(std::string_view id) override { return real_.retry_job(id); }
  Result<std::size_t> retry_dead_jobs(JobKind kind) override { return real_.retry_dead_jobs(kind); }
  Result<std::vector<JobCount>> count_jobs() override { return real_.count_jobs(); }

 private:
  Result<void> fault() {
    if (failures_left.fetch_sub(1) <= 0) return {};
    ++refused;
    return fail(ErrorCode::catalog_failed, "The catalog cannot write now.");
  }

  JobCatalog& real_;
};

class Runner : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("calotype-runner-" + new_id(clock_.now()));
    fs::create_directories(folder_);
    catalog_ = open_catalog({.url = "sqlite:" + (folder_ / "catalog.db").string()}, clock_).value();
    jobs_ = std::make_unique<FailingJobs>(*catalog_);
    ASSERT_TRUE(catalog_->enqueue(JobKind::scrub, "scrub", "", 0ms));
  }
  void TearDown() override {
    runner_.reset();
    catalog_.reset();
    fs::remove_all(folder_);
  }
  void start(std::function<Result<void>(const Job&, const std::stop_token&)> run) {
    // The lease outlasts the test: nothing comes back by it.
    runner_ = std::make_unique<JobRunner>(
        *jobs_, metrics_,
        JobSettings{.concurrency = {{Lane::maintenance, 1}}, .lease = 600s, .poll = 100ms},
        std::map<JobKind, JobHandler>{{JobKind::scrub, {.run = std::move(run)}}});
  }
  std::vector<Job> jobs() { return catalog_->list_jobs({}, "", 10).value().rows; }
  template <class Condition>
  bool within_10_s(const Condition& condition) {
    for (int i = 0; i < 1'000 && !condition(); ++i) std::this_thread::sleep_for(10ms);
    return condition();
  }

  SystemClock clock_;
  Metrics metrics_;
  fs::path folder_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<FailingJobs> jobs_;
  std::unique_ptr<JobRunner> runner_;
};

TEST_F(Runner, FailureThatTheCatalogDidNotTakeIsRecordedWhenItDoes) {
  jobs_->failures_left = 3;
  start([](const Job&, const std::stop_token&) -> Result<void> {
    return fail(ErrorCode::storage_failed, "The disk is away.");
  });
  ASSERT_TRUE(within_10_s([&] {
    const auto all = jobs();
    return all.size() == 1 && all[0].state != JobState::running && all[0].attempts >= 1;
  }));
  EXPECT_EQ(jobs_->refused, 3);
  EXPECT_EQ(jobs()[0].last_error, "STORAGE_FAILED: The disk is away.");
}

TEST_F(Runner, CompletionThatTheCatalogDidNotTakeIsRecordedAndNothingRunsTwice) {
  jobs_->failures_left = 3;
  std::atomic<int> runs = 0;
  start([&](const Job&, const std::stop_token&) -> Result<void> {
    ++runs;
    return {};
  });
  ASSERT_TRUE(within_10_s([&] { return jobs().empty(); }));
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(jobs_->refused, 3);
}

TEST_F(Runner, StopsAlthoughTheCatalogTakesNothing) {
  jobs_->failures_left = 1'000'000;
  start([](const Job&, const std::stop_token&) -> Result<void> {
    return fail(ErrorCode::storage_failed, "The disk is away.");
  });
  ASSERT_TRUE(within_10_s([&] { return jobs_->refused > 0; }));
  runner_.reset();
  EXPECT_EQ(jobs().at(0).state, JobState::running);
}

}  // namespace
}  // namespace calotype
