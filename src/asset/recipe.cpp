// SPDX-License-Identifier: Apache-2.0
// Names, canonical form and text of recipes. The round trip parse ∘ to_string is the identity on
// canonical recipes; recipe_test.cpp holds it to that.
#include "asset/recipe.hpp"

#include <array>
#include <utility>

#include "asset/parameter.hpp"
#include "base/hash.hpp"

namespace calotype {
namespace {

constexpr std::array<std::string_view, 9> gravity_names = {
    "center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"};

constexpr std::array<std::string_view, 9> parameter_names = {"w", "h",  "fit",     "g", "dpr",
                                                             "q", "bg", "enlarge", "fm"};

std::string to_hex_color(const Color& color) {
  const std::array bytes = {std::byte{color.red}, std::byte{color.green}, std::byte{color.blue},
                            std::byte{color.alpha}};
  return to_hex(std::span(bytes).first(color.alpha == 255 ? 3 : 4));
}

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
  if (has_alpha_channel(*recipe.format))
    return color->alpha == 255 || recipe.fit == Fit::contain ? color : std::nullopt;
  const Color opaque = over_white(*color);
  return opaque == Color{255, 255, 255, 255} ? std::nullopt : std::optional(opaque);
}

/// The parameters as they are read; what is seen twice is refused.
struct Reading {
  Recipe recipe;
  double pixel_ratio = 1;
  std::array<bool, parameter_names.size()> seen{};
};

std::unexpected<Error> unknown_parameter(std::string_view name) {
  std::string allowed;
  for (const auto known : parameter_names) {
    if (!allowed.empty()) allowed += known == parameter_names.back() ? " and " : ", ";
    allowed += known;
  }
  return fail(ErrorCode::bad_recipe,
              in_quotes(name) + " is no parameter; allowed are " + allowed + ".");
}

Result<void> mark_seen(Reading& reading, std::string_view name) {
  for (std::size_t at = 0; at < parameter_names.size(); ++at) {
    if (parameter_names[at] != name) continue;
    if (std::exchange(reading.seen[at], true))
      return fail(ErrorCode::bad_recipe, std::string(name) + " is given twice.");
    return {};
  }
  return unknown_parameter(name);
}

Result<void> read_choice(Recipe& recipe, std::string_view name, std::string_view value) {
  if (name == "fit") {
    const auto fit = parse_fit(value);
    if (!fit) return refuse(name, one_of({"inside", "outside", "cover", "crop", "contain"}), value);
    recipe.fit = *fit;
  } else if (name == "g") {
    const auto gravity = parse_gravity(value);
    if (!gravity)
      return refuse(name,
                    one_of({"center", "north", "northeast", "east", "southeast", "south",
                            "southwest", "west", "northwest"}),
                    value);
    recipe.gravity = *gravity;
  } else if (name == "bg") {
    recipe.background = parse_color(value);
    if (!recipe.background)
      return refuse(name, "a colour as rgb, rrggbb or rrggbbaa in hexadecimal, or transparent",
                    value);
  } else if (value != "auto") {
    recipe.format = parse_image_format(value);
    if (!recipe.format) return refuse(name, one_of({"jpeg", "png", "webp", "avif", "auto"}), value);
  }
  return {};
}

Result<void> read_parameter(Reading& reading, std::string_view name, std::string_view value) {
  TRY_VOID(mark_seen(reading, name));
  Recipe& recipe = reading.recipe;
  if (name == "w") {
    TRY(recipe.width, read_dimension(name, value));
  } else if (name == "h") {
    TRY(recipe.height, read_dimension(name, value));
  } else if (name == "dpr") {
    TRY(reading.pixel_ratio, read_pixel_ratio(name, value));
  } else if (name == "q") {
    TRY(recipe.quality, read_quality(name, value));
  } else if (name == "enlarge") {
    TRY(recipe.enlarge, read_flag(name, value));
  } else {
    TRY_VOID(read_choice(recipe, name, value));
  }
  return {};
}

}  // namespace

