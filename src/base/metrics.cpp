// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>

namespace calotype {
namespace {

class CounterFace final : public Counter {
 public:
  explicit CounterFace(prometheus::Counter& inner) : inner_(inner) {}
  void add(double by) override { inner_.Increment(by); }

 private:
  prometheus::Counter& inner_;
};

class GaugeFace final : public Gauge {
 public:
  explicit GaugeFace(prometheus::Gauge& inner) : inner_(inner) {}
  void set(double value) override { inner_.Set(value); }
  void add(double by) override { inner_.Increment(by); }

 private:
  prometheus::Gauge& inner_;
};

class HistogramFace final : public Histogram {
 public:
  explicit HistogramFace(prometheus::Histogram& inner) : inner_(inner) {}
  void observe(double value) override { inner_.Observe(value); }

 private:
  prometheus::Histogram& inner_;
};

const prometheus::Histogram::BucketBoundaries duration_buckets = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};

/// One face for each inner metric, found by its address: prometheus-cpp hands out the same inner
/// metric for the same labels.
template <class Face, class Inner>
Face& face_of(std::map<const void*, std::unique_ptr<Face>>& faces, Inner& inner) {
  auto& face = faces[&inner];
  if (!face) face = std::make_unique<Face>(inner);
  return *face;
}

}  // namespace

struct Metrics::State {
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
  std::mutex mutex;
  std::map<const void*, std::unique_ptr<CounterFace>> counters;
  std::map<const void*, std::unique_ptr<GaugeFace>> gauges;
  std::map<const void*, std::unique_ptr<HistogramFace>> histograms;
  std::vector<std::function<void()>> measures;
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, const std::string& help,
                          const MetricLabels& labels) {
  const std::lock_guard lock(state_->mutex);
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(state_->registry);
  return face_of(state_->counters, family.Add(labels));
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help,
                      const MetricLabels& labels) {
  const std::lock_guard lock(state_->mutex);
  auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(state_->registry);
  return face_of(state_->gauges, family.Add(labels));
}

Histogram& Metrics::duration(const std::string& name, const std::string& help,
                             const MetricLabels& labels) {
  const std::lock_guard lock(state_->mutex);
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(state_->registry);
  return face_of(state_->histograms, family.Add(labels, duration_buckets));
}

void Metrics::before_exposition(std::function<void()> measure) {
  const std::lock_guard lock(state_->mutex);
  state_->measures.push_back(std::move(measure));
}

std::string Metrics::exposition() {
  std::vector<std::function<void()>> measures;
  {
    const std::lock_guard lock(state_->mutex);
    measures = state_->measures;
  }
  for (const auto& measure : measures) measure();
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace calotype
