// SPDX-License-Identifier: Apache-2.0
// Pictures: the native URLs, the imgix dialect, and the JSON that says where a picture is. All
// three end in the same place: what is known is sent, what is not is ordered.
#include <format>

#include "base/json.hpp"
#include "http/asset_json.hpp"
#include "http/dialects/imgix.hpp"
#include "http/dialects/variant_path.hpp"
#include "http/picture_answer.hpp"
#include "http/query.hpp"
#include "http/router.hpp"
#include "http/signature.hpp"

namespace calotype {
namespace {

Response redirect(const Site& site, std::string_view target, bool varies) {
  Response response{.status = 302, .fields = {}, .body = {}};
  response.add("Location", site.public_url(target));
  response.add("Cache-Control", "no-cache");
  if (varies) response.add("Vary", "Accept");
  return response;
}

/// A preset's name stays in its URLs; a picture that is named by its parameters has none.
std::string_view preset_or_none(const Site& site, const VariantName& name) {
  return site.services.presets.find(name.name) == nullptr ? std::string_view{}
                                                          : std::string_view(name.name);
}

/// To the URL that says which picture it is: with the version, and with the format that Accept
/// chose.
Answer redirect_negotiated(const Site& site, const Exchange& exchange, const AssetId& id,
                           const VariantName& name) {
  const auto found =
      site.services.deliver.look_up(id, name.recipe, true, exchange.head.joined(FieldName::accept));
  if (!found) return refused_picture(found.error());
  return redirect(
      site, variant_path(id.text(), preset_or_none(site, name), found->recipe, found->key.version),
      true);
}

/// To the URL of the best version.
Answer redirect_to_best(const Site& site, const Exchange& exchange, const AssetId& id,
                        const VariantName& name, const Recipe& settled) {
  if (name.negotiate) return redirect_negotiated(site, exchange, id, name);
  if (const auto asset = find_asset(site, exchange.arguments[0]); !asset)
    return refused_picture(asset.error());
  const auto version = site.services.deliver.best_version(id, settled);
  if (!version) return refused_picture(version.error());
  return redirect(site, variant_path(id.text(), preset_or_none(site, name), name.recipe, *version),
                  false);
}

/// Which of the two versions that there are a URL names; nothing where it names none of them.
std::optional<Effort> effort_of(const Site& site, std::string_view version, const Recipe& settled) {
  for (const Effort effort : {Effort::quick, Effort::high})
    if (version == site.services.deliver.version_of(settled, effort)) return effort;
  return std::nullopt;
}

/// `?format=` says it where the name does not.
Result<void> choose_format(const Exchange& exchange, VariantName& name) {
  TRY(const Query query,
      Query::parse(without_signature(exchange.head.target).contains('?') ? exchange.head.query()
                                                                         : std::string_view{}));
  TRY_VOID(query.only({"format", "s"}));
  const std::string* format = query.find("format");
  if (format == nullptr) return {};
  const auto parsed = parse_image_format(*format);
  if (!parsed && *format != "auto")
    return fail(ErrorCode::bad_recipe,
                std::format("format is jpg, png, webp, avif, gif, jxl or auto, not "
                            "“{}”.",
                            *format));
  name.recipe = with_format(name.recipe, parsed);
  name.negotiate = !parsed;
  return {};
}

Response resolved(const Site& site, const Lookup& found, std::string_view name,
                  const Picture& picture) {
  const std::string path =
      variant_path(found.key.asset_id.text(), name, found.recipe, found.key.version);
  Response response =
      json_response(200, json::serialize(json::object{{"url", site.public_url(path)},
                                                      {"width", picture.row.width},
                                                      {"height", picture.row.height},
                                                      {"bytes", picture.row.bytes},
                                                      {"media_type", picture.row.media_type}}));
  response.add("X-Cache", picture.rendered ? "MISS" : "HIT");
  if (found.varies) response.add("Vary", "Accept");
  return response;
}

Result<Answer> answer_imgix(const Site& site, const Exchange& exchange) {
  TRY(const AssetId id, parse_asset_argument(exchange.arguments[0]));
  TRY(ImgixRequest request, parse_imgix(exchange.head.query()));
  if (request.needs_original) {
    TRY(const AssetRow asset, site.services.deliver.find_picture(id));
    TRY(request,
        parse_imgix(exchange.head.query(), PictureSize{asset.media.width, asset.media.height}));
  }
  TRY(std::string cache_control, cache_until(site, request.expires));
  return *answer_picture(site, exchange,
                         {.id = id,
                          .recipe = request.recipe,
                          .negotiate = request.negotiate,
                          .cache_control = std::move(cache_control),
                          .fields = disposition_field(request.download_as.has_value(),
                                                      request.download_as.value_or(std::string{})),
                          .keep_hot = may_stay_hot(site, request.recipe) && !request.expires});
}

}  // namespace

Answer get_variant(const Site& site, const Exchange& exchange) {
  const auto id = parse_asset_argument(exchange.arguments[0]);
  if (!id) return refused_picture(id.error());
  const auto name = parse_variant_segment(exchange.arguments[1], site.services.presets);
  if (!name) return refused_picture(name.error());
  Recipe wanted = name->recipe;
  if (depends_on_asset(wanted)) {
    const auto asset = find_asset(site, exchange.arguments[0]);
    if (!asset) return refused_picture(asset.error());
    wanted = settled_for(*asset, wanted);
  }
  const auto only = effort_of(site, name->version, wanted);
  if (!only) return redirect_to_best(site, exchange, *id, *name, wanted);
  auto answer = answer_picture(site, exchange,
                               {.id = *id,
                                .recipe = name->recipe,
                                .negotiate = name->negotiate,
                                .cache_control = std::string(cache_for_ever),
                                .keep_hot = !without_signature(exchange.head.target).contains('?'),
                                .only = only});
  return answer ? *std::move(answer) : redirect_to_best(site, exchange, *id, *name, wanted);
}

Answer get_imgix(const Site& site, const Exchange& exchange) {
  return picture_or_refusal(answer_imgix(site, exchange));
}

Answer resolve_variant(const Site& site, const Exchange& exchange) {
  const auto id = parse_asset_argument(exchange.arguments[0]);
  if (!id) return refused_picture(id.error());
  auto name = parse_variant_name(exchange.arguments[1], site.services.presets);
  if (!name) return refused_picture(name.error());
  if (const auto chosen = choose_format(exchange, *name); !chosen)
    return refused_picture(chosen.error());
  const std::string preset(preset_or_none(site, *name));
  auto looked_up = site.services.deliver.look_up(*id, name->recipe, name->negotiate,
                                                 exchange.head.joined(FieldName::accept));
  if (!looked_up) return refused_picture(looked_up.error());
  if (looked_up->picture) return resolved(site, *looked_up, preset, *looked_up->picture);
  RenderOrder order = *std::move(looked_up->order);
  return PictureOrder{std::move(order), [&site, found = *std::move(looked_up),
                                         preset](const Result<Picture>& picture) {
                        if (!picture) return refused_picture(picture.error());
                        return resolved(site, found, preset, *picture);
                      }};
}

}  // namespace calotype
