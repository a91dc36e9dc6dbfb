// SPDX-License-Identifier: Apache-2.0
#include "http/asset_json.hpp"

#include <algorithm>
#include <format>

#include "asset/photo_facts.hpp"
#include "catalog/library_catalog.hpp"
#include "http/dialects/percent.hpp"
#include "http/dialects/variant_path.hpp"
#include "http/query.hpp"

namespace calotype {
namespace {

/// As a client may write it in a path segment: the colon plain, or encoded.
constexpr std::string_view content_prefixes[] = {"sha256:", "sha256%3A", "sha256%3a"};

std::unexpected<Error> no_asset(std::string_view argument) {
  return fail(ErrorCode::asset_not_found,
              std::format("No asset has the id “{}”.", argument.substr(0, 80)));
}

json::array strings_json(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

bool is_ready(const AssetRow& asset) {
  return asset.state == AssetState::metadata_ready || asset.state == AssetState::variants_ready;
}

json::object object_of(const std::string& text) {
  auto parsed = parse_json(text);
  return parsed && parsed->is_object() ? std::move(parsed->get_object()) : json::object{};
}

json::object upload_json(const UploadRow& upload) {
  return {{"id", upload.id},
          {"file_name", upload.file_name},
          {"uploader", upload.uploader},
          {"tags", strings_json(upload.tags)},
          {"collection", upload.collection},
          {"fields", upload.fields_json.empty() ? json::object{} : object_of(upload.fields_json)},
          {"created_at", to_rfc3339(upload.created_at)}};
}

/// What an asset has of its uploads: the oldest one's name, the first collection, all tags.
void add_upload_words(json::object& object, const std::vector<UploadRow>& uploads) {
  std::string collection;
  std::vector<std::string> tags;
  for (const UploadRow& upload : uploads) {
    if (collection.empty()) collection = upload.collection;
    for (const std::string& tag : upload.tags)
      if (!std::ranges::contains(tags, tag)) tags.push_back(tag);
  }
  object["file_name"] = uploads.empty() ? std::string{} : uploads.front().file_name;
  object["collection"] = collection;
  object["tags"] = strings_json(tags);
}

void add_metadata(json::object& object, const MediaInfo& media) {
  object["metadata"] = object_of(media.metadata_json);
  const PhotoFacts facts = photo_facts(media.metadata_json);
  object["taken_at"] = nullptr;
  if (facts.taken_at) object["taken_at"] = to_rfc3339(*facts.taken_at);
  object["camera"] = text_or_null(camera_name(facts));
}

void add_media(json::object& object, const MediaInfo& media, Detail detail) {
  object["media_type"] = media.media_type;
  object["renderable"] = media.renderable;
  object["width"] = media.width;
  object["height"] = media.height;
  object["orientation"] = media.orientation;
  object["has_alpha"] = media.has_alpha;
  object["has_gain_map"] = media.has_gain_map;
  object["pages"] = media.pages;
  object["color_space"] = media.color_space;
  object["icc_profile"] = media.icc_profile;
  if (detail == Detail::all) add_metadata(object, media);
  object["placeholder"] = media.placeholder;
}

json::object focal_point_json(const FocalPoint& point) {
  const auto share = [](std::uint16_t part) { return part / double{FocalPoint::whole}; };
  return {{"x", share(point.x)}, {"y", share(point.y)}};
}

Result<json::object> preset_urls(const Site& site, const AssetRow& asset) {
  json::object urls;
  if (!is_ready(asset) || !asset.media.renderable) return urls;
  std::vector<VariantRow> stored;
  if (asset.state == AssetState::variants_ready) {
    TRY(stored, site.services.catalog.variants_of(asset.id));
  }
  for (const auto& [name, recipe] : site.services.presets.all())
    urls[name] = site.preset_url(asset, name, recipe, stored);
  return urls;
}

}  // namespace

json::value text_or_null(std::string_view text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

bool names_content(std::string_view argument) {
  return std::ranges::any_of(content_prefixes,
                             [&](std::string_view prefix) { return argument.starts_with(prefix); });
}

std::optional<Digest> parse_content_argument(std::string_view argument) {
  for (const std::string_view prefix : content_prefixes)
    if (argument.starts_with(prefix)) return Digest::from_hex(argument.substr(prefix.size()));
  return std::nullopt;
}

Result<AssetId> parse_asset_argument(std::string_view argument) {
  if (const auto content = parse_content_argument(argument)) return AssetId::of(*content);
  const auto id = AssetId::parse(argument);
  if (!id) return no_asset(argument);
  return *id;
}

Result<AssetRow> find_asset(const Site& site, std::string_view argument, bool deleted_too) {
  TRY(const AssetId id, parse_asset_argument(argument));
  TRY(auto asset, site.services.catalog.find_asset(id));
  if (!asset || (asset->state == AssetState::deleted && !deleted_too)) return no_asset(argument);
  const auto content = parse_content_argument(argument);
  if (content && *content != asset->digest) return no_asset(argument);
  return *std::move(asset);
}

Result<void> require_not_barred(const Site& site, std::string_view argument) {
  const auto content = parse_content_argument(argument);
  return content ? site.services.catalog.library().require_not_barred(AssetId::of(*content))
                 : Result<void>{};
}

Result<void> require_sound(const Site& site, const AssetRow& asset) {
  TRY(const bool is_quarantined,
      site.services.catalog.integrity().is_quarantined(BlobKey::original(asset.digest).text()));
  if (is_quarantined)
    return fail(ErrorCode::asset_not_found, "The stored bytes are damaged: send them again.");
  return {};
}

Result<json::object> asset_json(const Site& site, const AssetRow& asset) {
  TRY(const auto uploads, site.services.catalog.uploads_of(asset.id));
  return asset_json(site, asset, uploads);
}

Result<json::object> asset_json(const Site& site, const AssetRow& asset,
                                const std::vector<UploadRow>& uploads, Detail detail) {
  TRY(auto urls, preset_urls(site, asset));
  json::object object{{"id", asset.id.text()},
                      {"sha256", asset.digest.hex()},
                      {"bytes", asset.bytes},
                      {"state", to_string(asset.state)}};
  add_upload_words(object, uploads);
  if (is_ready(asset)) add_media(object, asset.media, detail);
  object["focal_point"] = nullptr;
  if (const auto& point = asset.focal_point) object["focal_point"] = focal_point_json(*point);
  object["failure"] = nullptr;
  if (asset.state == AssetState::metadata_failed)
    object["failure"] =
        json::object{{"code", asset.failure_code}, {"message", asset.failure_message}};
  object["created_at"] = to_rfc3339(asset.created_at);
  object["updated_at"] = to_rfc3339(asset.updated_at);
  json::array list;
  for (const UploadRow& upload : uploads) list.push_back(upload_json(upload));
  object["uploads"] = std::move(list);
  object["urls"] = std::move(urls);
  return object;
}

json::object event_json(const EventRow& event) {
  return {{"seq", event.seq},
          {"from", event.from ? json::value(to_string(*event.from)) : json::value(nullptr)},
          {"to", to_string(event.to)},
          {"because", event.because},
          {"at", to_rfc3339(event.at)}};
}

json::object quarantine_json(const QuarantineRow& row) {
  return {{"blob", row.blob_key}, {"reason", row.reason}, {"found_at", to_rfc3339(row.found_at)}};
}

json::object variant_json(const Site& site, const VariantRow& variant) {
  json::value url = nullptr;
  // A recipe that an older version wrote and this one cannot read has no URL any more.
  if (const auto recipe = parse_recipe(variant.key.recipe); recipe && recipe->format)
    url = site.public_url(
        variant_path(variant.key.asset_id.text(), "", *recipe, variant.key.version));
  return {{"recipe", variant.key.recipe},
          {"version", variant.key.version},
          {"media_type", variant.media_type},
          {"bytes", variant.bytes},
          {"width", variant.width},
          {"height", variant.height},
          {"url", std::move(url)},
          {"created_at", to_rfc3339(variant.created_at)},
          {"last_access_at", to_rfc3339(variant.last_access_at)},
          {"accesses", variant.accesses}};
}

json::object job_json(const Job& job) {
  return {{"id", job.id},
          {"kind", to_string(job.kind)},
          {"lane", to_string(lane_of(job.kind))},
          {"key", job.key},
          {"asset_id", text_or_null(job.asset_id)},
          {"state", to_string(job.state)},
          {"attempts", job.attempts},
          {"run_after", to_rfc3339(job.run_after)},
          {"last_error", text_or_null(job.last_error)},
          {"created_at", to_rfc3339(job.created_at)}};
}

json::object key_json(const ApiKeyRow& key) {
  return {{"id", key.id},
          {"name", key.name},
          {"scopes", strings_json(key.scopes)},
          {"created_at", to_rfc3339(key.created_at)}};
}

json::object recorded_json(const Site& site, const Recorded& recorded) {
  const AssetRow& asset = recorded.asset;
  json::value url = nullptr;
  const Recipe* thumb = site.services.presets.find("thumb");
  if (!recorded.created && thumb != nullptr && is_ready(asset) && asset.media.renderable)
    url = site.preset_url(asset, "thumb", *thumb, {});
  return {{"id", asset.id.text()},          {"status", recorded.created ? "PENDING" : "EXISTING"},
          {"url", std::move(url)},          {"sha256", asset.digest.hex()},
          {"bytes", asset.bytes},           {"upload", recorded.upload_id},
          {"state", to_string(asset.state)}};
}

Response recorded_response(const Site& site, const Recorded& recorded) {
  Response response =
      json_response(recorded.created ? 201 : 200, json::serialize(recorded_json(site, recorded)));
  response.add("Location", "/v1/assets/" + recorded.asset.id.text());
  return response;
}

Result<PageRequest> page_request(const Query& query) {
  PageRequest page;
  TRY(page.limit, query.whole("limit", 100, 1, 1'000));
  if (const std::string* cursor = query.find("cursor")) page.cursor = *cursor;
  return page;
}

}  // namespace calotype
