// SPDX-License-Identifier: Apache-2.0
// The library as people order it: collections, tags, listings by any of their properties, changes
// of many assets at once, and takedowns.
#pragma once

#include "catalog/rows.hpp"

namespace calotype {

class LibraryCatalog {
 public:
  virtual ~LibraryCatalog() = default;
};

}  // namespace calotype
