// SPDX-License-Identifier: Apache-2.0
// Two assets that look the same, by their numbers in the catalog: an asset's number is smaller than
// those of all that came after it.
#pragma once

#include <cstdint>

namespace calotype {

struct Likeness {
  std::int64_t first = 0;  // the smaller number
  std::int64_t second = 0;
  unsigned distance = 0;
  bool operator==(const Likeness&) const = default;
};

}  // namespace calotype
