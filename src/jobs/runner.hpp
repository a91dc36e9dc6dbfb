// SPDX-License-Identifier: Apache-2.0
// Runs the catalog's jobs: for each lane as many threads as it may run jobs at once, and one thread
// that keeps the leases of what runs. Leases are short, so that another machine soon takes over
// what a dead one had; whoever was only asleep finds its fence outdated and its results refused. A
// job that fails comes back after a while, with the same arguments, until its attempts are used up;
// then it is dead, and waits for a person.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/metrics.hpp"
#include "catalog/catalog.hpp"

namespace calotype {

struct JobSettings {
  std::map<Lane, std::size_t> concurrency{
      {Lane::metadata, 2}, {Lane::image, 1}, {Lane::maintenance, 2}};
  std::chrono::milliseconds lease{8'000};  // extended for as long as its holder lives
  std::chrono::milliseconds poll{5'000};   // for what another process enqueues
};

/// What runs a kind. Its token is set when the lease is lost or the program stops.
struct JobHandler {
  std::function<Result<void>(const Job&, const std::stop_token&)> run;
  /// The handler completes the job itself, in the transaction of its result.
  bool completes = false;
};

class JobRunner {
 public:
  /// Starts at once. The handlers must outlive this. A lane of which no handler is has no threads.
  /// `stores_answer` says whether what jobs stand on (catalog, blobs) works at the moment: where it
  /// does not, a failure is not the job's.
  JobRunner(
      JobCatalog& catalog, Metrics& metrics, const JobSettings& settings,
      std::map<JobKind, JobHandler> handlers,
      std::function<bool()> stores_answer = [] { return true; });
  /// As drain, with no time left.
  ~JobRunner();

  /// Claims nothing more, lets what runs finish until the deadline, then sets every token that is
  /// left and waits. What was interrupted is ready again at once. Idempotent.
  void drain(std::chrono::steady_clock::time_point deadline);

 private:
  struct LaneState;
  struct Running;
  struct KindMetrics;

  void work(LaneState& lane);
  void run(const Job& job);
  void settle(const Job& job, const Result<void>& outcome, bool lease_lost);
  Result<void> record(const std::function<Result<void>()>& step);
  void put_back(const Job& job, std::chrono::milliseconds delay);
  bool is_outage(const Error& error) const;
  void keep_leases();
  std::chrono::milliseconds until_next(Lane lane);

  JobCatalog& catalog_;
  const JobSettings settings_;
  const std::map<JobKind, JobHandler> handlers_;
  const std::function<bool()> stores_answer_;
  std::map<JobKind, std::unique_ptr<KindMetrics>> metrics_;
  std::map<Lane, std::unique_ptr<LaneState>> lanes_;
  std::mutex mutex_;  // of running_ and stopping_
  std::condition_variable stopped_;
  std::map<std::string, Running*> running_;
  bool stopping_ = false;
  std::stop_source stop_;
  std::vector<std::thread> threads_;
};

}  // namespace calotype
