// SPDX-License-Identifier: Apache-2.0
// What a command works with: the server, and where its answer goes. Problem documents become errors
// with the server's own code and words.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "cli/http_client.hpp"

namespace calotype {

struct Session {
  HttpClient& http;
  bool json = false;
  std::ostream& out;
  std::ostream& err;
};

/// The server's problem document as an error; a status that came without one is told as such.
Error problem_of(const HttpAnswer& answer);

/// One request whose answer is JSON; nothing comes back as null. An answer that is no success is an
/// error, as problem_of has it.
Result<json::value> ask(Session& session, const HttpRequest& request);

/// One line of JSON.
void print_json(Session& session, const json::value& value);

// Fields of a JSON object that may be missing or null.
std::string text_field(const json::value& object, std::string_view name);
std::uint64_t number_field(const json::value& object, std::string_view name);
const json::array& array_field(const json::value& object, std::string_view name);

/// For a path segment or a query value: everything but unreserved characters is percent-encoded.
std::string escape_segment(std::string_view text);

}  // namespace calotype
