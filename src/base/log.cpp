// SPDX-License-Identifier: Apache-2.0
// The logger is the one process-wide object: standard error is one too. JSON strings are escaped by
// Boost.JSON, so that no input can break out of its line.
#include "base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace calotype::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  std::unreachable();
}

std::atomic<Format> output_format = Format::text;

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("calotype",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    return made;
  }();
  return *instance;
}

std::string escaped(std::string_view text) {
  return json::serialize(json::string(text));
}

std::string json_line(Level level, std::string_view event, Fields fields) {
  std::string line = "{\"time\":\"" + to_rfc3339(SystemClock().now()) + "\",\"level\":\"";
  line += spdlog::level::to_string_view(to_spdlog(level)).data();
  line += "\",\"event\":" + escaped(event);
  for (const Field& field : fields) {
    line += "," + escaped(field.name) + ":";
    line += field.quoted ? escaped(field.value) : field.value;
  }
  return line + "}";
}

std::string text_line(Level level, std::string_view event, Fields fields) {
  std::string line = to_rfc3339(SystemClock().now()).substr(11, 12) + " ";
  if (level != Level::info) {
    line += spdlog::level::to_string_view(to_spdlog(level)).data();
    line += ": ";
  }
  line += event;
  for (const Field& field : fields) {
    const bool plain =
        !field.quoted ||
        (!field.value.empty() && field.value.find_first_of(" \"\\\n\t") == std::string::npos);
    line += "  " + std::string(field.name) + "=" + (plain ? field.value : escaped(field.value));
  }
  return line;
}

}  // namespace

void configure(Format format, Level level) {
  output_format = format;
  logger().set_level(to_spdlog(level));
}

bool enabled(Level level) {
  return logger().should_log(to_spdlog(level));
}

void write(Level level, std::string_view event, Fields fields) {
  if (!enabled(level)) return;
  const auto line = output_format == Format::json ? json_line(level, event, fields)
                                                  : text_line(level, event, fields);
  logger().log(to_spdlog(level), line);
}

}  // namespace calotype::log
