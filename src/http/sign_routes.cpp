// SPDX-License-Identifier: Apache-2.0
// /v1/sign: a picture's URL with the signature that it needs, for whoever may read the originals.
#include <algorithm>

#include "http/asset_json.hpp"
#include "http/query.hpp"
#include "http/router.hpp"
#include "http/signature.hpp"

namespace calotype {
namespace {

/// As it would be sent: what is signed are its bytes.
bool is_picture_target(std::string_view target) {
  const bool is_plain =
      std::ranges::all_of(target, [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
  if (!is_plain || !target.starts_with('/')) return false;
  const RouteMatch match = find_route(Method::get, target.substr(0, target.find('?')));
  return match.route != nullptr && match.route->access == Access::signature;
}

Result<Response> sign(const Site& site, const Exchange& exchange) {
  TRY(const Query query, Query::parse(exchange.head.query()));
  TRY_VOID(query.only({"target"}));
  const std::string* const target = query.find("target");
  if (target == nullptr || !is_picture_target(*target))
    return fail(ErrorCode::bad_request,
                "target is the path of a picture with its query, like /v/ID/w=400.webp.");
  return json_response(
      200, json::serialize(json::object{{"url", signed_again(site.settings, *target)}}));
}

}  // namespace

Answer sign_url(const Site& site, const Exchange& exchange) {
  return answer(sign(site, exchange));
}

}  // namespace calotype
