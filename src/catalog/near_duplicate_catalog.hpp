// SPDX-License-Identifier: Apache-2.0
// Fingerprints, and which assets look nearly the same.
#pragma once

#include "catalog/rows.hpp"

namespace calotype {

class NearDuplicateCatalog {
 public:
  virtual ~NearDuplicateCatalog() = default;
};

}  // namespace calotype
