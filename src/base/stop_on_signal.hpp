// SPDX-License-Identifier: Apache-2.0
// How a command that runs for long is told to stop: between two steps, with what it has done kept.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <stop_token>
#include <thread>

namespace calotype {

/// For as long as it lives, SIGINT and SIGTERM set its token; a second one means that somebody does
/// not want to wait, and ends the program with code 130. Threads that are made meanwhile inherit
/// this.
class StopOnSignal {
 public:
  StopOnSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::jthread([this](const std::stop_token& ended) {
      const timespec tick{0, 50'000'000};
      while (!ended.stop_requested()) {
        if (sigtimedwait(&signals_, nullptr, &tick) <= 0) continue;
        if (stop_.stop_requested()) _exit(130);
        stop_.request_stop();
      }
    });
  }
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
  std::stop_token token() const { return stop_.get_token(); }

 private:
  sigset_t signals_{};
  std::stop_source stop_;
  std::jthread thread_;
};

}  // namespace calotype
