// SPDX-License-Identifier: Apache-2.0
// The library as a whole: what is in it by collection, tag, camera and type; and changes of many
// assets at once, each with its own outcome.
#include <algorithm>
#include <format>

#include "http/asset_json.hpp"
#include "http/asset_query.hpp"
#include "http/router.hpp"
#include "http/upload_facts.hpp"

namespace calotype {
namespace {

constexpr std::size_t together_max = 1'000;

json::array counts_json(const std::vector<NameCount>& counts) {
  json::array list;
  for (const auto& [name, count] : counts)
    list.push_back(json::object{{"name", name}, {"count", count}});
  return list;
}

Result<Response> summary(const Site& site) {
  TRY(const LibrarySummary found, site.services.catalog.library().summarize());
  return json_response(200,
                       json::serialize(json::object{{"collections", counts_json(found.collections)},
                                                    {"tags", counts_json(found.tags)},
                                                    {"cameras", counts_json(found.cameras)},
                                                    {"types", counts_json(found.types)}}));
}

/// What is to be done, and to which assets.
struct BulkOrder {
  std::vector<std::string> arguments;  // as the client names them
  std::string next;                    // where another request goes on
  bool deletes = false;
  Retagging change;
};

Result<void> read_change(const json::object& body, BulkOrder& order) {
  if (const json::value* deletes = body.if_contains("delete")) {
    if (!deletes->is_bool() || !deletes->get_bool())
      return fail(ErrorCode::bad_request, "delete is true, or not there.");
    order.deletes = true;
  }
  TRY(order.change.add_tags, tags_member(body, "add_tags"));
  TRY(order.change.remove_tags, tags_member(body, "remove_tags"));
  if (body.contains("collection")) {
    TRY(const std::string name, text_member(body, "collection"));
    TRY(order.change.collection, clean_collection(name));
  }
  const bool changes = !order.change.add_tags.empty() || !order.change.remove_tags.empty() ||
                       order.change.collection;
  if (order.deletes == changes)
    return fail(ErrorCode::bad_request,
                "Either delete is true, or there are add_tags, remove_tags or collection.");
  return {};
}

Result<void> read_ids(const json::value& ids, BulkOrder& order) {
  const auto refusal = [] {
    return fail(ErrorCode::bad_request,
                std::format("ids is a list of 1 to {} assets' ids.", together_max));
  };
  if (!ids.is_array() || ids.get_array().empty() || ids.get_array().size() > together_max)
    return refusal();
  for (const json::value& id : ids.get_array()) {
    if (!id.is_string()) return refusal();
    std::string argument(id.get_string());
    if (!std::ranges::contains(order.arguments, argument))
      order.arguments.push_back(std::move(argument));
  }
  return {};
}

/// The first assets that the filter finds, from the cursor on.
Result<void> find_ids(const Site& site, const json::object& body, BulkOrder& order) {
  const json::value& filter = body.at("filter");
  if (!filter.is_object()) return fail(ErrorCode::bad_request, "filter is an object.");
  TRY(const AssetQuery query, parse_asset_filter(filter.get_object()));
  TRY(const std::string cursor, text_member(body, "cursor"));
  TRY(const auto found, site.services.catalog.library().list(query, cursor, together_max));
  for (const ListedAsset& listed : found.rows) order.arguments.push_back(listed.asset.id.text());
  order.next = found.next;
  return {};
}

Result<BulkOrder> read_order(const Site& site, const Exchange& exchange) {
  TRY(const json::value document, parse_json(exchange.body));
  if (!document.is_object()) return fail(ErrorCode::bad_request, "The body is a JSON object.");
  const json::object& body = document.get_object();
  static constexpr std::string_view known[] = {"ids",      "filter",      "cursor",    "delete",
                                               "add_tags", "remove_tags", "collection"};
  for (const auto& member : body)
    if (!std::ranges::contains(known, std::string_view(member.key())))
      return fail(
          ErrorCode::bad_request,
          std::format("There is no member “{}”.", std::string_view(member.key()).substr(0, 80)));
  BulkOrder order;
  TRY_VOID(read_change(body, order));
  const json::value* ids = body.if_contains("ids");
  if ((ids != nullptr) == body.contains("filter"))
    return fail(ErrorCode::bad_request, "Either ids or filter says which assets.");
  TRY_VOID(ids != nullptr ? read_ids(*ids, order) : find_ids(site, body, order));
  return order;
}

json::object outcome_json(const std::string& argument, const Result<void>& outcome) {
  json::object object{{"id", argument}, {"done", outcome.has_value()}};
  if (!outcome) {
    object["code"] = to_string(outcome.error().code);
    object["detail"] = outcome.error().message;
  }
  return object;
}

Result<Response> change(const Site& site, const Exchange& exchange) {
  TRY(const BulkOrder order, read_order(site, exchange));
  std::vector<AssetId> ids;
  LibraryCatalog::Outcomes outcomes(order.arguments.size());
  std::vector<std::size_t> places;  // of the ids among the arguments
  for (std::size_t i = 0; i < order.arguments.size(); ++i) {
    const auto id = parse_asset_argument(order.arguments[i]);
    if (!id) {
      outcomes[i] = std::unexpected(id.error());
      continue;
    }
    ids.push_back(*id);
    places.push_back(i);
  }
  LibraryCatalog& library = site.services.catalog.library();
  TRY(const auto done, order.deletes ? library.delete_assets(ids, site.settings.purge_after)
                                     : library.retag(ids, order.change));
  std::size_t changed = 0;
  for (std::size_t i = 0; i < done.size(); ++i) {
    outcomes[places[i]] = done[i];
    if (!done[i]) continue;
    ++changed;
    if (order.deletes) site.forget(ids[i]);
  }
  json::array results;
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    results.push_back(outcome_json(order.arguments[i], outcomes[i]));
  return json_response(200, json::serialize(json::object{{"changed", changed},
                                                         {"failed", outcomes.size() - changed},
                                                         {"results", std::move(results)},
                                                         {"next", text_or_null(order.next)}}));
}

}  // namespace

Answer show_library(const Site& site, const Exchange&) {
  return answer(summary(site));
}

Answer change_many(const Site& site, const Exchange& exchange) {
  return answer(change(site, exchange));
}

}  // namespace calotype
