// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "asset/parameter.hpp"
#include "http/dialects/frame.hpp"
#include "http/dialects/imgix_parameters.hpp"

namespace calotype {
namespace {

Result<std::optional<std::uint32_t>> read_pixels(const ImgixParameters& parameters,
                                                 std::string_view name, std::uint32_t max) {
  const auto* value = parameters.find(name);
  if (value == nullptr) return std::nullopt;
  const auto pixels = parse_whole(*value, 0, max);
  if (!pixels)
    return refuse(name, "a whole number of pixels from 0 to " + std::to_string(max), *value);
  return pixels;
}

/// imgix's sizes are those with padding and border around.
Result<void> take_off(Recipe& recipe, std::uint32_t across, std::uint32_t down) {
  if ((recipe.width != 0 && recipe.width <= across) ||
      (recipe.height != 0 && recipe.height <= down))
    return fail(ErrorCode::bad_recipe, "pad and border leave nothing of w and h for the picture.");
  if (recipe.width != 0) recipe.width -= across;
  if (recipe.height != 0) recipe.height -= down;
  return {};
}

Result<void> read_padding(Recipe& recipe, const ImgixParameters& parameters) {
  TRY(const auto all, read_pixels(parameters, "pad", padding_max));
  Padding& padding = recipe.padding;
  for (auto* side : {&padding.top, &padding.right, &padding.bottom, &padding.left})
    *side = static_cast<std::uint16_t>(all.value_or(0));
  const auto read_side = [&](std::uint16_t& side, std::string_view name) -> Result<void> {
    TRY(const auto pixels, read_pixels(parameters, name, padding_max));
    if (pixels) side = static_cast<std::uint16_t>(*pixels);
    return {};
  };
  TRY_VOID(read_side(padding.top, "pad-top"));
  TRY_VOID(read_side(padding.right, "pad-right"));
  TRY_VOID(read_side(padding.bottom, "pad-bottom"));
  TRY_VOID(read_side(padding.left, "pad-left"));
  return take_off(recipe, padding.left + padding.right, padding.top + padding.bottom);
}

/// size,color
Result<void> read_border(Recipe& recipe, const ImgixParameters& parameters) {
  const auto* value = parameters.find("border");
  if (value == nullptr) return {};
  const auto parts = parts_of(*value);
  const auto width = parse_whole(parts.front(), 0, border_max);
  if (!width || parts.size() != 2)
    return refuse("border", "pixels and a colour, such as 5,ff0000", *value);
  TRY(const Color color, read_imgix_color("border", parts[1]));
  recipe.border = {static_cast<std::uint16_t>(*width), color, false};
  return take_off(recipe, 2 * *width, 2 * *width);
}

Result<std::uint16_t> read_radius(std::string_view name, std::string_view value) {
  const auto radius = parse_whole(value, 0, padding_max);
  if (!radius)
    return refuse(name, "one number of pixels from 0 to 8192 (corners are alike here)", value);
  return static_cast<std::uint16_t>(*radius);
}

Result<void> read_corners(Recipe& recipe, const ImgixParameters& parameters) {
  const auto* mask = parameters.find("mask");
  const auto* radius = parameters.find("corner-radius");
  if (mask != nullptr && *mask == "ellipse") {
    if (recipe.fit != Fit::cover || recipe.width != recipe.height || recipe.width == 0)
      return fail(ErrorCode::bad_recipe,
                  "mask=ellipse needs fit=crop and w and h alike: round corners make a circle, and "
                  "no ellipse.");
    recipe.corner_radius = radius_max;
  } else if (mask != nullptr && *mask == "corners") {
    if (radius == nullptr) return fail(ErrorCode::bad_recipe, "mask=corners needs corner-radius.");
    TRY(recipe.corner_radius, read_radius("corner-radius", *radius));
  } else if (mask != nullptr) {
    return refuse("mask", "corners or ellipse", *mask);
  } else if (radius != nullptr) {
    return fail(ErrorCode::bad_recipe, "corner-radius needs mask=corners.");
  }
  if (const auto* outer = parameters.find("border-radius")) {
    TRY(const std::uint16_t reach, read_radius("border-radius", *outer));
    if (recipe.border.width == 0) return fail(ErrorCode::bad_recipe, "border-radius needs border.");
    // A recipe names the picture's own corners, inside of the border.
    recipe.corner_radius =
        static_cast<std::uint16_t>(reach > recipe.border.width ? reach - recipe.border.width : 0);
  }
  if (const auto* color = parameters.find("mask-bg")) {
    TRY(const Color ground, read_imgix_color("mask-bg", *color));
    if (recipe.background && recipe.background != ground)
      return fail(ErrorCode::bad_recipe, "mask-bg and bg must be the same where both are given.");
    recipe.background = ground;
  }
  return {};
}

/// top, middle, bottom; left, center, right; bottom,right where nothing is said.
Result<Gravity> read_align(const std::string* value) {
  if (value == nullptr) return Gravity::southeast;
  Lean lean;
  for (const auto side : parts_of(*value)) {
    if (side == "top") lean.y = -1;
    if (side == "bottom") lean.y = 1;
    if (side == "left") lean.x = -1;
    if (side == "right") lean.x = 1;
    if (side != "top" && side != "bottom" && side != "left" && side != "right" &&
        side != "middle" && side != "center")
      return refuse(
          "mark-align",
          one_of({"top", "middle", "bottom", "left", "center", "right", "a pair such as top,left"}),
          *value);
  }
  return gravity_of(lean);
}

Result<void> read_mark_size(Watermark& mark, const ImgixParameters& parameters) {
  mark.width_percent = 0;
  if (const auto* scale = parameters.find("mark-scale")) {
    const auto percent = parse_whole(*scale, 1, 100);
    if (!percent) return refuse("mark-scale", "a whole number from 1 to 100", *scale);
    mark.width_percent = static_cast<std::uint8_t>(*percent);
  }
  if (const auto* width = parameters.find("mark-w")) {
    const auto share = parse_decimal(*width, 0, 1);
    if (!share || *share < 0.005)
      return refuse("mark-w", "a share of the picture's width, from 0.01 to 1", *width);
    mark.width_percent = static_cast<std::uint8_t>(std::lround(*share * 100));
  }
  return {};
}

Result<void> read_mark(Recipe& recipe, const ImgixParameters& parameters) {
  const auto* value = parameters.find("mark");
  if (value == nullptr) {
    for (const auto* name : {"mark-align", "mark-alpha", "mark-w", "mark-scale", "mark-pad",
                             "mark-x", "mark-y", "mark-tile"})
      if (parameters.find(name) != nullptr)
        return fail(ErrorCode::bad_recipe, std::string(name) + " needs mark.");
    return {};
  }
  const std::string_view text = *value;
  const auto asset = AssetId::parse(text.starts_with('/') ? text.substr(1) : text);
  if (!asset) return refuse("mark", "an asset's id", *value);
  Watermark mark{*asset};
  TRY(mark.gravity, read_align(parameters.find("mark-align")));
  TRY_VOID(read_mark_size(mark, parameters));
  if (const auto* alpha = parameters.find("mark-alpha")) {
    const auto percent = parse_whole(*alpha, 1, 100);
    if (!percent) return refuse("mark-alpha", "a whole number from 1 to 100", *alpha);
    mark.opacity_percent = static_cast<std::uint8_t>(*percent);
  }
  constexpr std::uint32_t usual_pad = 5;
  TRY(const auto pad, read_pixels(parameters, "mark-pad", padding_max));
  TRY(const auto x, read_pixels(parameters, "mark-x", padding_max));
  TRY(const auto y, read_pixels(parameters, "mark-y", padding_max));
  const std::uint32_t around = pad.value_or(usual_pad);
  mark.margin_x = static_cast<std::uint16_t>(x.value_or(around));
  mark.margin_y = static_cast<std::uint16_t>(y.value_or(around));
  if (const auto* tile = parameters.find("mark-tile")) {
    if (*tile != "grid") return refuse("mark-tile", "grid", *tile);
    mark.is_tiled = true;
  }
  recipe.watermark = mark;
  return {};
}

}  // namespace

Result<void> read_imgix_decorations(Recipe& recipe, const ImgixParameters& parameters) {
  TRY_VOID(read_padding(recipe, parameters));
  TRY_VOID(read_border(recipe, parameters));
  TRY_VOID(read_corners(recipe, parameters));
  return read_mark(recipe, parameters);
}

}  // namespace calotype
