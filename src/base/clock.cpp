// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <format>
#include <sstream>

namespace calotype {

std::string to_rfc3339(Timestamp time) {
  return std::format("{:%FT%T}Z", time);
}

std::string to_http_date(Timestamp time) {
  return std::format("{:%a, %d %b %Y %T} GMT", std::chrono::floor<std::chrono::seconds>(time));
}

std::optional<Timestamp> parse_http_date(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::chrono::sys_seconds time;
  in >> std::chrono::parse("%a, %d %b %Y %T GMT", time);
  if (in.fail() || in.peek() != std::char_traits<char>::eof()) return std::nullopt;
  return Timestamp{time};
}

}  // namespace calotype
