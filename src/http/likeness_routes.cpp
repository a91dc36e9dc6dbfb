// SPDX-License-Identifier: Apache-2.0
// What looks like an asset, which assets look the same, and merging one into another when a person
// says so. Nothing is ever merged by itself.
#include <algorithm>

#include "base/json.hpp"
#include "http/asset_json.hpp"
#include "http/query.hpp"
#include "http/router.hpp"
#include "pipeline/near_duplicates.hpp"

namespace calotype {
namespace {

struct Member {
  AssetRow asset;
  unsigned distance = 0;
};

/// Those that have not been deleted meanwhile.
Result<std::vector<Member>> rows_of(const Site& site, const std::vector<NearAsset>& assets) {
  std::vector<Member> members;
  for (const NearAsset& each : assets) {
    TRY(auto asset, site.services.catalog.find_asset(each.id));
    if (asset && asset->state != AssetState::deleted)
      members.push_back({*std::move(asset), each.distance});
  }
  return members;
}

Result<json::array> members_json(const Site& site, const std::vector<Member>& members) {
  json::array list;
  for (const Member& member : members) {
    TRY(auto object, asset_json(site, member.asset));
    object["distance"] = member.distance;
    list.push_back(std::move(object));
  }
  return list;
}

/// What goes when the one stays that has the most pixels, and of those the most bytes.
std::uint64_t bytes_saveable(const std::vector<Member>& members) {
  std::uint64_t total = 0;
  for (const Member& member : members) total += member.asset.bytes;
  const auto best = std::ranges::max_element(members, {}, [](const Member& member) {
    const MediaInfo& media = member.asset.media;
    return std::pair(std::uint64_t{media.width} * media.height, member.asset.bytes);
  });
  return best == members.end() ? 0 : total - best->asset.bytes;
}

Result<json::object> cluster_json(const Site& site, const NearCluster& cluster) {
  std::vector<NearAsset> all{{cluster.centre, 0}};
  all.insert(all.end(), cluster.members.begin(), cluster.members.end());
  TRY(const auto members, rows_of(site, all));
  TRY(auto list, members_json(site, members));
  return json::object{{"id", cluster.centre.text()},
                      {"members", std::move(list)},
                      {"bytes_saveable", bytes_saveable(members)}};
}

Result<Response> search(const Site& site, const Exchange& exchange) {
  TRY(const Query query, Query::parse(exchange.head.query()));
  TRY_VOID(query.only({"near", "distance", "limit"}));
  const std::string* const near = query.find("near");
  if (near == nullptr) return fail(ErrorCode::bad_request, "near says which asset to look for.");
  TRY(const auto distance_max, query.whole("distance", likeness_distance_max, 0, 128));
  TRY(const auto limit, query.whole("limit", 100, 1, 1'000));
  TRY(const AssetRow asset, find_asset(site, *near));
  if (asset.state == AssetState::ingested || asset.state == AssetState::dedup_check)
    return fail(ErrorCode::asset_processing, "The asset is being inspected. Ask again.");
  TRY(const auto found,
      site.services.near_duplicates.near(asset.id, static_cast<unsigned>(distance_max), limit));
  TRY(const auto members, rows_of(site, found.assets));
  TRY(auto results, members_json(site, members));
  json::object object{{"near", asset.id.text()},
                      {"fingerprint", nullptr},
                      {"quality", nullptr},
                      {"results", std::move(results)}};
  if (const auto& fingerprint = found.fingerprint) {
    object["fingerprint"] = to_hex(fingerprint->whole);
    object["quality"] = fingerprint->quality;
  }
  return json_response(200, json::serialize(object));
}

/// Inspections that have not ended: what they will find is in no cluster yet.
Result<std::uint64_t> count_pending(const Site& site) {
  TRY(const auto counts, site.services.catalog.count_jobs());
  std::uint64_t pending = 0;
  for (const JobCount& row : counts)
    if (row.lane == Lane::metadata && row.state != JobState::dead) pending += row.count;
  return pending;
}

Result<Response> list(const Site& site, const Exchange& exchange) {
  TRY(const Query query, Query::parse(exchange.head.query()));
  TRY_VOID(query.only({"cursor", "limit"}));
  TRY(const PageRequest request, page_request(query));
  TRY(const std::uint64_t pending, count_pending(site));
  TRY(const auto page, site.services.near_duplicates.clusters(request.cursor, request.limit));
  json::array clusters;
  for (const NearCluster& cluster : page.clusters) {
    TRY(auto one, cluster_json(site, cluster));
    clusters.push_back(std::move(one));
  }
  return json_response(200, json::serialize(json::object{{"clusters", std::move(clusters)},
                                                         {"pending", pending},
                                                         {"next", text_or_null(page.next)}}));
}

Result<Response> show(const Site& site, const Exchange& exchange) {
  TRY(const AssetRow asset, find_asset(site, exchange.arguments[0]));
  TRY(const NearCluster cluster, site.services.near_duplicates.cluster_of(asset.id));
  TRY(const auto object, cluster_json(site, cluster));
  return json_response(200, json::serialize(object));
}

Result<AssetId> read_id(const json::object& body, std::string_view name) {
  const json::value* const value = body.if_contains(name);
  if (value == nullptr || !value->is_string())
    return fail(ErrorCode::bad_request, R"(The body is {"from":"…","into":"…"}, two assets' ids.)");
  return parse_asset_argument(value->get_string());
}

Result<Response> merge(const Site& site, const Exchange& exchange) {
  TRY(const json::value document, parse_json(exchange.body));
  const json::object none;
  const json::object& body = document.is_object() ? document.get_object() : none;
  TRY(const AssetId from, read_id(body, "from"));
  TRY(const AssetId into, read_id(body, "into"));
  if (body.size() != 2)
    return fail(ErrorCode::bad_request, "A merge has from and into, and nothing else.");
  TRY_VOID(
      site.services.catalog.near_duplicates().merge_assets(from, into, site.settings.purge_after));
  site.forget(from);
  TRY(const AssetRow kept, find_asset(site, into.text()));
  TRY(const auto object, asset_json(site, kept));
  return json_response(200, json::serialize(object));
}

}  // namespace

Answer search_assets(const Site& site, const Exchange& exchange) {
  return answer(search(site, exchange));
}
Answer list_duplicates(const Site& site, const Exchange& exchange) {
  return answer(list(site, exchange));
}
Answer show_duplicates(const Site& site, const Exchange& exchange) {
  return answer(show(site, exchange));
}
Answer merge_duplicates(const Site& site, const Exchange& exchange) {
  return answer(merge(site, exchange));
}

}  // namespace calotype
