// SPDX-License-Identifier: Apache-2.0
// Cross-origin requests (the Fetch standard): which pages of other origins may read an answer. Keys
// travel in Authorization, never in cookies, so credentials are never allowed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/response.hpp"

namespace calotype {

/// The fields for an answer to a request with that Origin (empty: none). With `*` they are the same
/// for everybody; with a list they vary, and say so.
std::string cors_fields(const std::vector<std::string>& origins, std::string_view origin);

/// Whether cors_fields depends on the origin.
bool cors_varies(const std::vector<std::string>& origins);

/// The answer to OPTIONS: a preflight, or a plain question for the methods.
Response options_response(const std::vector<std::string>& origins, std::string_view origin,
                          std::string_view allow);

}  // namespace calotype
