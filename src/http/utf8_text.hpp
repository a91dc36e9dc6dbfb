// SPDX-License-Identifier: Apache-2.0
// Text from outside that is going to stand in JSON, which is UTF-8 or nothing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace calotype {

/// The length of the well-formed UTF-8 sequence at the start of a text that is not empty; 0 where
/// there is none.
std::size_t utf8_length(std::string_view text);

bool is_utf8(std::string_view text);

/// Every byte that belongs to no well-formed sequence becomes U+FFFD.
std::string to_utf8(std::string_view text);

}  // namespace calotype
