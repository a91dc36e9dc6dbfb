// SPDX-License-Identifier: Apache-2.0
// Lists of numbers or ids in statements: `IN ($1, …)` with as few lengths as possible, since every
// text of a statement is prepared once and kept.
#pragma once

#include <algorithm>
#include <format>

#include "catalog/database.hpp"

namespace calotype {

/// "$3, $4, $5"
inline std::string placeholders(std::size_t first, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text += std::format("{}${}", i == 0 ? "" : ", ", first + i);
  return text;
}

/// Calls `run(values)` with batches of 32, 128 or 256 of them, the last filled up by its last one.
template <class Range, class Run>
Result<void> for_each_batch(const Range& list, Run run) {
  for (std::span rest(list); !rest.empty();) {
    const std::size_t size = rest.size() > 128 ? 256 : rest.size() > 32 ? 128 : 32;
    const auto batch = rest.first(std::min(size, rest.size()));
    std::vector<Value> values(batch.begin(), batch.end());
    values.resize(size, Value(batch.back()));
    TRY_VOID(run(std::move(values)));
    rest = rest.subspan(batch.size());
  }
  return {};
}

}  // namespace calotype
