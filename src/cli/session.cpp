// SPDX-License-Identifier: Apache-2.0
#include "cli/session.hpp"

#include <ostream>

namespace calotype {

Error problem_of(const HttpAnswer& answer) {
  Error error;
  const auto document = parse_json(answer.body);
  if (!document || !document->is_object() || text_field(*document, "code").empty()) {
    error.message = "The server answered " + std::to_string(answer.status) + ".";
    return error;
  }
  const std::string code = text_field(*document, "code");
  error.code = parse_error_code(code);
  error.message = text_field(*document, "detail");
  // A newer server's code, which this program has no name for, must not get lost.
  if (to_string(error.code) != code) error.message = code + ": " + error.message;
  return error;
}

Result<json::value> ask(Session& session, const HttpRequest& request) {
  TRY(const HttpAnswer answer, session.http.send(request));
  if (!answer.ok()) return std::unexpected(problem_of(answer));
  if (answer.body.empty()) return json::value(nullptr);
  return parse_json(answer.body);
}

void print_json(Session& session, const json::value& value) {
  session.out << json::serialize(value) << '\n';
}

namespace {
const json::value* find_field(const json::value& object, std::string_view name) {
  return object.is_object() ? object.get_object().if_contains(name) : nullptr;
}
}  // namespace

std::string text_field(const json::value& object, std::string_view name) {
  const auto* value = find_field(object, name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string{};
}

std::uint64_t number_field(const json::value& object, std::string_view name) {
  const auto* value = find_field(object, name);
  if (!value || !value->is_number()) return 0;
  boost::system::error_code inexact;
  return value->to_number<std::uint64_t>(inexact);
}

const json::array& array_field(const json::value& object, std::string_view name) {
  static const json::array none;
  const auto* value = find_field(object, name);
  return value && value->is_array() ? value->get_array() : none;
}

std::string escape_segment(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool is_unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                               (c >= '0' && c <= '9') || std::string_view("-._~").contains(c);
    if (is_unreserved) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      (out += '%').append({digits[byte >> 4], digits[byte & 15]});
    }
  }
  return out;
}

}  // namespace calotype
