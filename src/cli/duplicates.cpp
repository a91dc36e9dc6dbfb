// SPDX-License-Identifier: Apache-2.0
// Shows which pictures look the same, and merges one into another.
#include "cli/duplicates.hpp"

#include <format>
#include <ostream>

#include "cli/commands.hpp"
#include "cli/text_table.hpp"

namespace calotype {
namespace {

std::string file_name_of(const json::value& asset) {
  const auto& uploads = array_field(asset, "uploads");
  return uploads.empty() ? std::string{} : text_field(uploads.front(), "file_name");
}

void print_table(const Duplicates& found, Session& session) {
  TextTable table({"CLUSTER", "ASSET", "DISTANCE", "PIXELS", "SIZE", "FILE"});
  std::uint64_t saveable = 0;
  for (const json::value& cluster : found.clusters) {
    saveable += number_field(cluster, "bytes_saveable");
    std::string heading = readable_bytes(number_field(cluster, "bytes_saveable")) + " to be saved";
    for (const json::value& member : array_field(cluster, "members")) {
      table.add(
          {heading, text_field(member, "id"), std::to_string(number_field(member, "distance")),
           std::format("{}×{}", number_field(member, "width"), number_field(member, "height")),
           readable_bytes(number_field(member, "bytes")), file_name_of(member)});
      heading.clear();
    }
  }
  if (table.empty()) {
    session.out << "No two pictures look the same.\n";
    return;
  }
  table.print(session.out);
  session.out << std::format("{} {}, {} to be saved.\n", found.clusters.size(),
                             found.clusters.size() == 1 ? "cluster" : "clusters",
                             readable_bytes(saveable));
}

}  // namespace

Result<Duplicates> list_duplicates(Session& session) {
  Duplicates found;
  std::string cursor;
  do {
    std::string target = "/v1/duplicates?limit=100";
    if (!cursor.empty()) target += "&cursor=" + escape_segment(cursor);
    TRY(const json::value page, ask(session, {.target = target}));
    const auto& clusters = array_field(page, "clusters");
    found.clusters.insert(found.clusters.end(), clusters.begin(), clusters.end());
    found.pending = number_field(page, "pending");
    cursor = text_field(page, "next");
  } while (!cursor.empty());
  return found;
}

Result<void> run(const DuplicatesCommand&, Session& session) {
  TRY(const Duplicates found, list_duplicates(session));
  if (session.json) {
    print_json(session, json::object{{"clusters", found.clusters}, {"pending", found.pending}});
    return {};
  }
  print_table(found, session);
  if (found.pending > 0)
    session.err << std::format("{} files are still being looked at.\n", found.pending);
  return {};
}

Result<void> run(const MergeCommand& command, Session& session) {
  const json::object body{{"from", command.from}, {"into", command.into}};
  TRY(const json::value kept, ask(session, {.method = "POST",
                                            .target = "/v1/duplicates/merge",
                                            .headers = {"Content-Type: application/json"},
                                            .body = json::serialize(body)}));
  if (session.json)
    print_json(session, kept);
  else
    session.out << "Merged " << shown_text(command.from) << " into " << shown_text(command.into)
                << ".\n";
  return {};
}

}  // namespace calotype
