// SPDX-License-Identifier: Apache-2.0
// Text that came with a picture is whatever somebody typed, in whatever encoding; what leaves here
// is valid UTF-8 (RFC 3629).
#pragma once

#include <string>
#include <string_view>

namespace calotype {

/// Bytes that are part of no valid sequence are each replaced by U+FFFD; zero bytes are dropped.
std::string sanitize_utf8(std::string_view text);

}  // namespace calotype
