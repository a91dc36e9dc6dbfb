// SPDX-License-Identifier: Apache-2.0
// The first line is the original's size ("6000x4000"), the rest the path after the signature.
#include <charconv>
#include <string>

#include "asset/plan.hpp"
#include "http/dialects/imgproxy.hpp"
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
  const auto line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  MediaInfo media;
  media.media_type = "image/webp";
  media.renderable = true;
  media.pages = 3;
  const auto cross = std::min(line.find('x'), line.size());
  std::from_chars(line.data(), line.data() + cross, media.width);
  if (cross < line.size())
    std::from_chars(line.data() + cross + 1, line.data() + line.size(), media.height);
  media.width = media.width % 200'000 + 1;
  media.height = media.height % 200'000 + 1;
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
