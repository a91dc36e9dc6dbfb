// SPDX-License-Identifier: Apache-2.0
// From the first signal mask to the last breath of a server or a worker.
#include "app.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

#include "base/log.hpp"
#include "composition.hpp"

namespace calotype {
namespace {

/// SIGTERM and SIGINT wait until somebody asks for them; every thread made later inherits this.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  require(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0, "signals can be blocked");
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

/// A connection has a descriptor, and so have large answers that are hot: as many as the system
/// lets this user have, whatever a program gets that asks for none.
void want_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int wait_for(const sigset_t& signals) {
  int received = 0;
  while (sigwait(&signals, &received) != 0) {
  }
  return received;
}

/// Until a signal, then drained; a second signal means that somebody does not want to wait.
void run_until_told(std::unique_ptr<Composition> composition, const sigset_t& signals,
                    std::chrono::milliseconds drain_max) {
  wait_for(signals);
  log::info("stopping", {{"drain_ms", drain_max.count()}});
  std::jthread impatient([&signals](const std::stop_token& stop) {
    const timespec tick{0, 100'000'000};
    while (!stop.stop_requested())
      if (sigtimedwait(&signals, nullptr, &tick) > 0) _exit(130);
  });
  composition->drain(std::chrono::steady_clock::now() + drain_max);
  composition.reset();
  log::info("stopped");
}

std::string names_of(const JobSettings& jobs) {
  std::string names;
  for (const auto& [lane, concurrency] : jobs.concurrency)
    names.append(names.empty() ? "" : ",").append(to_string(lane));
  return names;
}

}  // namespace

Result<void> serve(const AppSettings& settings) {
  const sigset_t signals = block_signals();
  want_descriptors();
  TRY(auto composition, Composition::start(settings));
  log::info("serving", {{"url", composition->url()}, {"data", settings.data.string()}});
  if (settings.jobs.concurrency.empty()) log::info("jobs are left to workers (calotype worker)");
  run_until_told(std::move(composition), signals, settings.drain_max);
  return {};
}

Result<void> work(const AppSettings& settings) {
  if (settings.catalog.url.starts_with("sqlite:"))
    return fail(
        ErrorCode::bad_config,
        "A worker needs a catalog that several programs share: set catalog to "
        "postgresql://…. A SQLite catalog belongs to the one `calotype serve` that owns its "
        "folder, which runs the jobs itself.");
  const sigset_t signals = block_signals();
  want_descriptors();
  TRY(auto composition, Composition::start(settings));
  log::info("working", {{"lanes", names_of(settings.jobs)},
                        {"url", composition->url()},
                        {"data", settings.data.string()}});
  run_until_told(std::move(composition), signals, settings.drain_max);
  return {};
}

}  // namespace calotype
