// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"

#include <format>

namespace calotype {

Result<json::value> parse_json(std::string_view text) {
  boost::system::error_code error;
  json::stream_parser parser;
  const std::size_t read = parser.write_some(text, error);
  if (!error && read < text.size())
    return fail(ErrorCode::bad_request, std::format("JSON ends early, at byte {}.", read));
  if (!error) parser.finish(error);
  if (error)
    return fail(ErrorCode::bad_request, std::format("Not valid JSON at byte {}.", read),
                error.message());
  return parser.release();
}

}  // namespace calotype
