// SPDX-License-Identifier: Apache-2.0
// Identifiers that we make up (uploads, jobs, leases): 48 bits of milliseconds, then 80 random
// bits, in base32, so that they sort by the time they were made and never collide between machines.
#pragma once

#include <string>

#include "base/clock.hpp"

namespace calotype {

/// 26 characters of lower-case base32.
std::string new_id(Timestamp now);

}  // namespace calotype
