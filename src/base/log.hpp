// SPDX-License-Identifier: Apache-2.0
// Logs for people or as JSON lines, to standard error, through spdlog. A line is an event in a few
// words and its fields; fields are never pasted into the words, so that machines can read them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace calotype::log {

enum class Level : std::uint8_t { debug, info, warn, error, off };
enum class Format : std::uint8_t { text, json };

/// One field; numbers and booleans stay bare in JSON.
struct Field {
  Field(std::string_view field_name, std::string_view text)
      : name(field_name), value(text), quoted(true) {}
  Field(std::string_view field_name, const std::string& text)
      : Field(field_name, std::string_view(text)) {}
  Field(std::string_view field_name, const char* text)
      : Field(field_name, std::string_view(text)) {}
  Field(std::string_view field_name, bool truth)
      : name(field_name), value(truth ? "true" : "false"), quoted(false) {}
  template <class Number>
    requires std::is_arithmetic_v<Number>
  Field(std::string_view field_name, Number number)
      : name(field_name), value(std::to_string(number)), quoted(false) {}
  Field(std::string_view field_name, const Error& error) : Field(field_name, describe(error)) {}

  std::string_view name;
  std::string value;
  bool quoted;
};
using Fields = std::initializer_list<Field>;

/// Once, before the first line; the default is text at info.
void configure(Format format, Level level);
bool enabled(Level level);
void write(Level level, std::string_view event, Fields fields);

inline void debug(std::string_view event, Fields fields = {}) {
  write(Level::debug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) {
  write(Level::info, event, fields);
}
inline void warn(std::string_view event, Fields fields = {}) {
  write(Level::warn, event, fields);
}
inline void error(std::string_view event, Fields fields = {}) {
  write(Level::error, event, fields);
}

}  // namespace calotype::log
