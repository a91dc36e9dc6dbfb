// SPDX-License-Identifier: Apache-2.0
// Names, canonical form and text of recipes. The round trip parse ∘ to_string is the identity on
// canonical recipes; recipe_test.cpp holds it to that.
#include "asset/recipe.hpp"

#include <array>
#include <utility>

#include "base/hash.hpp"

namespace calotype {
namespace {

constexpr std::uint16_t quarter_turn = 9'000;

constexpr std::array<std::string_view, 13> gravity_names = {
    "center", "north",     "northeast", "east",    "southeast", "south", "southwest",
    "west",   "northwest", "attention", "entropy", "face",      "faces"};

/// What a translucent colour looks like where there is no alpha: the same over white.
Color over_white(const Color& color) {
  const auto blend = [&](std::uint8_t channel) {
    return static_cast<std::uint8_t>((channel * color.alpha + 255 * (255 - color.alpha) + 127) /
                                     255);
  };
  return {blend(color.red), blend(color.green), blend(color.blue), 255};
}

/// Transparent is no background. A translucent one only pads, where the format has alpha, and is an
/// opaque one where it has none, on which white is the default.
std::optional<Color> canonical_background(const Recipe& recipe) {
  const auto color = recipe.background;
  if (!color || color->alpha == 0) return std::nullopt;
  if (!recipe.format) return color;
  const bool pads = recipe.fit == Fit::contain || recipe.padding != Padding{} ||
                    recipe.rotation % quarter_turn != 0 || recipe.opacity_percent != 100;
  if (has_alpha_channel(*recipe.format)) return color->alpha == 255 || pads ? color : std::nullopt;
  const Color opaque = over_white(*color);
  return opaque == Color{255, 255, 255, 255} ? std::nullopt : std::optional(opaque);
}

/// The same picture said in one way: up and down mirrored is turned by half and mirrored.
void settle_tone(Recipe& recipe) {
  if (recipe.tone == Tone::color && recipe.saturation == -100) recipe.tone = Tone::gray;
  if (recipe.tone != Tone::color) recipe.saturation = 0;
}

void settle_region(Region& region) {
  constexpr std::uint32_t whole = FocalPoint::whole;
  const bool is_all = region.is_relative && region.left == 0 && region.top == 0 &&
                      region.width >= whole && region.height >= whole;
  if (region.width == 0 || is_all) region = {};
}

/// Where gravity decides something: what is cut off, or where there is room.
void settle_gravity(Recipe& recipe) {
  const bool decides =
      recipe.fit == Fit::cover || (recipe.fit == Fit::contain && is_compass(recipe.gravity));
  if (!decides) recipe.gravity = Gravity::center;
  if (recipe.gravity != Gravity::focal) recipe.focus = {};
  if (!finds_faces(recipe.gravity)) recipe.no_face = Gravity::attention;
}

void settle_decoration(Recipe& recipe) {
  // An invisible border still makes room.
  const Border& border = recipe.border;
  if (border.width == 0 || (border.color.alpha == 0 && border.is_inside)) recipe.border = {};
  if (recipe.pixelate == 1) recipe.pixelate = 0;
  if (recipe.watermark && recipe.watermark->is_tiled)
    recipe.watermark->gravity = Watermark{recipe.watermark->asset}.gravity;
}

/// What the format cannot carry or does not need.
void settle_encoding(Recipe& recipe) {
  if (!recipe.format) return;
  const ImageFormat format = *recipe.format;
  if (!has_quality(format) || format == ImageFormat::jpeg) recipe.lossless = false;
  if (!has_quality(format) || recipe.lossless) recipe.quality = 0;
  if (recipe.quality == default_quality(format)) recipe.quality = 0;
  if (format == ImageFormat::gif) {
    recipe.metadata = Metadata::strip;
    recipe.profile = ColorProfile::srgb;
  }
}

}  // namespace

std::uint8_t default_quality(ImageFormat format) {
  switch (format) {
    case ImageFormat::jpeg:
    case ImageFormat::webp:
      return 85;
    case ImageFormat::avif:
      return 60;
    case ImageFormat::jxl:
      return 80;
    case ImageFormat::png:
    case ImageFormat::gif:
      return 0;
  }
  std::unreachable();
}

std::string_view to_string(ImageFormat format) {
  switch (format) {
    case ImageFormat::jpeg:
      return "jpeg";
    case ImageFormat::png:
      return "png";
    case ImageFormat::webp:
      return "webp";
    case ImageFormat::avif:
      return "avif";
    case ImageFormat::gif:
      return "gif";
    case ImageFormat::jxl:
      return "jxl";
  }
  std::unreachable();
}

std::optional<ImageFormat> parse_image_format(std::string_view text) {
  if (text == "jpg") return ImageFormat::jpeg;
  for (const auto format : image_formats)
    if (to_string(format) == text) return format;
  return std::nullopt;
}

std::string_view media_type_of(ImageFormat format) {
  switch (format) {
    case ImageFormat::jpeg:
      return "image/jpeg";
    case ImageFormat::png:
      return "image/png";
    case ImageFormat::webp:
      return "image/webp";
    case ImageFormat::avif:
      return "image/avif";
    case ImageFormat::gif:
      return "image/gif";
    case ImageFormat::jxl:
      return "image/jxl";
  }
  std::unreachable();
}

bool has_alpha_channel(ImageFormat format) {
  return format != ImageFormat::jpeg;
}

bool has_frames(ImageFormat format) {
  return format != ImageFormat::jpeg && format != ImageFormat::png;
}

bool has_quality(ImageFormat format) {
  return format != ImageFormat::png && format != ImageFormat::gif;
}

std::string_view extension_of(ImageFormat format) {
  return format == ImageFormat::jpeg ? "jpg" : to_string(format);
}

std::string_view to_string(Fit fit) {
  switch (fit) {
    case Fit::inside:
      return "inside";
    case Fit::outside:
      return "outside";
    case Fit::cover:
      return "cover";
    case Fit::contain:
      return "contain";
    case Fit::fill:
      return "fill";
  }
  std::unreachable();
}

std::string_view to_string(Gravity gravity) {
  require(gravity != Gravity::focal, "a focal point has no name");
  return gravity_names.at(static_cast<std::size_t>(gravity));
}

std::optional<Fit> parse_fit(std::string_view text) {
  if (text == "crop") return Fit::cover;
  for (const auto fit : {Fit::inside, Fit::outside, Fit::cover, Fit::contain, Fit::fill})
    if (to_string(fit) == text) return fit;
  return std::nullopt;
}

std::optional<Gravity> parse_gravity(std::string_view text) {
  for (std::size_t at = 0; at < gravity_names.size(); ++at)
    if (gravity_names[at] == text) return static_cast<Gravity>(at);
  return std::nullopt;
}

bool is_compass(Gravity gravity) {
  return gravity <= Gravity::northwest;
}

bool finds_faces(Gravity gravity) {
  return gravity == Gravity::face || gravity == Gravity::faces;
}

bool is_placed_by_looking(Gravity gravity) {
  return gravity == Gravity::attention || gravity == Gravity::entropy || finds_faces(gravity);
}

Recipe canonical(Recipe recipe) {
  if (recipe.width == 0 || recipe.height == 0) recipe.fit = Fit::inside;
  if (recipe.width == 0 && recipe.height == 0) recipe.enlarge = false;
  settle_gravity(recipe);
  recipe.rotation %= 4 * quarter_turn;
  settle_region(recipe.region);
  settle_tone(recipe);
  settle_decoration(recipe);
  settle_encoding(recipe);
  recipe.background = canonical_background(recipe);
  return recipe;
}

bool follows_focal_point(const Recipe& recipe) {
  return recipe.fit == Fit::cover && recipe.gravity == Gravity::center && recipe.width != 0 &&
         recipe.height != 0;
}

Recipe with_focal_point(Recipe recipe, const std::optional<FocalPoint>& point) {
  if (!point || !follows_focal_point(recipe)) return recipe;
  recipe.gravity = Gravity::focal;
  recipe.focus = *point;
  return recipe;
}

std::string version_of(const Recipe& recipe, std::string_view renderer_version) {
  std::string named = to_string(recipe);
  named += '\n';
  named += renderer_version;
  return to_base32(Sha256::of(as_bytes(named)).bytes, 40);
}

}  // namespace calotype
