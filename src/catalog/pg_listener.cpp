// SPDX-License-Identifier: Apache-2.0
#include "catalog/pg_listener.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "catalog/pg_dialect.hpp"
#include "catalog/pg_occupancy.hpp"

namespace calotype {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Words that come within this are told together.
constexpr milliseconds tell_pause{5};
constexpr milliseconds retry_min{100};
constexpr milliseconds retry_max{5'000};

}  // namespace

PgTeller::PgTeller(Database& database) : database_(database), thread_([this] { run(); }) {}

PgTeller::~PgTeller() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  given_.notify_all();
  thread_.join();
}

void PgTeller::tell(std::string word) {
  {
    const std::lock_guard lock(mutex_);
    words_.insert(std::move(word));
  }
  given_.notify_one();
}

void PgTeller::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    given_.wait(lock, [this] { return stopping_ || !words_.empty(); });
    if (stopping_) return;
    const std::set<std::string> words = std::exchange(words_, {});
    lock.unlock();
    const auto told = database_.write(Durability::relaxed, [&](Connection& db) -> Result<void> {
      for (const std::string& word : words) TRY_VOID(db.execute(pg_dialect.notify, {word}));
      return {};
    });
    // Whoever was to hear it looks by himself before long.
    if (!told) log::debug("a word to other programs was lost", {{"error", told.error()}});
    lock.lock();
    given_.wait_for(lock, tell_pause, [this] { return stopping_; });
  }
}

PgListener::PgListener(const Options& options, PgTeller& teller)
    : options_(options),
      teller_(teller),
      probe_("probe " + new_id(SystemClock().now())),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  require(static_cast<bool>(wake_), "there is a descriptor left");
  thread_ = std::thread([this] { run(); });
}

PgListener::~PgListener() {
  stopping_ = true;
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
  thread_.join();
}

void PgListener::listen(Database::Hear hear) {
  const std::unique_lock lock(hear_mutex_);
  hear_ = std::move(hear);
}

void PgListener::hear(std::optional<std::string_view> word) {
  const std::shared_lock lock(hear_mutex_);
  if (hear_) hear_(word);
}

/// False where the thread is to end.
bool PgListener::pause(milliseconds time) {
  pollfd ready{.fd = wake_.get(), .events = POLLIN, .revents = 0};
  ::poll(&ready, 1, static_cast<int>(time.count()));
  return !stopping_;
}

void PgListener::run() {
  auto wait = retry_min;
  bool said = false;
  while (!stopping_) {
    heard_ = false;
    const auto ended = listen_until_it_breaks();
    if (stopping_) return;
    if (heard_) {
      wait = retry_min;
      said = false;
    }
    if (!said && !ended) log::warn("catalog cannot be listened to", {{"error", ended.error()}});
    said = true;
    if (!pause(wait)) return;
    wait = std::min(wait * 2, retry_max);
  }
}

Result<void> PgListener::listen_until_it_breaks() {
  TRY(const auto connection,
      PgConnection::open(options_.url, Steady::now() + options_.connect_timeout));
  connection->set_deadline(Steady::now() + options_.connect_timeout);
  TRY_VOID(connection->script("LISTEN calotype"));
  auto probed = Steady::now();
  probe_heard_ = {};
  teller_.tell(probe_);
  while (!stopping_) {
    const auto now = Steady::now();
    const bool answered = probe_heard_ >= probed;
    if (!answered && now - probed > options_.probe_max)
      return fail(ErrorCode::catalog_failed, "Notifications do not arrive.",
                  "Behind a pooler in transaction mode, set catalog.listen to the server itself.");
    if (answered && now - probed > options_.probe_interval) {
      probed = now;
      teller_.tell(probe_);
    }
    const auto next = probed + (answered ? options_.probe_interval : options_.probe_max) - now;
    const auto wait = std::max(std::chrono::ceil<milliseconds>(next), milliseconds{1});
    TRY(const auto word, connection->next_notification(wait, wake_.get()));
    if (!word) continue;
    const bool is_first = *word == probe_ && !heard_;
    // What came back on it belongs to no pooler, which would lend it to others with our lock.
    if (is_first) {
      connection->set_deadline(Steady::now() + options_.connect_timeout);
      TRY_VOID(occupy(*connection));
    }
    take(*word);
  }
  return {};
}

void PgListener::take(std::string_view word) {
  if (word != probe_) return hear(word);
  probe_heard_ = Steady::now();
  // What was said before this connection listened was missed; from here on nothing is.
  if (!heard_.exchange(true)) hear(std::nullopt);
}

}  // namespace calotype