std::uint8_t default_quality(ImageFormat format) {
  switch (format) {
    case ImageFormat::jpeg:
      return 85;
    case ImageFormat::png:
      return 0;
    case ImageFormat::webp:
      return 85;
    case ImageFormat::avif:
      return 60;
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
  }
  std::unreachable();
}

std::optional<ImageFormat> parse_image_format(std::string_view text) {
  if (text == "jpg") return ImageFormat::jpeg;
  for (const auto format :
       {ImageFormat::jpeg, ImageFormat::png, ImageFormat::webp, ImageFormat::avif})
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
  }
  std::unreachable();
}

bool has_alpha_channel(ImageFormat format) {
  return format != ImageFormat::jpeg;
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
  }
  std::unreachable();
}

std::string_view to_string(Gravity gravity) {
  return gravity_names.at(static_cast<std::size_t>(gravity));
}

std::optional<Fit> parse_fit(std::string_view text) {
  if (text == "crop") return Fit::cover;
  for (const auto fit : {Fit::inside, Fit::outside, Fit::cover, Fit::contain})
    if (to_string(fit) == text) return fit;
  return std::nullopt;
}

std::optional<Gravity> parse_gravity(std::string_view text) {
  for (std::size_t at = 0; at < gravity_names.size(); ++at)
    if (gravity_names[at] == text) return static_cast<Gravity>(at);
  return std::nullopt;
}

Recipe canonical(Recipe recipe) {
  if (recipe.width == 0 || recipe.height == 0) recipe.fit = Fit::inside;
  if (recipe.width == 0 && recipe.height == 0) recipe.enlarge = false;
  if (recipe.fit != Fit::cover) recipe.gravity = Gravity::center;
  if (recipe.format == ImageFormat::png) recipe.quality = 0;
  if (recipe.format && recipe.quality == default_quality(*recipe.format)) recipe.quality = 0;
  recipe.background = canonical_background(recipe);
  return recipe;
}

std::string to_string(const Recipe& given) {
  const Recipe recipe = canonical(given);
  std::string out;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!out.empty()) out += '&';
    out.append(name).append("=").append(value);
  };
  if (recipe.width != 0) add("w", std::to_string(recipe.width));
  if (recipe.height != 0) add("h", std::to_string(recipe.height));
  if (recipe.fit != Fit::inside) add("fit", to_string(recipe.fit));
  if (recipe.gravity != Gravity::center) add("g", to_string(recipe.gravity));
  if (recipe.quality != 0) add("q", std::to_string(recipe.quality));
  if (recipe.background) add("bg", to_hex_color(*recipe.background));
  if (recipe.enlarge) add("enlarge", "1");
  if (recipe.format) add("fm", to_string(*recipe.format));
  return out;
}

Result<Recipe> parse_recipe(std::string_view parameters) {
  Reading reading;
  for (bool more = !parameters.empty(); more;) {
    const auto end = parameters.find_first_of("&,");
    const auto pair = parameters.substr(0, end);
    more = end != std::string_view::npos;
    if (more) parameters.remove_prefix(end + 1);
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos)
      return fail(ErrorCode::bad_recipe,
                  "A recipe is parameters like w=300&fm=webp; " + in_quotes(pair) + " is none.");
    TRY_VOID(read_parameter(reading, pair.substr(0, equals), pair.substr(equals + 1)));
  }
  TRY_VOID(apply_pixel_ratio(reading.recipe, reading.pixel_ratio));
  return canonical(reading.recipe);
}

std::string version_of(const Recipe& recipe, std::string_view renderer_version) {
  std::string named = to_string(recipe);
  named += '\n';
  named += renderer_version;
  return to_base32(Sha256::of(as_bytes(named)).bytes, 40);
}

}  // namespace calotype
