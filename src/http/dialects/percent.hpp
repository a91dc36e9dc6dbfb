// SPDX-License-Identifier: Apache-2.0
// Percent-encoding (RFC 3986 §2.1), read strictly: what is half encoded is refused, never guessed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace calotype {

/// Nothing where a `%` is not followed by two hexadecimal digits, or where a NUL is encoded. A `+`
/// is a plus.
std::optional<std::string> percent_decode(std::string_view text);

/// Leaves what may stand in a path segment and in a query (unreserved characters, and `!$'()*,:@/`
/// not being separators there, `=` and `&`) as they are.
std::string percent_encode(std::string_view text);

}  // namespace calotype
