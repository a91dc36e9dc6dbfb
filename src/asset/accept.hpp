// SPDX-License-Identifier: Apache-2.0
// What an Accept header (RFC 9110 §12.5.1) says of one media type, or Accept-Encoding (§12.5.3) of
// one coding.
#pragma once

#include <string_view>

namespace calotype {

/// From 0 to 1000, of the range that names the type most exactly; −1 where none does. `type` is a
/// type (`image/webp`) or a coding (`gzip`), in lower case.
int accepted_weight(std::string_view accept, std::string_view type);

}  // namespace calotype
