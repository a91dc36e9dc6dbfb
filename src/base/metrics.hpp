// SPDX-License-Identifier: Apache-2.0
// Prometheus metrics, kept by prometheus-cpp, behind a face that keeps its headers in one file.
// A metric is looked up once, by its owner's constructor; recording is lock-free.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {

using MetricLabels = std::map<std::string, std::string>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(double by = 1) = 0;
};

class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
  virtual void add(double by) = 0;
};

class Histogram {
 public:
  virtual ~Histogram() = default;
  /// In the metric's unit: seconds for every duration.
  virtual void observe(double value) = 0;
  void observe(std::chrono::steady_clock::duration elapsed) {
    observe(std::chrono::duration<double>(elapsed).count());
  }
};

class Metrics {
 public:
  Metrics();
  ~Metrics();

  /// The same name and labels give the same metric; references live as long as this.
  Counter& counter(const std::string& name, const std::string& help,
                   const MetricLabels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const MetricLabels& labels = {});
  /// Buckets from 0.5 ms to 60 s.
  Histogram& duration(const std::string& name, const std::string& help,
                      const MetricLabels& labels = {});

  /// Called before each exposition, to set gauges that are measured rather than counted.
  void before_exposition(std::function<void()> measure);

  /// Prometheus text format 0.0.4.
  std::string exposition();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace calotype
