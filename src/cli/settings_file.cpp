// SPDX-License-Identifier: Apache-2.0
#include "cli/settings_file.hpp"

#include <optional>
#include <toml++/toml.hpp>

namespace calotype {
namespace {

std::optional<std::string> scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  return std::nullopt;
}

std::optional<std::string> value_text(const toml::node& node) {
  const auto* array = node.as_array();
  if (!array) return scalar_text(node);
  std::string joined;
  for (const auto& item : *array) {
    const auto* text = item.as_string();
    if (!text || text->get().contains(',')) return std::nullopt;
    joined += (joined.empty() ? "" : ",") + text->get();
  }
  return joined;
}

Result<void> flatten(const toml::table& table, const std::string& prefix,
                     std::vector<FileSetting>& out) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (const auto* inner = node.as_table()) {
      TRY_VOID(flatten(*inner, key + ".", out));
      continue;
    }
    const int line = static_cast<int>(node.source().begin.line);
    auto text = value_text(node);
    if (!text)
      return fail(ErrorCode::bad_config,
                  "Line " + std::to_string(line) + ": " + key +
                      " must be a text, a whole number, true, false or a list of texts.");
    out.push_back({key, *std::move(text), line});
  }
  return {};
}

}  // namespace

Result<std::vector<FileSetting>> parse_settings_file(std::string_view toml) {
  try {
    std::vector<FileSetting> settings;
    TRY_VOID(flatten(toml::parse(toml), "", settings));
    return settings;
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::bad_config, "Line " + std::to_string(error.source().begin.line) +
                                           " is not TOML: " + std::string(error.description()));
  }
}

}  // namespace calotype
