// SPDX-License-Identifier: Apache-2.0
// The first line is the original's size ("6000x4000"), the rest what follows "upload/".
#include <string>

#include "http/dialects/cloudinary.hpp"
#include "picture_size.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(cloudinary) {
  static const PresetTable presets = PresetTable::with_defaults();
  std::string_view rest(bytes);
  const MediaInfo media = fuzz::media_of(fuzz::take_size(rest));
  const auto request = parse_cloudinary(rest, presets);
  if (!request) return;
  const auto recipe = settle_cloudinary(*request, media);
  if (!recipe) return;
  require(canonical(*recipe) == *recipe, "a settled recipe is canonical");
  const auto native = parse_recipe(to_string(*recipe));
  require(native && *native == *recipe, "the native dialect can say it too");
  const auto region = region_within(recipe->region, {media.width, media.height});
  require(region && (region->width == 0 || *region == recipe->region), "the region lies inside");
}
