// SPDX-License-Identifier: Apache-2.0
// The point of a picture that every crop keeps. It is part of each cut variant's version, so that a
// new point is a new URL; what is served without a version is forgotten here.
#include <cmath>

#include "base/json.hpp"
#include "http/asset_json.hpp"
#include "http/router.hpp"

namespace calotype {
namespace {

/// A share of a side, from 0 to 1.
Result<std::uint16_t> read_share(const json::object& body, std::string_view name) {
  const json::value* value = body.if_contains(name);
  const double share =
      value != nullptr && value->is_number() ? value->to_number<double>() : std::nan("");
  if (!(share >= 0 && share <= 1))
    return fail(ErrorCode::bad_request,
                "A focal point is {\"x\":…,\"y\":…}, each a number from 0 to 1.");
  return static_cast<std::uint16_t>(std::lround(share * FocalPoint::whole));
}

Result<FocalPoint> read_point(const Exchange& exchange) {
  TRY(const json::value parsed, parse_json(exchange.body));
  const json::object none;
  const json::object& body = parsed.is_object() ? parsed.get_object() : none;
  FocalPoint point;
  TRY(point.x, read_share(body, "x"));
  TRY(point.y, read_share(body, "y"));
  if (body.size() != 2)
    return fail(ErrorCode::bad_request, "A focal point has x and y, and nothing else.");
  return point;
}

Result<Response> change(const Site& site, const Exchange& exchange,
                        const std::optional<FocalPoint>& point) {
  TRY(AssetRow asset, find_asset(site, exchange.arguments[0]));
  TRY_VOID(site.services.catalog.set_focal_point(asset.id, point));
  site.hot.erase(asset.id);
  if (!point) return Response{.status = 204, .fields = {}, .body = {}};
  asset.focal_point = point;
  TRY(const auto object, asset_json(site, asset));
  return json_response(200, json::serialize(object));
}

Answer answered(Result<Response> response) {
  if (!response) return refuse(response.error());
  return *std::move(response);
}

}  // namespace

Answer set_focal_point(const Site& site, const Exchange& exchange) {
  const auto point = read_point(exchange);
  if (!point) return refuse(point.error());
  return answered(change(site, exchange, *point));
}

Answer forget_focal_point(const Site& site, const Exchange& exchange) {
  return answered(change(site, exchange, std::nullopt));
}

}  // namespace calotype
