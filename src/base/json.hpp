// SPDX-License-Identifier: Apache-2.0
// JSON for every room: the one place that includes Boost.JSON.
#pragma once

#include <boost/json.hpp>
#include <string_view>

#include "base/error.hpp"

namespace calotype {

namespace json = boost::json;

/// Strict JSON, depth at most 32; bad_request with the position otherwise.
Result<json::value> parse_json(std::string_view text);

}  // namespace calotype
