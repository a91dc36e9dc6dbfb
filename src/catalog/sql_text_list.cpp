// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {

std::string to_column(std::span<const std::string> texts) {
  if (texts.empty()) return "[]";
  json::array list;
  for (const std::string& text : texts) list.emplace_back(text);
  return json::serialize(list);
}

Result<std::vector<std::string>> parse_column(std::string_view text) {
  std::vector<std::string> texts;
  if (text == "[]") return texts;
  const auto parsed = parse_json(text);
  if (!parsed || !parsed->is_array()) return bad_row("a list of texts");
  for (const json::value& item : parsed->get_array()) {
    if (!item.is_string()) return bad_row("a list of texts");
    texts.emplace_back(item.get_string());
  }
  return texts;
}

}  // namespace calotype
