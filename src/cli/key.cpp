// SPDX-License-Identifier: Apache-2.0
// API keys. The first one can be made on the catalog itself (--data), because a server that is to
// listen elsewhere than on loopback does not start without one.
#include <filesystem>
#include <ostream>

#include "base/clock.hpp"
#include "catalog/open_catalog.hpp"
#include "cli/app_settings.hpp"
#include "cli/commands.hpp"
#include "cli/text_table.hpp"
#include "http/api_key.hpp"

namespace calotype {
namespace {

json::array scopes_json(const std::vector<std::string>& scopes) {
  json::array array;
  for (const auto& scope : scopes) array.emplace_back(scope);
  return array;
}

Result<json::value> create_on_catalog(const KeyCreateCommand& command) {
  TRY(const Settings settings, load_settings(command.config));
  std::error_code error;
  std::filesystem::create_directories(settings.text("data"), error);
  if (error)
    return fail(ErrorCode::bad_config,
                "The data folder " + settings.text("data") + " cannot be made: " + error.message());
  const SystemClock clock;
  TRY(const auto catalog, open_catalog(catalog_settings(settings), clock));
  const NewApiKey made = make_api_key();
  TRY(const ApiKeyRow row, catalog->create_key(command.name, command.scopes, made.hash));
  return json::object{{"id", row.id},
                      {"name", row.name},
                      {"scopes", scopes_json(row.scopes)},
                      {"created_at", to_rfc3339(row.created_at)},
                      {"key", made.text}};
}

Result<json::value> create_on_server(const KeyCreateCommand& command, Session& session) {
  const json::object body{{"name", command.name}, {"scopes", scopes_json(command.scopes)}};
  return ask(session, {.method = "POST",
                       .target = "/v1/keys",
                       .headers = {"Content-Type: application/json"},
                       .body = json::serialize(body)});
}

std::string joined_scopes(const json::value& key) {
  std::string out;
  for (const auto& scope : array_field(key, "scopes"))
    if (scope.is_string()) out += (out.empty() ? "" : ",") + std::string(scope.get_string());
  return out;
}

}  // namespace

Result<void> run(const KeyCreateCommand& command, Session& session) {
  TRY(const json::value key,
      command.direct ? create_on_catalog(command) : create_on_server(command, session));
  if (session.json) {
    print_json(session, key);
    return {};
  }
  session.out << text_field(key, "key") << '\n';
  session.err << "This is the only time that the key is shown. Its id is " << text_field(key, "id")
              << ", its scopes are " << joined_scopes(key) << ".\n";
  return {};
}

Result<void> run(const KeyListCommand&, Session& session) {
  TRY(const json::value answer, ask(session, {.target = "/v1/keys"}));
  if (session.json) {
    print_json(session, answer);
    return {};
  }
  TextTable table({"KEY ID", "NAME", "SCOPES", "CREATED"});
  for (const auto& key : array_field(answer, "keys"))
    table.add({text_field(key, "id"), text_field(key, "name"), joined_scopes(key),
               text_field(key, "created_at")});
  if (table.empty()) {
    session.out << "No keys: on loopback everybody may do everything.\n";
  } else {
    table.print(session.out);
  }
  return {};
}

Result<void> run(const KeyRevokeCommand& command, Session& session) {
  TRY_VOID(ask(session, {.method = "DELETE", .target = "/v1/keys/" + escape_segment(command.id)}));
  if (session.json) {
    print_json(session, json::object{{"id", command.id}, {"revoked", true}});
  } else {
    session.out << "Key " << shown_text(command.id) << " is worthless now.\n";
  }
  return {};
}

}  // namespace calotype
