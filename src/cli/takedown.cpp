// SPDX-License-Identifier: Apache-2.0
// Takes an asset down, shows what was taken down, or lets it in again.
#include <ostream>

#include "cli/commands.hpp"
#include "cli/text_table.hpp"

namespace calotype {
namespace {

constexpr std::string_view path = "/v1/takedowns";

void print_lines(std::ostream& out, std::string_view title, const json::array& texts) {
  if (texts.empty()) return;
  out << title << '\n';
  for (const auto& text : texts)
    if (text.is_string()) out << "  " << shown_text(text.get_string()) << '\n';
}

Result<void> take_down(const TakedownCommand& command, Session& session) {
  const json::object body{{"asset", command.id}, {"reason", command.reason}};
  TRY(const json::value answer, ask(session, {.method = "POST",
                                              .target = std::string(path),
                                              .headers = {"Content-Type: application/json"},
                                              .body = json::serialize(body)}));
  if (session.json) {
    print_json(session, answer);
    return {};
  }
  session.out << "Took down " << shown_text(command.id) << ": takedown " << text_field(answer, "id")
              << ".\n";
  print_lines(session.out, "Purge, where caches know tags, the tag (Cache-Tag)",
              array_field(answer, "cache_tags"));
  print_lines(session.out, "else these URLs", array_field(answer, "urls"));
  print_lines(session.out, "and what other dialects may have called them",
              array_field(answer, "patterns"));
  return {};
}

Result<void> list(Session& session) {
  json::array takedowns;
  std::string cursor;
  do {
    std::string target = std::string(path) + "?limit=1000";
    if (!cursor.empty()) target += "&cursor=" + escape_segment(cursor);
    TRY(const json::value page, ask(session, {.target = target}));
    const auto& rows = array_field(page, "takedowns");
    takedowns.insert(takedowns.end(), rows.begin(), rows.end());
    cursor = text_field(page, "next");
  } while (!cursor.empty());
  if (session.json) {
    print_json(session, json::object{{"takedowns", std::move(takedowns)}});
    return {};
  }
  TextTable table({"TAKEDOWN", "ASSET", "CREATED", "BY", "REASON"});
  for (const auto& takedown : takedowns)
    for (const auto& asset : array_field(takedown, "assets"))
      table.add({text_field(takedown, "id"),
                 asset.is_string() ? std::string(asset.get_string()) : std::string{},
                 text_field(takedown, "created_at"), text_field(takedown, "by"),
                 text_field(takedown, "reason")});
  if (table.empty())
    session.out << "Nothing was taken down.\n";
  else
    table.print(session.out);
  return {};
}

Result<void> lift(const TakedownCommand& command, Session& session) {
  TRY_VOID(ask(session, {.method = "DELETE",
                         .target = std::string(path) + "/" + escape_segment(command.lift)}));
  if (session.json)
    print_json(session, json::object{{"id", command.lift}, {"lifted", true}});
  else
    session.out << "Lifted " << shown_text(command.lift) << ".\n";
  return {};
}

}  // namespace

Result<void> run(const TakedownCommand& command, Session& session) {
  if (command.list) return list(session);
  if (!command.lift.empty()) return lift(command, session);
  return take_down(command, session);
}

}  // namespace calotype
