// SPDX-License-Identifier: Apache-2.0
// The shared cache in a Redis (or Valkey). Under the prefix of the setting:
//
//   calotype:1:variants:{asset}     hash: name → resolution_text; expires as a whole a day after
//                                   its first entry, so that a deletion drops one key
//   {calotype:1:accesses}           hash: "n <variant>" → how often, "t <variant>" → when last
//   {calotype:1:accesses}:taken     the same, while somebody writes it into the catalog
//   {calotype:1:accesses}:turn      exists while it is too early for the next to do so
//   {calotype:1:accesses}:busy      exists while somebody does
//
// The 1 is the format's version. The braces keep those that are renamed or read together in one
// slot of a cluster.
#pragma once

#include "cache/open_cache.hpp"
#include "cache/redis_client.hpp"

namespace calotype {

class RedisCache final : public SharedCache {
 public:
  RedisCache(const RedisUrl& url, const CacheSettings& settings, Metrics& metrics);

  bool is_shared() const override { return true; }
  std::vector<std::optional<Resolution>> find(std::string_view asset_id,
                                              std::span<const std::string> names) override;
  void put(std::string_view asset_id, const std::string& name,
           const Resolution& resolution) override;
  void drop(std::string_view asset_id) override;
  Result<void> add(std::span<const AccessCount> accesses) override;
  Result<void> settle(std::chrono::milliseconds turn, const Write& write) override;

 private:
  std::string variants_key(std::string_view asset_id) const;
  Result<bool> claim_turn(std::chrono::milliseconds turn);
  Result<std::vector<AccessCount>> read_taken();
  Result<void> write_taken(const Write& write);

  const std::string prefix_;
  const std::string accesses_;
  const std::chrono::milliseconds timeout_;
  Gauge& state_;
  Counter& hits_;
  Counter& misses_;
  Counter& unreadable_;
  Counter& timeouts_;
  Counter& bypassed_;
  Counter& dropped_writes_;
  RedisClient client_;  // last: its thread reports to the above
};

}  // namespace calotype
