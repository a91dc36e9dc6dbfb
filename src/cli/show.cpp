// SPDX-License-Identifier: Apache-2.0
// Everything that is known of one asset: itself, its uploads, its variants, its history.
#include <ostream>

#include "cli/commands.hpp"
#include "cli/text_table.hpp"

namespace calotype {
namespace {

std::string joined(const json::array& texts) {
  std::string out;
  for (const auto& text : texts)
    if (text.is_string()) out += (out.empty() ? "" : ", ") + std::string(text.get_string());
  return out;
}

void print_facts(const json::value& asset, std::ostream& out) {
  const auto line = [&](std::string_view name, const std::string& text) {
    if (!text.empty())
      out << name << std::string(14 - name.size(), ' ') << shown_text(text) << '\n';
  };
  line("id", text_field(asset, "id"));
  line("sha256", text_field(asset, "sha256"));
  line("state", text_field(asset, "state"));
  const json::value none;
  const auto* failure = asset.is_object() ? asset.get_object().if_contains("failure") : nullptr;
  const auto& reason = failure ? *failure : none;
  if (!text_field(reason, "code").empty())
    line("failure", text_field(reason, "code") + ": " + text_field(reason, "message"));
  line("size", readable_bytes(number_field(asset, "bytes")));
  line("type", text_field(asset, "media_type"));
  if (number_field(asset, "width") != 0)
    line("pixels", std::to_string(number_field(asset, "width")) + " × " +
                       std::to_string(number_field(asset, "height")) + ", orientation " +
                       std::to_string(number_field(asset, "orientation")));
  line("colours", text_field(asset, "color_space"));
  line("profile", text_field(asset, "icc_profile"));
  line("camera", text_field(asset, "camera"));
  line("taken", text_field(asset, "taken_at"));
  line("created", text_field(asset, "created_at"));
  line("updated", text_field(asset, "updated_at"));
}

void print_uploads(const json::value& asset, std::ostream& out) {
  TextTable table({"UPLOAD", "FILE", "UPLOADER", "COLLECTION", "TAGS", "CREATED"});
  for (const auto& upload : array_field(asset, "uploads"))
    table.add({text_field(upload, "id"), text_field(upload, "file_name"),
               text_field(upload, "uploader"), text_field(upload, "collection"),
               joined(array_field(upload, "tags")), text_field(upload, "created_at")});
  if (table.empty()) return;
  out << '\n';
  table.print(out);
}

void print_variants(const json::value& variants, std::ostream& out) {
  TextTable table({"VARIANT", "PIXELS", "SIZE", "LAST ACCESS", "URL"});
  for (const auto& variant : array_field(variants, "variants"))
    table.add({text_field(variant, "recipe"),
               std::to_string(number_field(variant, "width")) + "×" +
                   std::to_string(number_field(variant, "height")),
               readable_bytes(number_field(variant, "bytes")),
               text_field(variant, "last_access_at"), text_field(variant, "url")});
  if (table.empty()) return;
  out << '\n';
  table.print(out);
}

void print_events(const json::value& events, std::ostream& out) {
  TextTable table({"AT", "FROM", "TO", "BECAUSE"});
  for (const auto& event : array_field(events, "events"))
    table.add({text_field(event, "at"), text_field(event, "from"), text_field(event, "to"),
               text_field(event, "because")});
  if (table.empty()) return;
  out << '\n';
  table.print(out);
}

}  // namespace

Result<void> run(const ShowCommand& command, Session& session) {
  TRY(const json::value asset,
      ask(session, {.target = "/v1/assets/" + escape_segment(command.id)}));
  const std::string target = "/v1/assets/" + escape_segment(text_field(asset, "id"));
  TRY(const json::value variants, ask(session, {.target = target + "/variants"}));
  TRY(const json::value events, ask(session, {.target = target + "/events"}));
  if (session.json) {
    json::object all = asset.is_object() ? asset.get_object() : json::object{};
    all["variants"] = array_field(variants, "variants");
    all["events"] = array_field(events, "events");
    print_json(session, all);
    return {};
  }
  print_facts(asset, session.out);
  print_uploads(asset, session.out);
  print_variants(variants, session.out);
  print_events(events, session.out);
  return {};
}

}  // namespace calotype
