// SPDX-License-Identifier: Apache-2.0
// The imgproxy dialect over HTTP. The signature is checked where every signature is
// (check_signed_target); here are the answers that are no picture made for the request: expired
// URLs, and originals as they came in.
#include <algorithm>

#include "http/asset_json.hpp"
#include "http/dialects/imgproxy.hpp"
#include "http/picture_answer.hpp"
#include "http/router.hpp"

namespace calotype {
namespace {

/// Whether the request leaves the original as it is.
bool wants_original(const ImgproxyRequest& request, const MediaInfo& media) {
  if (request.delivery.raw) return true;
  const auto own = format_of_media_type(media.media_type);
  if (request.options.format && request.options.format != own) return false;
  return std::ranges::any_of(request.delivery.skip_processing, [&](const std::string& ending) {
    return (own && parse_image_format(ending) == own) || media.media_type == "image/" + ending ||
           (ending == "svg" && media.media_type == "image/svg+xml");
  });
}

/// An original is handed out to whoever has a URL that was signed for it, or may read it anyway.
Result<void> may_have_original(const Site& site, const Exchange& exchange) {
  if (!site.settings.imgproxy.keys.pairs.empty()) return {};
  const auto allowed =
      site.keys.authorize(exchange.head.first(FieldName::authorization), Scope::read);
  if (allowed) return {};
  return std::unexpected(allowed.error());
}

Result<Answer> answer(const Site& site, const Exchange& exchange) {
  TRY(const ImgproxyRequest request,
      parse_imgproxy(exchange.arguments[1], site.settings.imgproxy.rules, site.services.presets));
  TRY(std::string cache_control, cache_until(site, request.delivery.expires));
  const auto argument = parse_imgproxy_source(request.source);
  if (!argument)
    return fail(
        ErrorCode::asset_not_found,
        "The source names no asset: it is an id or sha256:…, by itself or after asset:// or "
        "local:///.");
  TRY(const AssetId id, parse_asset_argument(*argument));
  if (request.delivery.raw || !request.delivery.skip_processing.empty()) {
    TRY(const AssetRow asset, find_asset(site, *argument));
    if (wants_original(request, asset.media)) {
      TRY_VOID(may_have_original(site, exchange));
      const Exchange original{
          .head = exchange.head, .arguments = {*argument}, .principal = {}, .body = {}};
      return get_original(site, original);
    }
  }
  TRY(const AssetRow asset, site.services.deliver.find_picture(id));
  TRY(Recipe recipe,
      settle_imgproxy(request.options, site.settings.imgproxy.rules, asset.media, asset.bytes));
  const bool keep_hot = may_stay_hot(site, recipe) && !request.delivery.expires;
  return *answer_picture(
      site, exchange,
      {.id = id,
       .recipe = std::move(recipe),
       .cache_control = std::move(cache_control),
       .fields = disposition_field(request.delivery.is_attachment, request.delivery.file_name),
       .keep_hot = keep_hot});
}

}  // namespace

Answer get_imgproxy(const Site& site, const Exchange& exchange) {
  return picture_or_refusal(answer(site, exchange));
}

}  // namespace calotype
