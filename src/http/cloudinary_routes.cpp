// SPDX-License-Identifier: Apache-2.0
// The Cloudinary dialect over HTTP.
#include "http/asset_json.hpp"
#include "http/dialects/cloudinary.hpp"
#include "http/picture_answer.hpp"
#include "http/router.hpp"

namespace calotype {
namespace {

Result<Answer> answer(const Site& site, const Exchange& exchange) {
  TRY(const CloudinaryRequest request,
      parse_cloudinary(exchange.arguments[0], site.services.presets));
  TRY(const AssetId id, parse_asset_argument(request.id));
  TRY(const AssetRow asset, site.services.deliver.find_picture(id));
  TRY(Recipe recipe, settle_cloudinary(request, asset.media));
  const bool keep_hot = may_stay_hot(site, recipe);
  return *answer_picture(site, exchange,
                         {.id = id,
                          .recipe = std::move(recipe),
                          .negotiate = request.negotiate,
                          .keep_hot = keep_hot});
}

}  // namespace

Answer get_cloudinary(const Site& site, const Exchange& exchange) {
  return picture_or_refusal(answer(site, exchange));
}

}  // namespace calotype
