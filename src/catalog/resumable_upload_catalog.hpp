// SPDX-License-Identifier: Apache-2.0
// Uploads that come in parts: how far each is, and the state of its hash there.
#pragma once

#include "catalog/rows.hpp"

namespace calotype {

class ResumableUploadCatalog {
 public:
  virtual ~ResumableUploadCatalog() = default;
};

}  // namespace calotype
