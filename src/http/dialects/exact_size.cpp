// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/exact_size.hpp"

#include <algorithm>

namespace calotype {
namespace {

/// value · numerator / denominator to the nearest whole, at least 1.
std::uint32_t scaled(std::uint64_t value, std::uint64_t numerator, std::uint64_t denominator) {
  const std::uint64_t side = (2 * value * numerator + denominator) / (2 * denominator);
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(side, 1, UINT32_MAX));
}

}  // namespace

PictureSize at_width(PictureSize picture, std::uint32_t width) {
  return {width, scaled(picture.height, width, picture.width)};
}

PictureSize at_height(PictureSize picture, std::uint32_t height) {
  return {scaled(picture.width, height, picture.height), height};
}

PictureSize fit_within(PictureSize picture, PictureSize box) {
  const bool is_wider =
      std::uint64_t{box.width} * picture.height > std::uint64_t{box.height} * picture.width;
  return is_wider ? at_height(picture, box.height) : at_width(picture, box.width);
}

void set_exact_size(Recipe& recipe, PictureSize from, PictureSize to) {
  recipe.width = recipe.height = 0;
  recipe.fit = Fit::inside;
  recipe.enlarge = to.width > from.width || to.height > from.height;
  if (to == from) return;
  if (at_width(from, to.width) == to) {
    recipe.width = to.width;
  } else if (at_height(from, to.height) == to) {
    recipe.height = to.height;
  } else {
    recipe.width = to.width;
    recipe.height = to.height;
    recipe.fit = Fit::fill;
  }
}

void set_exact_region(Recipe& recipe, PictureSize picture, const Region& region) {
  const bool is_all = region.left == 0 && region.top == 0 && region.width == picture.width &&
                      region.height == picture.height;
  recipe.region = is_all ? Region{} : region;
}

}  // namespace calotype
