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
  const bool may_move = follows_focal_point(recipe) && site.services.catalog.is_shared();
  return *answer_picture(site, exchange,
                         {.id = id,
                          .recipe = std::move(recipe),
                          .negotiate = request.negotiate,
                          .keep_hot = !may_move});
}

}  // namespace

Answer get_cloudinary(const Site& site, const Exchange& exchange) {
  auto answered = answer(site, exchange);
  if (!answered) return refused_picture(answered.error());
  return *std::move(answered);
}

}  // namespace calotype
