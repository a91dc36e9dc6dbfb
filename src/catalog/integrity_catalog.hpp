// SPDX-License-Identifier: Apache-2.0
// What `calotype verify` needs: stored bytes in order, when each was last hashed, and what is put
// aside because its bytes are not what they were.
#pragma once

#include "catalog/rows.hpp"

namespace calotype {

class IntegrityCatalog {
 public:
  virtual ~IntegrityCatalog() = default;
};

}  // namespace calotype
