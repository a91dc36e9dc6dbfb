// SPDX-License-Identifier: Apache-2.0
// What of tus 1.0 is outside its routes: capabilities, the version in every answer, and methods
// that a client cannot send by their own name.
#pragma once

#include "http/site.hpp"

namespace calotype {

/// "/v1/tus" and all below.
bool is_tus_path(std::string_view path);
/// X-HTTP-Method-Override of a POST, where the path is tus's; otherwise what it is.
Method tus_method(const RequestHead& head);
/// For every answer below is_tus_path; to OPTIONS all that this server can.
void add_tus_fields(const Site& site, Method method, Response& response);

}  // namespace calotype
