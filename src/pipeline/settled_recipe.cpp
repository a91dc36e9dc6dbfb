// SPDX-License-Identifier: Apache-2.0
#include "pipeline/settled_recipe.hpp"

#include "asset/plan.hpp"

namespace calotype {

Recipe settled_for(const AssetRow& asset, const Recipe& recipe) {
  return settled_for(with_focal_point(canonical(recipe), asset.focal_point), asset.media);
}

bool depends_on_asset(const Recipe& recipe) {
  return follows_focal_point(recipe) || recipe.page == 1;
}

}  // namespace calotype
