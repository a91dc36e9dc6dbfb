// SPDX-License-Identifier: Apache-2.0
#include "http/content_disposition.hpp"

#include <algorithm>
#include <format>

#include "http/dialects/percent.hpp"
#include "http/request_head.hpp"
#include "http/utf8_text.hpp"

namespace calotype {
namespace {

constexpr std::size_t file_name_bytes_max = 255;
constexpr std::size_t relative_name_bytes_max = 1024;

std::string lower_case(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return lowered;
}

/// The text of a quoted string that `rest` begins with; `rest` is moved behind it.
std::optional<std::string> read_quoted(std::string_view& rest) {
  std::string text;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    char c = rest[i];
    if (c == '"') {
      rest.remove_prefix(i + 1);
      return text;
    }
    if (c == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\'))
      c = rest[++i];
    text.push_back(c);
  }
  return std::nullopt;
}

/// What browsers write in a form's names for a quote and line breaks (the HTML standard): those
/// three and no other `%`.
std::string undo_form_escapes(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::string_view head = name.substr(0, 3);
    const bool is_break = equal_ignoring_case(head, "%0d") || equal_ignoring_case(head, "%0a");
    if (head == "%22") out.push_back('"');
    if (head != "%22" && !is_break) out.push_back(name.front());
    name.remove_prefix(head == "%22" || is_break ? 3 : 1);
  }
  return out;
}

}  // namespace

const std::string* FieldParameters::find(std::string_view name) const {
  const auto place =
      std::ranges::find(parameters, name, [](const auto& pair) { return pair.first; });
  return place == parameters.end() ? nullptr : &place->second;
}

std::optional<FieldParameters> parse_field_parameters(std::string_view field) {
  FieldParameters parsed;
  auto semicolon = field.find(';');
  parsed.value = lower_case(trim(field.substr(0, semicolon)));
  std::string_view rest = semicolon == field.npos ? std::string_view{} : field.substr(semicolon);
  while (!rest.empty()) {
    if (rest.front() != ';') return std::nullopt;
    rest = trim(rest.substr(1));
    if (rest.empty() || rest.front() == ';') continue;
    const auto equals = rest.find('=');
    if (equals == rest.npos) return std::nullopt;
    std::string name = lower_case(trim(rest.substr(0, equals)));
    if (name.empty() || name.contains(';')) return std::nullopt;
    rest = trim(rest.substr(equals + 1));
    std::string value;
    if (rest.starts_with('"')) {
      auto quoted = read_quoted(rest);
      if (!quoted) return std::nullopt;
      value = *std::move(quoted);
    } else {
      semicolon = rest.find(';');
      value = trim(rest.substr(0, semicolon));
      rest = semicolon == rest.npos ? std::string_view{} : rest.substr(semicolon);
    }
    if (parsed.find(name) != nullptr) return std::nullopt;
    parsed.parameters.emplace_back(std::move(name), std::move(value));
    rest = trim(rest);
  }
  return parsed;
}

std::string clean_file_name(std::string_view name) {
  if (const auto slash = name.find_last_of("/\\"); slash != name.npos)
    name.remove_prefix(slash + 1);
  std::string clean;
  while (!name.empty()) {
    const std::size_t length = utf8_length(name);
    const std::size_t taken = std::max<std::size_t>(length, 1);
    const bool control =
        length == 1 && (static_cast<unsigned char>(name[0]) < 0x20 || name[0] == 0x7f);
    const std::string_view piece = length == 0 ? std::string_view("�") : name.substr(0, length);
    if (!control) {
      if (clean.size() + piece.size() > file_name_bytes_max) break;
      clean.append(piece);
    }
    name.remove_prefix(taken);
  }
  return clean;
}

std::string clean_relative_name(std::string_view name) {
  if (name.contains('\\')) return clean_file_name(name);
  std::string clean;
  for (std::string_view rest = name;;) {
    const auto slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return clean_file_name(name);
    if (!clean.empty()) clean += '/';
    clean += clean_file_name(part);
    if (slash == rest.npos) break;
    rest.remove_prefix(slash + 1);
  }
  return clean.size() <= relative_name_bytes_max ? clean : clean_file_name(name);
}

std::string file_name_in(const FieldParameters& disposition) {
  if (const std::string* extended = disposition.find("filename*")) {
    const auto first = extended->find('\'');
    const auto second = first == extended->npos ? first : extended->find('\'', first + 1);
    if (second != extended->npos && equal_ignoring_case(extended->substr(0, first), "utf-8"))
      if (const auto decoded = percent_decode(std::string_view(*extended).substr(second + 1)))
        return clean_file_name(*decoded);
  }
  const std::string* plain = disposition.find("filename");
  return plain == nullptr ? std::string{} : clean_file_name(undo_form_escapes(*plain));
}

std::string content_disposition(std::string_view kind, std::string_view file_name) {
  if (file_name.empty()) return std::string(kind);
  file_name.remove_prefix(file_name.rfind('/') + 1);
  std::string plain;
  std::string encoded;
  for (const char c : file_name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool safe = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '.' || c == '-' || c == '_';
    plain.push_back(safe || c == ' ' || c == '(' || c == ')' ? c : '_');
    if (safe)
      encoded.push_back(c);
    else
      encoded.append(std::format("%{:02X}", byte));
  }
  return std::format("{}; filename=\"{}\"; filename*=UTF-8''{}", kind, plain, encoded);
}

}  // namespace calotype
