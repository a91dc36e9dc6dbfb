// SPDX-License-Identifier: Apache-2.0
// The server's clusters of assets that look the same.
#pragma once

#include <cstdint>

#include "cli/session.hpp"

namespace calotype {

struct Duplicates {
  json::array clusters;
  std::uint64_t pending = 0;  // inspections that have not ended
};

/// All of them, page after page.
Result<Duplicates> list_duplicates(Session& session);

}  // namespace calotype
