// SPDX-License-Identifier: Apache-2.0
// Takes an asset down, or all that looks like it; shows what that would be, or what was taken down;
// or lets it in again.
#include <format>
#include <ostream>

#include "cli/commands.hpp"
#include "cli/text_table.hpp"

namespace calotype {
namespace {

constexpr std::string_view path = "/v1/takedowns";

std::string count_of(std::size_t assets) {
  return std::format("{} {}", assets, assets == 1 ? "asset" : "assets");
}

void print_lines(std::ostream& out, std::string_view title, const json::array& texts) {
  if (texts.empty()) return;
  out << title << '\n';
  for (const auto& text : texts)
    if (text.is_string()) out << "  " << shown_text(text.get_string()) << '\n';
}

/// Those that would go, as the server shows them.
Result<json::array> candidates(const TakedownCommand& command, Session& session) {
  if (command.cluster) {
    TRY(const json::value cluster,
        ask(session, {.target = "/v1/duplicates/" + escape_segment(command.id)}));
    return array_field(cluster, "members");
  }
  TRY(json::value asset, ask(session, {.target = "/v1/assets/" + escape_segment(command.id)}));
  return json::array{std::move(asset)};
}

Result<void> show_candidates(const TakedownCommand& command, Session& session) {
  TRY(json::array assets, candidates(command, session));
  if (session.json) {
    print_json(session, json::object{{"dry_run", true}, {"assets", std::move(assets)}});
    return {};
  }
  TextTable table({"ASSET", "DISTANCE", "SIZE", "FILE"});
  for (const json::value& asset : assets) {
    const auto& uploads = array_field(asset, "uploads");
    table.add({text_field(asset, "id"), std::to_string(number_field(asset, "distance")),
               readable_bytes(number_field(asset, "bytes")),
               uploads.empty() ? std::string{} : text_field(uploads.front(), "file_name")});
  }
  table.print(session.out);
  session.out << std::format("{} would be taken down; nothing was.\n", count_of(assets.size()));
  return {};
}

Result<void> take_down(const TakedownCommand& command, Session& session) {
  const json::object body{
      {"asset", command.id}, {"reason", command.reason}, {"cluster", command.cluster}};
  TRY(const json::value answer, ask(session, {.method = "POST",
                                              .target = std::string(path),
                                              .headers = {"Content-Type: application/json"},
                                              .body = json::serialize(body)}));
  if (session.json) {
    print_json(session, answer);
    return {};
  }
  const json::array& assets = array_field(answer, "assets");
  session.out << "Took down " << shown_text(command.id);
  if (command.cluster) session.out << " and its cluster, " << count_of(assets.size());
  session.out << ": takedown " << text_field(answer, "id") << ".\n";
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
  if (command.dry_run) return show_candidates(command, session);
  return take_down(command, session);
}

}  // namespace calotype
