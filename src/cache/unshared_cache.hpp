// SPDX-License-Identifier: Apache-2.0
// The cache of a server that shares nothing: no resolution is ever found (the process's own hot
// index stands in front), and accesses wait here until they are written down.
#pragma once

#include <map>
#include <mutex>

#include "cache/shared_cache.hpp"

namespace calotype {

class UnsharedCache final : public SharedCache {
 public:
  bool is_shared() const override { return false; }
  std::vector<std::optional<Resolution>> find(std::string_view asset_id,
                                              std::span<const std::string> names) override;
  void put(std::string_view asset_id, const std::string& name,
           const Resolution& resolution) override;
  void drop(std::string_view asset_id) override;
  Result<void> add(std::span<const AccessCount> accesses) override;
  Result<void> settle(std::chrono::milliseconds turn, const Write& write) override;

 private:
  std::mutex mutex_;
  std::map<std::string, AccessCount, std::less<>> accesses_;
};

}  // namespace calotype
