// SPDX-License-Identifier: Apache-2.0
// Lists of numbers in statements: `IN ($1, …)` with as few lengths as possible, since every text of
// a statement is prepared once and kept.
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

/// Calls `run(numbers)` with batches of 32 or 256 of them, the last filled up by its last one.
template <class Run>
Result<void> for_each_batch(std::span<const std::int64_t> numbers, Run run) {
  while (!numbers.empty()) {
    const std::size_t size = numbers.size() > 32 ? 256 : 32;
    const auto batch = numbers.first(std::min(size, numbers.size()));
    std::vector<Value> values(batch.begin(), batch.end());
    values.resize(size, Value(batch.back()));
    TRY_VOID(run(std::move(values)));
    numbers = numbers.subspan(batch.size());
  }
  return {};
}

}  // namespace calotype
