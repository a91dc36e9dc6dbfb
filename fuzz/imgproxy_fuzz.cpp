// SPDX-License-Identifier: Apache-2.0
// The first line is the original's size ("6000x4000"), the rest the path after the signature.
#include <string>

#include "http/dialects/imgproxy.hpp"
#include "picture_size.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(imgproxy) {
  static const PresetTable presets = PresetTable::with_defaults();
  static const ImgproxyRules rules = [] {
    ImgproxyRules made;
    made.presets = {{"default", "el:0"}, {"a", "rs:fill:100:50/g:fp:0.1:0.9"}};
    made.watermark = AssetId::parse("aaaaaaaaaaaaaaaaaaaaaaaaaa");
    made.allows_security_options = true;
    return made;
  }();
  std::string_view rest(bytes);
  MediaInfo media = fuzz::media_of(fuzz::take_size(rest));
  media.pages = 3;
  const auto request = parse_imgproxy(rest, rules, presets);
  if (!request) return;
  (void)parse_imgproxy_source(request->source);
  const auto recipe = settle_imgproxy(request->options, rules, media, 1'000);
  if (!recipe) return;
  require(canonical(*recipe) == *recipe, "a settled recipe is canonical");
  const auto native = parse_recipe(to_string(*recipe));
  require(native && *native == *recipe, "the native dialect can say it too");
  const auto region = region_within(recipe->region, {media.width, media.height});
  require(recipe->trim || (region && (region->width == 0 || *region == recipe->region)),
          "the region lies inside");
}
