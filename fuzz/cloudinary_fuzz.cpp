// SPDX-License-Identifier: Apache-2.0
// The first line is the original's size ("6000x4000"), the rest what follows "upload/".
#include <charconv>
#include <string>

#include "asset/plan.hpp"
#include "http/dialects/cloudinary.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(cloudinary) {
  static const PresetTable presets = PresetTable::with_defaults();
  std::string_view rest(bytes);
  const auto line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  MediaInfo media;
  media.media_type = "image/webp";
  media.renderable = true;
  const auto cross = std::min(line.find('x'), line.size());
  std::from_chars(line.data(), line.data() + cross, media.width);
  if (cross < line.size())
    std::from_chars(line.data() + cross + 1, line.data() + line.size(), media.height);
  media.width = media.width % 200'000 + 1;
  media.height = media.height % 200'000 + 1;
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
