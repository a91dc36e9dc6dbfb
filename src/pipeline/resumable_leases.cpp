// SPDX-License-Identifier: Apache-2.0
#include "pipeline/resumable_leases.hpp"

#include <pthread.h>

#include <vector>

#include "base/log.hpp"

namespace calotype {
namespace {

/// How often in a lease's time it is extended: two attempts may fail.
constexpr int extensions = 4;
/// Between two looks at whether a holder on another server has let go.
constexpr std::chrono::milliseconds poll{100};

}  // namespace

ResumableLeases::ResumableLeases(ResumableUploadCatalog& catalog,
                                 std::chrono::milliseconds duration,
                                 std::chrono::milliseconds wait_max)
    : catalog_(catalog),
      duration_(duration),
      wait_max_(wait_max),
      thread_([this](const std::stop_token& stop) { extend_all(stop); }) {
  pthread_setname_np(thread_.native_handle(), "upload-leases");
}

Result<ResumableUploadCatalog::Claimed> ResumableLeases::claim(std::string_view id, LetGo let_go) {
  const std::string key(id);
  const auto deadline = std::chrono::steady_clock::now() + wait_max_;
  while (true) {
    TRY(auto outcome, catalog_.claim_resumable(id, duration_));
    if (auto* claimed = std::get_if<ResumableUploadCatalog::Claimed>(&outcome)) {
      const std::lock_guard lock(mutex_);
      held_.insert_or_assign(key, Holder{claimed->lease, std::move(let_go)});
      return std::move(*claimed);
    }
    if (std::chrono::steady_clock::now() >= deadline)
      return fail(ErrorCode::upload_locked, "Another request is writing this upload. Try again.");
    const bool is_here = ask_holder(key);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, poll, [&] { return is_here && !held_.contains(key); });
  }
}

void ResumableLeases::release(const ResumableLease& lease) {
  if (const auto released = catalog_.release_resumable(lease); !released)
    log::warn("an upload's lease runs out by itself", {{"error", released.error()}});
  {
    const std::lock_guard lock(mutex_);
    const auto place = held_.find(lease.upload_id);
    if (place != held_.end() && place->second.lease.fence == lease.fence) held_.erase(place);
  }
  changed_.notify_all();
}

bool ResumableLeases::ask_holder(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto place = held_.find(id);
  if (place == held_.end()) return false;
  place->second.let_go();
  return true;
}

void ResumableLeases::extend_all(const std::stop_token& stop) {
  while (true) {
    std::vector<ResumableLease> leases;
    {
      std::unique_lock lock(mutex_);
      const auto until = std::chrono::steady_clock::now() + duration_ / extensions;
      changed_.wait_until(lock, stop, until, [] { return false; });
      if (stop.stop_requested()) return;
      for (const auto& [id, holder] : held_) leases.push_back(holder.lease);
    }
    for (const ResumableLease& lease : leases) {
      const auto wanted = catalog_.extend_resumable(lease, duration_);
      const bool lost = !wanted && wanted.error().code == ErrorCode::lease_lost;
      if (lost || (wanted && *wanted)) ask_holder(lease.upload_id);
    }
  }
}

}  // namespace calotype
