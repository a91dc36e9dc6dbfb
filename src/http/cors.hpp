// SPDX-License-Identifier: Apache-2.0
// Cross-origin requests (the Fetch standard): which pages of other origins may read an answer. Keys
// travel in Authorization, never in cookies, so credentials are never allowed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/response.hpp"

namespace calotype {

/// Which fields of an answer pages may read. A picture has few, and names no others: it is small,
/// often asked for, and clients read each byte of its head.
enum class Exposed { fields_of_pictures, all };

/// The fields for an answer to a request with that Origin (empty: none). With `*` they are the same
/// for everybody; with a list they vary, and say so.
std::string cors_fields(const std::vector<std::string>& origins, std::string_view origin,
                        Exposed exposed = Exposed::all);

/// Whether cors_fields depends on the origin.
bool cors_varies(const std::vector<std::string>& origins);

/// Whether a page of that origin (empty: no page) may change things where no key is asked for: one
/// of this machine (localhost, 127.0.0.0/8, [::1]), or one that the list names. `*` names nobody:
/// it would let every page that somebody at this machine visits delete what is here.
bool is_trusted_origin(const std::vector<std::string>& origins, std::string_view origin);

/// The answer to OPTIONS: a preflight, or a plain question for the methods.
Response options_response(const std::vector<std::string>& origins, std::string_view origin,
                          std::string_view allow);

}  // namespace calotype
