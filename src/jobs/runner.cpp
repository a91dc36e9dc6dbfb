// SPDX-License-Identifier: Apache-2.0
#include "jobs/runner.hpp"

#include <algorithm>
#include <random>

#include "base/log.hpp"

namespace calotype {
namespace {

constexpr std::chrono::milliseconds record_pause{200};

double random_unit() {
  thread_local std::minstd_rand source{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(source);
}

MetricLabels labels_of(JobKind kind) {
  return {{"lane", std::string(to_string(lane_of(kind)))}, {"kind", std::string(to_string(kind))}};
}

}  // namespace

/// `wakes` counts, so that a wake between a claim that found nothing and the wait is not lost.
struct JobRunner::LaneState {
  explicit LaneState(Lane of) : lane(of) {}
  const Lane lane;
  std::mutex mutex;
  std::condition_variable wake;
  std::uint64_t wakes = 0;
};

struct JobRunner::Running {
  JobLease lease;
  std::stop_source stop;
  bool lost = false;
};

struct JobRunner::KindMetrics {
  KindMetrics(Metrics& metrics, JobKind kind)
      : duration(metrics.duration("job_duration_seconds", "From a job's claim to its end.",
                                  labels_of(kind))),
        failed(metrics.counter("job_failed_total", "Attempts that failed.", labels_of(kind))) {}
  Histogram& duration;
  Counter& failed;
};

JobRunner::JobRunner(JobCatalog& catalog, Metrics& metrics, const JobSettings& settings,
                     std::map<JobKind, JobHandler> handlers, std::function<bool()> stores_answer)
    : catalog_(catalog),
      settings_(settings),
      handlers_(std::move(handlers)),
      stores_answer_(std::move(stores_answer)) {
  for (const auto& [kind, handler] : handlers_)
    metrics_[kind] = std::make_unique<KindMetrics>(metrics, kind);
  for (const auto& [lane, concurrency] : settings_.concurrency)
    lanes_[lane] = std::make_unique<LaneState>(lane);
  catalog_.on_job_ready([this](Lane lane) {
    const auto place = lanes_.find(lane);
    if (place == lanes_.end()) return;
    const std::lock_guard lock(place->second->mutex);
    ++place->second->wakes;
    place->second->wake.notify_one();
  });
  const auto has_kinds = [this](Lane lane) {
    return std::ranges::any_of(handlers_,
                               [&](const auto& item) { return lane_of(item.first) == lane; });
  };
  for (const auto& [lane, concurrency] : settings_.concurrency)
    for (std::size_t i = 0; has_kinds(lane) && i < concurrency; ++i)
      threads_.emplace_back([this, state = lanes_[lane].get()] { work(*state); });
  threads_.emplace_back([this] { keep_leases(); });
}

JobRunner::~JobRunner() {
  drain(std::chrono::steady_clock::now());
}

void JobRunner::drain(std::chrono::steady_clock::time_point deadline) {
  if (threads_.empty()) return;
  catalog_.on_job_ready(nullptr);
  stop_.request_stop();
  for (auto& [lane, state] : lanes_) {
    const std::lock_guard lock(state->mutex);
    state->wake.notify_all();
  }
  {
    std::unique_lock lock(mutex_);
    stopped_.wait_until(lock, deadline, [this] { return running_.empty(); });
    stopping_ = true;
    for (auto& [id, running] : running_) running->stop.request_stop();
  }
  stopped_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void JobRunner::work(LaneState& lane) {
  while (!stop_.stop_requested()) {
    std::uint64_t seen = 0;
    {
      const std::lock_guard lock(lane.mutex);
      seen = lane.wakes;
    }
    const auto claimed = catalog_.claim_jobs(lane.lane, 1, settings_.lease);
    if (!claimed) log::warn("jobs cannot be claimed", {{"error", claimed.error()}});
    if (claimed && !claimed->empty()) {
      run(claimed->front());
      continue;
    }
    const auto pause = claimed ? until_next(lane.lane) : settings_.poll;
    std::unique_lock lock(lane.mutex);
    lane.wake.wait_for(lock, pause, [&] { return lane.wakes != seen || stop_.stop_requested(); });
  }
}

std::chrono::milliseconds JobRunner::until_next(Lane lane) {
  const auto due = catalog_.next_due(lane);
  if (!due || !*due) return settings_.poll;
  return std::clamp(**due, std::chrono::milliseconds{1}, settings_.poll);
}

void JobRunner::run(const Job& job) {
  const auto handler = handlers_.find(job.kind);
  require(handler != handlers_.end(), "every kind of a lane has its handler");
  Running running{.lease = {job.id, job.fence}, .stop = {}, .lost = false};
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) running.stop.request_stop();
    running_.emplace(job.id, &running);
  }
  const auto began = std::chrono::steady_clock::now();
  auto outcome = handler->second.run(job, running.stop.get_token());
  bool lost = false;
  {
    const std::lock_guard lock(mutex_);
    running_.erase(job.id);
    lost = running.lost;
  }
  stopped_.notify_all();
  if (outcome && !handler->second.completes)
    outcome = record([&] { return catalog_.complete_job(running.lease); });
  metrics_.at(job.kind)->duration.observe(std::chrono::steady_clock::now() - began);
  settle(job, outcome, lost);
}

void JobRunner::settle(const Job& job, const Result<void>& outcome, bool lease_lost) {
  if (outcome) return;
  const Error& error = outcome.error();
  if (lease_lost || error.code == ErrorCode::lease_lost) {
    log::warn("job lost its lease", {{"kind", to_string(job.kind)}, {"job", job.id}});
    return;
  }
  // Being stopped, having found no room, and a store that is away are not the job's fault.
  if (error.kind() == ErrorKind::cancelled) return put_back(job, std::chrono::milliseconds{0});
  if (error.kind() == ErrorKind::overloaded || is_outage(error)) {
    log::info("job is put back",
              {{"kind", to_string(job.kind)}, {"job", job.id}, {"error", error}});
    return put_back(job, backoff(1, random_unit()));
  }
  metrics_.at(job.kind)->failed.add();
  log::warn("job failed", {{"kind", to_string(job.kind)},
                           {"job", job.id},
                           {"asset", job.asset_id},
                           {"attempt", job.attempts},
                           {"error", error}});
  const auto delay = backoff(job.attempts, random_unit());
  auto failed = record([&] { return catalog_.fail_job({job.id, job.fence}, error, delay); });
  if (!failed)
    log::error("job's failure was not recorded", {{"job", job.id}, {"error", failed.error()}});
}

/// Whether the failure is that of a store which does not answer now, rather than of some bytes.
bool JobRunner::is_outage(const Error& error) const {
  switch (error.code) {
    case ErrorCode::catalog_failed:
    case ErrorCode::storage_failed:
    case ErrorCode::server_unreachable:
    case ErrorCode::timeout:
      return !stores_answer_();
    default:
      return false;
  }
}

/// While the catalog is away what a job came to cannot be recorded, and its lease runs out: until
/// then it is tried, so that a short absence costs no attempt, and no job sleeps without need.
Result<void> JobRunner::record(const std::function<Result<void>()>& step) {
  const auto until = std::chrono::steady_clock::now() + settings_.lease;
  auto recorded = step();
  while (!recorded && recorded.error().code != ErrorCode::lease_lost && !stop_.stop_requested() &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(record_pause);
    recorded = step();
  }
  return recorded;
}

void JobRunner::put_back(const Job& job, std::chrono::milliseconds delay) {
  auto back = record([&] { return catalog_.put_back_job({job.id, job.fence}, delay); });
  if (!back) log::warn("job was not put back", {{"job", job.id}, {"error", back.error()}});
}

void JobRunner::keep_leases() {
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, settings_.lease / 4, [this] { return stopping_; })) {
    std::vector<JobLease> leases;
    leases.reserve(running_.size());
    for (const auto& [id, running] : running_) leases.push_back(running->lease);
    lock.unlock();
    std::vector<JobLease> lost;
    for (const JobLease& lease : leases) {
      const auto extended = catalog_.extend_lease(lease, settings_.lease);
      if (!extended && extended.error().code == ErrorCode::lease_lost) lost.push_back(lease);
    }
    lock.lock();
    for (const JobLease& lease : lost) {
      const auto place = running_.find(lease.job_id);
      if (place == running_.end() || place->second->lease.fence != lease.fence) continue;
      place->second->lost = true;
      place->second->stop.request_stop();
    }
  }
}

}  // namespace calotype
