// SPDX-License-Identifier: Apache-2.0
// Opens the cache that a URL names.
#pragma once

#include <memory>
#include <string>

#include "base/metrics.hpp"
#include "cache/shared_cache.hpp"

namespace calotype {

struct CacheSettings {
  std::string url = "memory";             // or redis://[user:password@]host[:port][/db], rediss://…
  std::string prefix = "calotype";        // of every key, for those who share one database
  std::chrono::milliseconds timeout{25};  // for what a request waits for
};

/// Does not wait for the server behind the URL: it is used as soon as it answers. bad_config where
/// the URL is none of those. The metrics outlive the cache.
Result<std::unique_ptr<SharedCache>> open_cache(const CacheSettings& settings, Metrics& metrics);

}  // namespace calotype
