// SPDX-License-Identifier: Apache-2.0
// The Cloudinary dialect (https://cloudinary.com/documentation/transformation_reference): what
// follows /cloudinary/image/upload/ in
//
//   /cloudinary/image/upload/c_fill,g_north,h_300,w_400/q_auto,f_auto/v1685472103/{id}.jpg
//
// Segments but the last are components, each a list of parameters joined by commas, applied one
// after another; a version (v and digits) before the last is passed over. The last names an asset,
// with an ending that says the format where no f_ does.
//
// Two steps, both pure: components are parsed, and then settled for an original of a given size
// into one recipe. Sizes and crops of several components are worked out in turn, to the nearest
// pixel of the original. Within a component: size, angle, corners, border, opacity. What a recipe
// cannot say is refused by name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "asset/media.hpp"
#include "asset/preset.hpp"
#include "asset/recipe.hpp"

namespace calotype {

struct CloudinaryComponent {
  enum class Crop : std::uint8_t {
    none,
    scale,
    fit,
    limit,
    mfit,
    fill,
    lfill,
    pad,
    lpad,
    mpad,
    crop,
    thumb,
    automatic
  };
  Crop crop = Crop::none;
  double width = 0, height = 0;  // 0: not given; of a number with a point, a share
  bool width_is_share = false, height_is_share = false;
  double ratio = 0;                   // ar; 0: none
  std::optional<Gravity> gravity;     // focal: around x and y
  Gravity no_face = Gravity::center;  // for face and faces
  std::optional<double> x, y;
  double dpr = 1;
  struct Turn {
    bool flips_x = false, flips_y = false;
    std::uint16_t rotation = 0;  // hundredths of a degree
  };
  std::vector<Turn> turns;  // a_, in their order
  std::optional<std::uint16_t> radius;
  std::optional<Border> border;
  std::optional<std::uint8_t> opacity;

  bool resizes() const { return crop != Crop::none || width != 0 || height != 0; }
  bool decorates() const { return radius || border || opacity; }
};

struct CloudinaryRequest {
  std::vector<CloudinaryComponent> components;
  std::optional<Recipe> preset;  // t_
  std::optional<Color> background;
  std::uint8_t quality = 0;
  std::optional<ImageFormat> format;
  bool negotiate = false;  // f_auto
  std::uint32_t page = 0;
  std::string id;  // as it stands in the path, decoded, without its ending
};

/// What follows "upload/", raw. bad_recipe names the parameter and what is allowed.
Result<CloudinaryRequest> parse_cloudinary(std::string_view path, const PresetTable& presets);

/// The recipe: canonical; without a format: the original's own, unless the request negotiates.
/// bad_recipe names what a recipe cannot say.
Result<Recipe> settle_cloudinary(const CloudinaryRequest& request, const MediaInfo& media);

}  // namespace calotype
