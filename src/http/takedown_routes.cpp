// SPDX-License-Identifier: Apache-2.0
// /v1/takedowns: delete content and keep it out, see what was, and let it in again.
#include <algorithm>
#include <format>

#include "http/asset_json.hpp"
#include "http/purge_list.hpp"
#include "http/query.hpp"
#include "http/router.hpp"
#include "http/upload_facts.hpp"
#include "http/utf8_text.hpp"
#include "pipeline/near_duplicates.hpp"

namespace calotype {
namespace {

constexpr std::size_t reason_bytes_max = 2'000;

json::array texts_json(const std::vector<std::string>& texts) {
  json::array list;
  for (const std::string& text : texts) list.emplace_back(text);
  return list;
}

json::object summary_json(const TakedownRow& takedown) {
  json::array digests, assets;
  for (const TakenAsset& asset : takedown.assets) {
    digests.emplace_back(asset.digest.hex());
    assets.emplace_back(asset.id.text());
  }
  return {{"id", takedown.id},           {"reason", takedown.reason},
          {"by", takedown.by},           {"created_at", to_rfc3339(takedown.created_at)},
          {"assets", std::move(assets)}, {"digests", std::move(digests)}};
}

/// With all that has to be purged.
json::object whole_json(const Site& site, const TakedownRow& takedown) {
  json::object object = summary_json(takedown);
  json::array variants, urls, patterns;
  for (const TakenAsset& asset : takedown.assets) {
    std::ranges::move(taken_variants_json(site, asset), std::back_inserter(variants));
    std::ranges::move(texts_json(urls_to_purge(site, asset)), std::back_inserter(urls));
    std::ranges::move(texts_json(patterns_to_purge(asset)), std::back_inserter(patterns));
  }
  object["variants"] = std::move(variants);
  object["urls"] = std::move(urls);
  object["patterns"] = std::move(patterns);
  json::value tags = object["assets"];
  object["cache_tags"] = std::move(tags);
  return object;
}

std::unexpected<Error> no_takedown(std::string_view id) {
  return fail(ErrorCode::asset_not_found,
              std::format("There is no takedown “{}”.", id.substr(0, 80)));
}

Result<NewTakedown> read_order(const Site& site, const Exchange& exchange) {
  TRY(const json::value document, parse_json(exchange.body));
  if (!document.is_object()) return fail(ErrorCode::bad_request, "The body is a JSON object.");
  const json::object& body = document.get_object();
  for (const auto& member : body)
    if (member.key() != "asset" && member.key() != "reason" && member.key() != "cluster")
      return fail(ErrorCode::bad_request, "A takedown has asset, reason and cluster.");
  bool is_cluster = false;
  if (const json::value* cluster = body.if_contains("cluster")) {
    if (!cluster->is_bool()) return fail(ErrorCode::bad_request, "cluster is true or false.");
    is_cluster = cluster->get_bool();
  }
  NewTakedown order{.assets = {}, .reason = {}, .by = exchange.principal.name};
  TRY(const std::string asset, text_member(body, "asset"));
  TRY(const AssetId id, parse_asset_argument(asset));
  order.assets.push_back(id);
  if (is_cluster) {
    TRY(const NearCluster cluster, site.services.near_duplicates.cluster_of(id));
    order.assets = {cluster.centre};
    for (const NearAsset& member : cluster.members) order.assets.push_back(member.id);
  }
  TRY(order.reason, text_member(body, "reason"));
  std::ranges::replace(order.reason, '\0', ' ');  // which no text column holds
  if (order.reason.size() > reason_bytes_max)
    return fail(ErrorCode::bad_request,
                std::format("reason is a text of at most {} bytes.", reason_bytes_max));
  return order;
}

Result<Response> take(const Site& site, const Exchange& exchange) {
  TRY(const NewTakedown order, read_order(site, exchange));
  TRY(const TakedownRow takedown,
      site.services.catalog.library().take_down(order, site.settings.purge_after));
  for (const TakenAsset& asset : takedown.assets) site.forget(asset.id);
  Response response = json_response(201, json::serialize(whole_json(site, takedown)));
  response.add("Location", "/v1/takedowns/" + takedown.id);
  return response;
}

Result<Response> list(const Site& site, const Exchange& exchange) {
  TRY(const Query query, Query::parse(exchange.head.query()));
  TRY_VOID(query.only({"cursor", "limit"}));
  TRY(const PageRequest page, page_request(query));
  TRY(const auto found, site.services.catalog.library().list_takedowns(page.cursor, page.limit));
  json::array takedowns;
  for (const TakedownRow& takedown : found.rows) takedowns.push_back(summary_json(takedown));
  return json_response(200, json::serialize(json::object{{"takedowns", std::move(takedowns)},
                                                         {"next", text_or_null(found.next)}}));
}

Result<Response> show(const Site& site, const Exchange& exchange) {
  const std::string_view id = exchange.arguments[0];
  TRY(const auto takedown, site.services.catalog.library().find_takedown(id));
  if (!takedown) return no_takedown(id);
  return json_response(200, json::serialize(whole_json(site, *takedown)));
}

Result<Response> lift(const Site& site, const Exchange& exchange) {
  const std::string_view id = exchange.arguments[0];
  TRY(const bool is_lifted, site.services.catalog.library().lift_takedown(id));
  if (!is_lifted) return no_takedown(id);
  return Response{.status = 204, .fields = {}, .body = {}};
}

}  // namespace

Answer take_down(const Site& site, const Exchange& exchange) {
  return answer(take(site, exchange));
}
Answer list_takedowns(const Site& site, const Exchange& exchange) {
  return answer(list(site, exchange));
}
Answer show_takedown(const Site& site, const Exchange& exchange) {
  return answer(show(site, exchange));
}
Answer lift_takedown(const Site& site, const Exchange& exchange) {
  return answer(lift(site, exchange));
}

}  // namespace calotype
