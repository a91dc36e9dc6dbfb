// SPDX-License-Identifier: Apache-2.0
// What a recipe means for one asset.
#pragma once

#include "catalog/rows.hpp"

namespace calotype {

/// The recipe as it is meant for this asset: with its focal point, and without what only names the
/// usual. Two recipes that are the same then are the same picture.
Recipe settled_for(const AssetRow& asset, const Recipe& recipe);
/// Whether that may differ from the recipe itself, so that the asset has to be asked.
bool depends_on_asset(const Recipe& recipe);

}  // namespace calotype
