// SPDX-License-Identifier: Apache-2.0
// Conditional requests (RFC 9110 §13): does the client have this representation already, and does
// it still want what it has a part of?
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "http/request_head.hpp"

namespace calotype {

/// What a condition is held against. The tag is with its quotes; strong, as all of ours are.
struct Validators {
  std::string_view etag;
  std::optional<Timestamp> last_modified;
};

enum class Precondition : std::uint8_t { proceed, not_modified, failed };

/// §13.2.2, in its order, for GET and HEAD.
Precondition evaluate_preconditions(const RequestHead& head, const Validators& current);

/// Whether Range counts: there is no If-Range, or it names exactly this (strong comparison).
bool range_applies(const RequestHead& head, const Validators& current);

/// Whether a list of entity tags, or `*`, has this one. A malformed list matches as far as it could
/// be read.
bool etag_list_has(std::string_view list, std::string_view etag, bool weak_comparison);

}  // namespace calotype
