// SPDX-License-Identifier: Apache-2.0
// Sizes that a dialect has worked out to the pixel, said as the simplest recipe that makes them:
// what keeps the proportions is a width, what is the picture's own size is nothing. So `full/400,`
// of IIIF and `w=400` share one variant.
#pragma once

#include "asset/plan.hpp"
#include "asset/recipe.hpp"

namespace calotype {

/// The picture at exactly that width (or height), the other side to the nearest pixel, as a recipe
/// of that width makes it. No side is 0.
PictureSize at_width(PictureSize picture, std::uint32_t width);
PictureSize at_height(PictureSize picture, std::uint32_t height);
/// As large as fits within the box, enlarged where that is larger.
PictureSize fit_within(PictureSize picture, PictureSize box);

/// The recipe's width, height, fit and enlarge, so that a picture (or region) of the size `from`
/// becomes exactly `to`.
void set_exact_size(Recipe& recipe, PictureSize from, PictureSize to);

/// The recipe's region, of the upright picture: nothing where it is all of it. It lies inside.
void set_exact_region(Recipe& recipe, PictureSize picture, const Region& region);

}  // namespace calotype
