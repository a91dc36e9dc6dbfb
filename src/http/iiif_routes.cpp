// SPDX-License-Identifier: Apache-2.0
// The IIIF Image API 3.0 over HTTP: a picture's description, its base URI, and its images, which
// are answered as every other picture is. What is in a request's path is the dialect's business
// (dialects/iiif.hpp); here stand the headers and the document that the specification asks for.
#include <format>

#include "asset/accept.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "http/asset_json.hpp"
#include "http/dialects/iiif.hpp"
#include "http/picture_answer.hpp"
#include "http/representation.hpp"
#include "http/router.hpp"
#include "http/signature.hpp"

namespace calotype {
namespace {

constexpr std::string_view context = "http://iiif.io/api/image/3/context.json";
constexpr std::string_view json_ld =
    "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\"";
constexpr std::string_view profile_link =
    "<http://iiif.io/api/image/3/level2.json>;rel=\"profile\"";
constexpr std::string_view cache_an_hour = "public, max-age=3600";

/// The path of the picture's base URI, its identifier as the client wrote it.
std::string base_path(const Exchange& exchange) {
  return "/iiif/3/" + std::string(exchange.arguments[0]);
}

/// Where clients find this server; a document has to name itself by a whole URI.
std::string server_url(const Site& site, const RequestHead& head) {
  if (!site.settings.public_url.empty()) return site.settings.public_url;
  return "http://" + std::string(head.first(FieldName::host));
}

IiifLimits limits_of(const Site& site) {
  const RenderLimits& limits = site.services.deliver.limits();
  return {limits.output_side_max, limits.output_pixels_max};
}

/// The asset that an identifier names, with its signature or without.
Result<AssetId> parse_identifier(const Exchange& exchange) {
  return parse_asset_argument(without_base_signature(exchange.arguments[0]));
}

json::array sizes_json(PictureSize picture, const IiifLimits& limits) {
  json::array sizes;
  for (const PictureSize& size : iiif_sizes(picture, limits))
    sizes.push_back(json::object{{"width", size.width}, {"height", size.height}});
  return sizes;
}

json::object tiles_json(PictureSize picture, const IiifLimits& limits) {
  json::array factors;
  for (const std::uint32_t factor : iiif_scale_factors(picture)) factors.emplace_back(factor);
  return {{"width", std::min(iiif_tile_side, limits.side_max)},
          {"scaleFactors", std::move(factors)}};
}

/// What is more than the profile level2 promises, and true.
void add_extras(json::object& info, const MediaInfo& media) {
  const bool is_gray = media.color_space == "gray" || media.channels == 1;
  info["extraQualities"] =
      is_gray ? json::array{"gray", "bitonal"} : json::array{"color", "gray", "bitonal"};
  info["extraFormats"] = json::array{"webp", "gif", "avif", "jxl"};
  // JPEG would lose what is transparent.
  if (media.has_alpha) info["preferredFormats"] = json::array{"webp", "png"};
  info["extraFeatures"] = json::array{"canonicalLinkHeader", "profileLinkHeader", "mirroring",
                                      "rotationArbitrary", "sizeUpscaling"};
}

json::object info_of(const MediaInfo& media, const std::string& id, const IiifLimits& limits) {
  const PictureSize picture{media.width, media.height};
  json::object info{{"@context", context},
                    {"id", id},
                    {"type", "ImageService3"},
                    {"protocol", "http://iiif.io/api/image"},
                    {"profile", "level2"},
                    {"width", media.width},
                    {"height", media.height},
                    {"maxWidth", limits.side_max},
                    {"maxHeight", limits.side_max},
                    {"maxArea", limits.area_max},
                    {"sizes", sizes_json(picture, limits)},
                    {"tiles", json::array{tiles_json(picture, limits)}}};
  add_extras(info, media);
  return info;
}

Result<Answer> answer_iiif(const Site& site, const Exchange& exchange) {
  const auto& arguments = exchange.arguments;
  TRY(const AssetId id, parse_identifier(exchange));
  TRY(const auto request, parse_iiif(arguments[1], arguments[2], arguments[3], arguments[4]));
  TRY(const AssetRow asset, site.services.deliver.find_picture(id));
  TRY(const auto picture,
      settle_iiif(request, {asset.media.width, asset.media.height}, limits_of(site)));
  // Many send the same target, and not all of them by the same Host: a path is all it may name.
  Response fields;
  fields.add("Link", std::format("{}, <{}{}/{}>;rel=\"canonical\"", profile_link,
                                 site.settings.public_url, base_path(exchange), picture.canonical));
  return *answer_picture(
      site, exchange,
      {.id = id, .recipe = picture.recipe, .fields = std::move(fields.fields), .keep_hot = true});
}

}  // namespace

Answer redirect_to_iiif_info(const Site& site, const Exchange& exchange) {
  const auto id = parse_identifier(exchange);
  if (!id) return refused_picture(id.error());
  const std::string target = base_path(exchange) + "/info.json";
  const bool is_signed =
      without_base_signature(exchange.arguments[0]).size() != exchange.arguments[0].size();
  Response response{.status = 303, .fields = {}, .body = {}};
  response.add("Location",
               server_url(site, exchange.head) + (is_signed ? target : site.public_url(target)));
  response.add("Cache-Control", cache_an_hour);
  return response;
}

Answer show_iiif_info(const Site& site, const Exchange& exchange) {
  const auto id = parse_identifier(exchange);
  if (!id) return refused_picture(id.error());
  const auto asset = site.services.deliver.find_picture(*id);
  if (!asset) return refused_picture(asset.error());
  const std::string text = json::serialize(info_of(
      asset->media, server_url(site, exchange.head) + base_path(exchange), limits_of(site)));
  const std::string accept = exchange.head.joined(FieldName::accept);
  const bool is_plain =
      accepted_weight(accept, "application/json") > accepted_weight(accept, "application/ld+json");
  Response fields;
  fields.add("Cache-Control", cache_an_hour);
  fields.add("Cache-Tag", id->text());
  fields.add("Vary", "Accept");
  fields.add("Link", profile_link);
  return respond_with(
      {.media_type = std::string(is_plain ? "application/json" : json_ld),
       .etag = "\"" + Sha256::of(as_bytes(text + (is_plain ? "" : "ld"))).hex() + "\"",
       .last_modified = std::nullopt,
       .fields = std::move(fields.fields),
       .body = text},
      exchange.head);
}

Answer get_iiif(const Site& site, const Exchange& exchange) {
  return picture_or_refusal(answer_iiif(site, exchange));
}

}  // namespace calotype
