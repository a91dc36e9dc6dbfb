// SPDX-License-Identifier: Apache-2.0
#include "catalog/pg_pool.hpp"

#include <algorithm>
#include <format>
#include <thread>

#include "base/log.hpp"

namespace calotype {
namespace {

using Steady = std::chrono::steady_clock;

/// So long after its first failure a server's return is waited for.
constexpr std::chrono::milliseconds patience{3'000};
/// Between two attempts of one caller, and of all of them once patience is over.
constexpr std::chrono::milliseconds attempt_pause{100};

}  // namespace

struct PgPool::Gauges {
  explicit Gauges(Metrics& metrics, const std::string& server, std::size_t size)
      : active(connections(metrics, server, "active")),
        idle(connections(metrics, server, "idle")),
        waits(metrics.counter("catalog_pool_waits_total",
                              "Times that no connection to the catalog was free.",
                              {{"server", server}})),
        waited(metrics.duration("catalog_pool_wait_seconds",
                                "For a free connection, by those who had to wait.",
                                {{"server", server}})) {
    metrics
        .gauge("catalog_connections_max", "Connections to the catalog that there may be.",
               {{"server", server}})
        .set(static_cast<double>(size));
  }
  static Gauge& connections(Metrics& metrics, const std::string& server, const char* state) {
    return metrics.gauge("catalog_connections", "Connections to the catalog's database.",
                         {{"server", server}, {"state", state}});
  }
  Gauge& active;
  Gauge& idle;
  Counter& waits;
  Histogram& waited;
};

PgPool::PgPool(const Options& options)
    : options_(options),
      gauges_(options.metrics
                  ? std::make_unique<Gauges>(*options.metrics, options.name, options.size)
                  : nullptr) {}

PgPool::~PgPool() {
  require(open_ == idle_.size(), "connections come back before their pool goes");
}

void PgPool::GiveBack::operator()(PgConnection* connection) const {
  pool->give_back(connection);
}

void PgPool::show() {
  if (!gauges_) return;
  gauges_->active.set(static_cast<double>(open_ - idle_.size()));
  gauges_->idle.set(static_cast<double>(idle_.size()));
}

Result<PgPool::Borrowed> PgPool::borrow(PgDeadline deadline) {
  TRY(auto idle, take_turn(deadline));
  if (idle) return Borrowed(idle.release(), GiveBack{this});
  return connect(deadline);
}

Result<PgPool::Borrowed> PgPool::borrow_first() {
  const PgDeadline deadline = Steady::now() + options_.connect_timeout;
  TRY(auto idle, take_turn(deadline));
  if (idle) return Borrowed(idle.release(), GiveBack{this});
  auto opened = attempt(deadline);
  if (opened) return Borrowed(opened->release(), GiveBack{this});
  free_place();
  return std::unexpected(opened.error());
}

Result<std::unique_ptr<PgConnection>> PgPool::take_turn(PgDeadline deadline) {
  const auto began = Steady::now();
  const auto until = std::min(deadline, began + options_.wait_max);
  bool waited = false;
  std::unique_lock lock(mutex_);
  for (;;) {
    std::unique_ptr<PgConnection> found;
    while (!idle_.empty() && !found) {
      found = std::move(idle_.back());
      idle_.pop_back();
      if (found->is_idle()) break;
      found.reset();  // it died meanwhile
      --open_;
    }
    const bool may_open = !found && open_ < options_.size;
    if (may_open) ++open_;
    show();
    if (found || may_open) {
      if (waited && gauges_) gauges_->waited.observe(Steady::now() - began);
      return found;
    }
    if (!waited && gauges_) gauges_->waits.add();
    waited = true;
    if (freed_.wait_until(lock, until) == std::cv_status::timeout && idle_.empty() &&
        open_ >= options_.size)
      return fail(ErrorCode::overloaded,
                  std::format("All {} connections to the catalog are in use.", options_.size),
                  "catalog.pool_size, " + options_.name);
  }
}

/// With a place taken already.
Result<PgPool::Borrowed> PgPool::connect(PgDeadline deadline) {
  for (;;) {
    if (auto refusal = refusal_while_away()) {
      free_place();
      return std::unexpected(*std::move(refusal));
    }
    auto opened = attempt(std::min(deadline, Steady::now() + options_.connect_timeout));
    if (opened) return Borrowed(opened->release(), GiveBack{this});
    if (!is_recent_outage() || Steady::now() + attempt_pause >= deadline) {
      free_place();
      const Error& error = opened.error();
      const auto code =
          error.code == ErrorCode::overloaded ? ErrorCode::overloaded : ErrorCode::catalog_failed;
      return fail(code, "The catalog's server cannot be reached.", describe(error));
    }
    std::this_thread::sleep_for(attempt_pause);
  }
}

Result<std::unique_ptr<PgConnection>> PgPool::attempt(PgDeadline deadline) {
  auto opened = PgConnection::open(options_.url, deadline);
  note_attempt(opened ? nullptr : &opened.error());
  return opened;
}

std::optional<Error> PgPool::refusal_while_away() {
  const std::lock_guard lock(mutex_);
  const auto now = Steady::now();
  if (!away_ || now - away_since_ < patience) return std::nullopt;
  if (now - attempted_ >= attempt_pause) {
    attempted_ = now;  // this caller's turn
    return std::nullopt;
  }
  return Error{ErrorCode::catalog_failed, "The catalog's server cannot be reached.",
               describe(*away_), std::source_location::current()};
}

void PgPool::note_attempt(const Error* failed) {
  const std::lock_guard lock(mutex_);
  if (failed && !away_) {
    away_since_ = Steady::now();
    log::warn("catalog's server cannot be reached",
              {{"server", options_.name}, {"error", *failed}});
  }
  if (!failed && away_) log::info("catalog's server is back", {{"server", options_.name}});
  attempted_ = Steady::now();
  away_ = failed ? std::optional(*failed) : std::nullopt;
}

bool PgPool::is_recent_outage() {
  const std::lock_guard lock(mutex_);
  return away_ && away_->code != ErrorCode::bad_config && Steady::now() - away_since_ < patience;
}

void PgPool::give_back(PgConnection* connection) {
  std::unique_ptr<PgConnection> owned(connection);
  const bool usable = owned->is_idle();
  {
    const std::lock_guard lock(mutex_);
    if (usable) {
      idle_.push_back(std::move(owned));
    } else {
      --open_;
    }
    show();
  }
  freed_.notify_one();
}

void PgPool::free_place() {
  {
    const std::lock_guard lock(mutex_);
    --open_;
    show();
  }
  freed_.notify_one();
}

}  // namespace calotype
