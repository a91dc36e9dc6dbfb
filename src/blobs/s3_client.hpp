// SPDX-License-Identifier: Apache-2.0
// Requests to one bucket by threads that wait. Each request takes a libcurl handle with its open
// connection out of a pool and puts it back, so that connections are kept alive and bounded. What
// may pass (no connection, a time-out, 5xx, SlowDown) is tried again, later each time and never all
// at once (exponential backoff with full jitter), until the attempts or the deadline are used up.
// Where S3 has not answered many times in a row, requests are refused at once but for one a second
// that finds out whether it is back: so that a store that hangs does not hold every thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "base/metrics.hpp"
#include "blobs/s3_request.hpp"
#include "blobs/s3_settings.hpp"

namespace calotype {

enum class S3Fate : std::uint8_t;

/// Counts and times of requests; any thread.
class S3Metrics {
 public:
  explicit S3Metrics(Metrics& metrics) : metrics_(metrics) {}
  void count(S3Operation operation, std::string_view result,
             std::chrono::steady_clock::duration elapsed);

 private:
  Metrics& metrics_;
  std::mutex mutex_;
  std::map<std::pair<S3Operation, std::string_view>, Counter*> counters_;
  std::array<std::atomic<Histogram*>, s3_operation_count> durations_{};
};

/// Whether it is worth asking at all.
class S3Breaker {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// False where S3 has not answered lately and somebody else is finding out.
  bool admits(Time now);
  /// Whether whoever is admitted is the one that finds out.
  bool is_shut() const;
  void answered();
  void failed(Time now);

 private:
  std::atomic<std::uint32_t> failures_ = 0;  // in a row
  std::atomic<Time::rep> shut_until_ = 0;
};

class S3Client {
 public:
  S3Client(const S3Settings& settings, Metrics& metrics);
  ~S3Client();
  S3Client(const S3Client&) = delete;
  S3Client& operator=(const S3Client&) = delete;

  /// Any definite answer, whatever its status. overloaded where there is none, or where every
  /// connection was in use to the end; cancelled by `stop`. Blocks; any thread.
  Result<S3Answer> send(const S3Request& request, const std::stop_token& stop = {});

  /// storage_failed (or insufficient_storage) for an answer that is no success. The message is for
  /// clients, the detail tells the operator what to do.
  Error error_of(const S3Request& request, const S3Answer& answer) const;
  /// What is wrong with the settings, where the answer says that they are.
  std::optional<std::string> config_fault(const S3Answer& answer) const;

  const S3Settings& settings() const { return settings_; }
  /// Whether this S3 was seen to give the very range that it is asked for (s3_probe.hpp). Until
  /// then all of an object is asked for, and what comes before the range is thrown away.
  bool trusts_ranges() const { return trusts_ranges_; }
  void trust_ranges() { trusts_ranges_ = true; }
  S3Metrics& metrics() { return metrics_; }
  S3Breaker& breaker() { return breaker_; }
  /// How long before the next attempt.
  std::chrono::milliseconds pause_after(std::uint32_t attempt, const S3Answer& answer);
  /// For an attempt that was the last: what S3 or the library said of it.
  Error no_answer(const S3Request& request, S3Fate fate, std::string_view said) const;

 private:
  struct Handles;
  struct Attempt;
  Attempt attempt(const S3Request& request, std::uint64_t skip, const std::stop_token& stop,
                  std::chrono::steady_clock::time_point deadline);
  void tell_of_outage(const Error& error);
  bool sleep(std::chrono::milliseconds time, const std::stop_token& stop);

  const S3Settings settings_;
  S3Metrics metrics_;
  S3Breaker breaker_;
  std::atomic<bool> trusts_ranges_ = false;
  std::atomic<S3Breaker::Time::rep> silent_until_ = 0;
  std::unique_ptr<Handles> handles_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::atomic<std::uint64_t> random_;
};

}  // namespace calotype
