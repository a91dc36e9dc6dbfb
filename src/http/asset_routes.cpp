// SPDX-License-Identifier: Apache-2.0
// /v1/assets: list, read, history, variants, bytes, delete.
#include <format>

#include "base/encoding.hpp"
#include "http/asset_json.hpp"
#include "http/asset_query.hpp"
#include "http/content_disposition.hpp"
#include "http/query.hpp"
#include "http/representation.hpp"
#include "http/router.hpp"

namespace calotype {
namespace {

constexpr std::size_t picked_max = 100;

Response page_response(json::array assets, std::string_view next) {
  return json_response(200, json::serialize(json::object{{"assets", std::move(assets)},
                                                         {"next", text_or_null(next)}}));
}

/// `metadata=false`: who shows a thousand assets need not read the EXIF of each.
Result<Detail> detail_of(const Query& query) {
  const std::string* const text = query.find("metadata");
  if (text == nullptr || *text == "true") return Detail::all;
  if (*text == "false") return Detail::without_metadata;
  return fail(ErrorCode::bad_request, "metadata is true or false.");
}

/// What is deleted has no properties any more to be listed by.
Result<Response> list_deleted(const Site& site, const Query& query, const PageRequest& page) {
  TRY_VOID(query.only({"cursor", "limit", "metadata", "state"}));
  TRY(const auto found,
      site.services.catalog.list_assets({.state = AssetState::deleted}, page.cursor, page.limit));
  json::array assets;
  for (const AssetRow& asset : found.rows) {
    TRY(auto one, asset_json(site, asset, {}));
    assets.push_back(std::move(one));
  }
  return page_response(std::move(assets), found.next);
}

/// `ids`: nothing where it is not there.
Result<std::vector<AssetId>> ids_of(const Query& query) {
  std::vector<AssetId> ids;
  const std::string* const text = query.find("ids");
  if (text == nullptr) return ids;
  for (const std::string& each : split_list(*text)) {
    const auto id = AssetId::parse(each);
    if (!id || ids.size() == picked_max)
      return fail(ErrorCode::bad_request,
                  std::format("ids is a list of at most {} assets' ids.", picked_max));
    ids.push_back(*id);
  }
  return ids;
}

Result<json::array> listed_json(const Site& site, const std::vector<ListedAsset>& rows,
                                Detail detail) {
  json::array assets;
  for (const ListedAsset& listed : rows) {
    TRY(auto one, asset_json(site, listed.asset, listed.uploads, detail));
    one["place"] = listed.place;
    assets.push_back(std::move(one));
  }
  return assets;
}

/// Those of `ids` that the whole listing has.
Result<Response> list_picked(const Site& site, const Query& query, Detail detail) {
  if (query.find("cursor") != nullptr || query.find("limit") != nullptr)
    return fail(ErrorCode::bad_request, "ids goes with neither cursor nor limit.");
  TRY(const AssetQuery wanted, parse_asset_query(query));
  TRY(const auto ids, ids_of(query));
  TRY(const auto rows, site.services.catalog.library().pick(wanted, ids));
  TRY(auto assets, listed_json(site, rows, detail));
  return page_response(std::move(assets), "");
}

Result<Response> list(const Site& site, const Exchange& exchange) {
  TRY(const Query query, Query::parse(exchange.head.query()));
  TRY(const PageRequest page, page_request(query));
  if (const std::string* state = query.find("state");
      state != nullptr && *state == to_string(AssetState::deleted))
    return list_deleted(site, query, page);
  auto names = asset_query_names();
  names.insert(names.end(), {"cursor", "ids", "limit", "metadata"});
  TRY_VOID(query.only(names));
  TRY(const Detail detail, detail_of(query));
  if (query.find("ids") != nullptr) return list_picked(site, query, detail);
  TRY(const AssetQuery wanted, parse_asset_query(query));
  TRY(const auto found, site.services.catalog.library().list(wanted, page.cursor, page.limit));
  TRY(auto assets, listed_json(site, found.rows, detail));
  return page_response(std::move(assets), found.next);
}

Result<Response> show(const Site& site, const Exchange& exchange) {
  TRY(const AssetRow asset, find_asset(site, exchange.arguments[0]));
  TRY(auto object, asset_json(site, asset));
  TRY(const auto quarantined, site.services.catalog.integrity().quarantined_of(asset.id));
  json::array list;
  for (const QuarantineRow& row : quarantined) list.push_back(quarantine_json(row));
  object["quarantined"] = std::move(list);
  object["finds_faces"] = asset.media.renderable && site.services.deliver.has_face_model();
  return json_response(200, json::serialize(object));
}

/// Content whose bytes are quarantined is not here: whoever has them shall send them.
Result<Response> head_only(const Site& site, const Exchange& exchange) {
  TRY_VOID(require_not_barred(site, exchange.arguments[0]));
  TRY(const AssetRow asset, find_asset(site, exchange.arguments[0]));
  if (names_content(exchange.arguments[0])) TRY_VOID(require_sound(site, asset));
  Response response = json_response(200, {});
  response.add("Location", "/v1/assets/" + asset.id.text());
  response.add("ETag", "\"" + asset.digest.hex() + "\"");
  return response;
}

Result<Response> events(const Site& site, const Exchange& exchange) {
  TRY(const AssetRow asset, find_asset(site, exchange.arguments[0], true));
  TRY(const auto found, site.services.catalog.events_of(asset.id));
  json::array list;
  for (const EventRow& event : found) list.push_back(event_json(event));
  return json_response(200, json::serialize(json::object{{"events", std::move(list)}}));
}

Result<Response> variants(const Site& site, const Exchange& exchange) {
  TRY(const AssetRow asset, find_asset(site, exchange.arguments[0]));
  TRY(const auto found, site.services.catalog.variants_of(asset.id));
  json::array list;
  for (const VariantRow& variant : found) list.push_back(variant_json(site, variant));
  return json_response(200, json::serialize(json::object{{"variants", std::move(list)}}));
}

/// Types that a browser shows and that cannot carry a script.
bool is_safe_inline(std::string_view media_type) {
  for (const std::string_view safe :
       {"image/jpeg", "image/png", "image/webp", "image/avif", "image/gif"})
    if (media_type == safe) return true;
  return false;
}

Result<Response> original(const Site& site, const Exchange& exchange) {
  TRY(const AssetRow asset, find_asset(site, exchange.arguments[0]));
  TRY(const auto uploads, site.services.catalog.uploads_of(asset.id));
  auto found = site.services.blobs.source(BlobKey::original(asset.digest), asset.bytes);
  // It may have been deleted since it was looked up, and its bytes with it.
  if (!found && found.error().code == ErrorCode::blob_not_found)
    TRY_VOID(find_asset(site, exchange.arguments[0]));
  TRY(auto source, std::move(found));
  const std::string& media_type = asset.media.media_type;
  const std::string file_name = uploads.empty() ? std::string{} : uploads.front().file_name;
  Response fields;
  fields.add("Cache-Control", "private, max-age=0, must-revalidate");
  fields.add("X-Content-Type-Options", "nosniff");
  fields.add("Content-Security-Policy", "sandbox");
  fields.add("Repr-Digest", "sha-256=:" + to_base64(asset.digest.bytes) + ":");
  fields.add("Content-Disposition",
             content_disposition(is_safe_inline(media_type) ? "inline" : "attachment", file_name));
  return respond_with({.media_type = media_type.empty() ? "application/octet-stream" : media_type,
                       .etag = "\"" + asset.digest.hex() + "\"",
                       .last_modified = asset.created_at,
                       .fields = std::move(fields.fields),
                       .body = piece_of(std::move(source), asset.bytes)},
                      exchange.head);
}

Result<Response> remove_uploads(const Site& site, std::string_view argument,
                                std::string_view upload) {
  TRY(const AssetRow asset, find_asset(site, argument));
  TRY(const bool deleted,
      site.services.catalog.delete_uploads(asset.id, upload, site.settings.purge_after));
  if (deleted) site.forget(asset.id);
  return Response{.status = 204, .fields = {}, .body = {}};
}

Result<Response> remove_asset(const Site& site, const Exchange& exchange) {
  TRY(const Query query, Query::parse(exchange.head.query()));
  TRY_VOID(query.only({"upload"}));
  const std::string* upload = query.find("upload");
  if (upload != nullptr && upload->empty())
    return fail(ErrorCode::upload_not_found, "There is no upload without an id.");
  return remove_uploads(site, exchange.arguments[0], upload == nullptr ? "" : *upload);
}

Result<Response> retry(const Site& site, const Exchange& exchange) {
  TRY(const AssetRow asset, find_asset(site, exchange.arguments[0]));
  TRY_VOID(site.services.catalog.retry_inspection(asset.id));
  return json_response(
      202, json::serialize(
               json::object{{"id", asset.id.text()}, {"state", to_string(AssetState::ingested)}}));
}

}  // namespace

Answer list_assets(const Site& site, const Exchange& exchange) {
  return answer(list(site, exchange));
}
Answer show_asset(const Site& site, const Exchange& exchange) {
  return answer(show(site, exchange));
}
Answer head_asset(const Site& site, const Exchange& exchange) {
  return answer(head_only(site, exchange));
}
Answer list_events(const Site& site, const Exchange& exchange) {
  return answer(events(site, exchange));
}
Answer list_variants(const Site& site, const Exchange& exchange) {
  return answer(variants(site, exchange));
}
Answer get_original(const Site& site, const Exchange& exchange) {
  return answer(original(site, exchange));
}
Answer delete_asset(const Site& site, const Exchange& exchange) {
  return answer(remove_asset(site, exchange));
}
Answer delete_upload(const Site& site, const Exchange& exchange) {
  return answer(remove_uploads(site, exchange.arguments[0], exchange.arguments[1]));
}
Answer retry_asset(const Site& site, const Exchange& exchange) {
  return answer(retry(site, exchange));
}

}  // namespace calotype
