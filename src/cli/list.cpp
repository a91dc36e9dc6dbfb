// SPDX-License-Identifier: Apache-2.0
// Lists assets, a page or all of them.
#include <algorithm>
#include <ostream>

#include "cli/commands.hpp"
#include "cli/text_table.hpp"

namespace calotype {
namespace {

constexpr std::uint32_t listed_max = 1000;

std::string dimensions_of(const json::value& asset) {
  const auto width = number_field(asset, "width");
  if (width == 0) return {};
  return std::to_string(width) + "×" + std::to_string(number_field(asset, "height"));
}

void print_table(const json::array& assets, Session& session) {
  TextTable table({"ID", "STATE", "TYPE", "PIXELS", "SIZE", "CREATED", "FILE"});
  for (const auto& asset : assets)
    table.add({text_field(asset, "id"), text_field(asset, "state"), text_field(asset, "media_type"),
               dimensions_of(asset), readable_bytes(number_field(asset, "bytes")),
               text_field(asset, "created_at"), text_field(asset, "file_name")});
  if (table.empty()) {
    session.out << "No assets.\n";
  } else {
    table.print(session.out);
  }
}

}  // namespace

Result<void> run(const ListCommand& command, Session& session) {
  json::array assets;
  std::string cursor = command.cursor;
  do {
    std::string target =
        "/v1/assets?limit=" + std::to_string(command.all ? listed_max : command.limit);
    if (!cursor.empty()) target += "&cursor=" + escape_segment(cursor);
    for (const auto& [name, value] : command.filters)
      if (!value.empty()) target += "&" + name + "=" + escape_segment(value);
    TRY(const json::value page, ask(session, {.target = target}));
    const auto& rows = array_field(page, "assets");
    assets.insert(assets.end(), rows.begin(), rows.end());
    cursor = text_field(page, "next");
  } while (command.all && !cursor.empty());

  if (session.json) {
    json::object answer{{"assets", std::move(assets)}, {"next", nullptr}};
    if (!cursor.empty()) answer["next"] = cursor;
    print_json(session, answer);
    return {};
  }
  print_table(assets, session);
  if (!cursor.empty()) session.err << "There are more: calotype list --cursor " << cursor << '\n';
  return {};
}

}  // namespace calotype
