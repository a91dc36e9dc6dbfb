// SPDX-License-Identifier: Apache-2.0
// The first line is the picture's size ("6000x4000"), the rest the path after the identifier.
#include <array>
#include <string>

#include "http/dialects/iiif.hpp"
#include "picture_size.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(iiif) {
  std::string_view rest(bytes);
  const PictureSize whole = fuzz::take_size(rest);
  std::array<std::string_view, 4> segments;
  for (auto& segment : segments) {
    const auto end = rest.find('/');
    segment = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  }
  const auto request = parse_iiif(segments[0], segments[1], segments[2], segments[3]);
  if (!request) return;
  const IiifLimits limits{8'192, 40'000'000};
  const auto picture = settle_iiif(*request, whole, limits);
  if (!picture) return;
  const Recipe& recipe = picture->recipe;
  require(canonical(recipe) == recipe, "a settled recipe is canonical");
  const auto native = parse_recipe(to_string(recipe));
  require(native && *native == recipe, "the native dialect can say it too");
  const auto region = region_within(recipe.region, whole);
  require(region && (region->width == 0 || *region == recipe.region), "the region lies inside");
  require(recipe.width <= limits.side_max && recipe.height <= limits.side_max, "within the limits");
}
