// SPDX-License-Identifier: Apache-2.0
// /v1/keys: make, list and revoke API keys. The first one is made where none is in force, which is
// possible on loopback only.
#include <algorithm>
#include <format>

#include "http/api_key.hpp"
#include "http/asset_json.hpp"
#include "http/router.hpp"

namespace calotype {
namespace {

constexpr std::size_t name_bytes_max = 200;

Result<std::vector<std::string>> read_scopes(const json::value* value) {
  if (value == nullptr || !value->is_array() || value->as_array().empty())
    return fail(ErrorCode::bad_request, "scopes is a list of read, write and admin.");
  std::vector<std::string> scopes;
  for (const json::value& item : value->as_array()) {
    if (!item.is_string() || !parse_scope(item.as_string()))
      return fail(ErrorCode::bad_request, "scopes is a list of read, write and admin.");
    std::string scope(item.as_string());
    if (!std::ranges::contains(scopes, scope)) scopes.push_back(std::move(scope));
  }
  return scopes;
}

Result<Response> create(const Site& site, const Exchange& exchange) {
  TRY(const json::value document, parse_json(exchange.body));
  if (!document.is_object()) return fail(ErrorCode::bad_request, "The body is a JSON object.");
  const json::object& object = document.as_object();
  const json::value* name = object.if_contains("name");
  if (name == nullptr || !name->is_string() || name->as_string().empty() ||
      name->as_string().size() > name_bytes_max)
    return fail(ErrorCode::bad_request, "name is a text of 1 to 200 bytes.");
  TRY(const auto scopes, read_scopes(object.if_contains("scopes")));
  // The first key comes into force at once, so it must be one that can make others.
  TRY(const bool in_force, site.keys.in_force());
  if (!in_force && !std::ranges::contains(scopes, "admin"))
    return fail(ErrorCode::bad_request,
                "The first key needs the scope admin; without it no other could be made.");
  const NewApiKey made = make_api_key();
  TRY(const ApiKeyRow row,
      site.services.catalog.create_key(std::string_view(name->as_string()), scopes, made.hash));
  site.keys.forget();
  json::object answer = key_json(row);
  answer["key"] = made.text;
  Response response = json_response(201, json::serialize(answer));
  response.add("Location", "/v1/keys/" + row.id);
  return response;
}

Result<Response> list(const Site& site) {
  TRY(const auto rows, site.services.catalog.list_keys());
  json::array keys;
  for (const ApiKeyRow& row : rows) keys.push_back(key_json(row));
  return json_response(200, json::serialize(json::object{{"keys", std::move(keys)}}));
}

}  // namespace

Answer list_keys(const Site& site, const Exchange&) {
  auto result = list(site);
  if (!result) return refuse(result.error());
  return *std::move(result);
}

Answer create_key(const Site& site, const Exchange& exchange) {
  auto result = create(site, exchange);
  if (!result) return refuse(result.error());
  return *std::move(result);
}

Answer revoke_key(const Site& site, const Exchange& exchange) {
  const auto revoked = site.services.catalog.revoke_key(exchange.arguments[0]);
  site.keys.forget();
  if (!revoked) return refuse(revoked.error());
  return Response{.status = 204, .fields = {}, .body = {}};
}

}  // namespace calotype
