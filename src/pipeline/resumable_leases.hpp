// SPDX-License-Identifier: Apache-2.0
// Who may write a resumable upload. The newest request wins: its client has seen the old connection
// go, perhaps long before this end of it does. So whoever comes asks the holder to let go, here at
// once, on another server within a fraction of a lease; the holder keeps what has come to it, and
// lets go. A server that died holds its uploads until their leases are over.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "catalog/resumable_upload_catalog.hpp"

namespace calotype {

class ResumableLeases {
 public:
  /// `wait_max`: for a holder to let go.
  ResumableLeases(ResumableUploadCatalog& catalog, std::chrono::milliseconds duration,
                  std::chrono::milliseconds wait_max);

  using LetGo = std::function<void()>;
  /// Waits for the holder, if there is one; upload_locked where it does not let go in time,
  /// upload_not_found. `let_go` is called (on any thread, quickly, perhaps more than once) when
  /// somebody else wants the upload, or the lease is lost. The lease is kept alive until release.
  Result<ResumableUploadCatalog::Claimed> claim(std::string_view id, LetGo let_go);
  void release(const ResumableLease& lease);

 private:
  struct Holder {
    ResumableLease lease;
    LetGo let_go;
  };
  /// False where it is on another server.
  bool ask_holder(const std::string& id);
  void extend_all(const std::stop_token& stop);

  ResumableUploadCatalog& catalog_;
  const std::chrono::milliseconds duration_;
  const std::chrono::milliseconds wait_max_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Holder, std::less<>> held_;
  std::jthread thread_;
};

}  // namespace calotype
