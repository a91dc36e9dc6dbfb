// SPDX-License-Identifier: Apache-2.0
#include "cache/open_cache.hpp"

#include "cache/redis_cache.hpp"
#include "cache/redis_url.hpp"
#include "cache/unshared_cache.hpp"

namespace calotype {

Result<std::unique_ptr<SharedCache>> open_cache(const CacheSettings& settings, Metrics& metrics) {
  if (settings.url == "memory") return std::make_unique<UnsharedCache>();
  TRY(const RedisUrl url, parse_redis_url(settings.url));
  return std::make_unique<RedisCache>(url, settings, metrics);
}

}  // namespace calotype
