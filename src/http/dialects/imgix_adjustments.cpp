// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "asset/parameter.hpp"
#include "http/dialects/imgix_parameters.hpp"

namespace calotype {
namespace {

Result<void> read_percent(std::int8_t& to, const ImgixParameters& parameters,
                          std::string_view name) {
  const auto* value = parameters.find(name);
  if (value == nullptr) return {};
  const bool is_negative = value->starts_with('-');
  const auto number =
      parse_whole(is_negative ? std::string_view(*value).substr(1) : *value, 0, 100);
  if (!number) return refuse(name, "a whole number from -100 to 100", *value);
  to = static_cast<std::int8_t>(is_negative ? -static_cast<int>(*number) : *number);
  return {};
}

/// imgix's strength from 0 to 2000, taken for tenths of a pixel of sigma.
Result<void> read_blur(Recipe& recipe, const ImgixParameters& parameters) {
  const auto* value = parameters.find("blur");
  if (value == nullptr) return {};
  const auto strength = parse_whole(*value, 0, 2'000);
  if (!strength) return refuse("blur", "a whole number from 0 to 2000", *value);
  recipe.blur = static_cast<std::uint16_t>(*strength * 10);
  return {};
}

/// An unsharp mask of amount 100 is what a recipe has.
Result<void> read_sharpening(Recipe& recipe, const ImgixParameters& parameters) {
  const auto* amount = parameters.find("usm");
  const auto* radius = parameters.find("usmrad");
  if (amount == nullptr || *amount == "0") return {};
  if (*amount != "100") return refuse("usm", "0 or 100", *amount);
  const auto sigma = parse_decimal(radius == nullptr ? "2.5" : *radius, 0, sharpen_max / 100.0);
  if (!sigma) return refuse("usmrad", "a number from 0 to 20", *radius);
  recipe.sharpen = static_cast<std::uint16_t>(std::lround(*sigma * 100));
  return {};
}

Result<void> read_pixelation(Recipe& recipe, const ImgixParameters& parameters) {
  const auto* value = parameters.find("px");
  if (value == nullptr) return {};
  const auto side = parse_whole(*value, 0, 100);
  if (!side) return refuse("px", "a whole number from 0 to 100", *value);
  recipe.pixelate = static_cast<std::uint16_t>(*side);
  return {};
}

Result<void> read_turn(Recipe& recipe, const ImgixParameters& parameters) {
  if (const auto* flip = parameters.find("flip")) {
    if (*flip != "h" && *flip != "v" && *flip != "hv") return refuse("flip", "h, v or hv", *flip);
    recipe.mirror = *flip != "hv";
    if (*flip != "h") recipe.rotation = 18'000;
  }
  const auto* type = parameters.find("rot-type");
  if (type != nullptr && *type != "pivot" && *type != "straighten")
    return refuse("rot-type", "pivot or straighten", *type);
  if (const auto* rot = parameters.find("rot")) {
    const auto degrees = parse_decimal(*rot, 0, 359.99);
    if (!degrees) return refuse("rot", "degrees from 0 to 359", *rot);
    const long hundredths = std::lround(*degrees * 100);
    const bool keeps_shape = hundredths % 18'000 == 0;
    if (!keeps_shape && (type == nullptr || *type != "pivot"))
      return fail(
          ErrorCode::bad_recipe,
          "rot needs rot-type=pivot here: straighten, which zooms and cuts, cannot be said.");
    // Against the clock.
    recipe.rotation = static_cast<std::uint16_t>((recipe.rotation + 36'000 - hundredths) % 36'000);
  }
  if (const auto* orient = parameters.find("orient"); orient != nullptr && *orient != "0")
    return refuse("orient", "0: pictures are upright as they say themselves", *orient);
  return {};
}

Result<void> read_trim(Recipe& recipe, const ImgixParameters& parameters) {
  const auto* kind = parameters.find("trim");
  const auto* color = parameters.find("trim-color");
  const auto* tolerance = parameters.find("trim-tol");
  if (kind == nullptr) {
    if (color == nullptr && tolerance == nullptr) return {};
    return fail(ErrorCode::bad_recipe, "trim-color and trim-tol need trim=color.");
  }
  constexpr std::uint8_t usual = 11;  // imgix's mean difference
  Trim trim{.tolerance = usual};
  if (*kind != "auto" && *kind != "color") return refuse("trim", "auto or color", *kind);
  if (*kind == "auto" && (color != nullptr || tolerance != nullptr))
    return fail(ErrorCode::bad_recipe, "trim-color and trim-tol need trim=color.");
  if (color != nullptr) {
    TRY(trim.color, read_imgix_color("trim-color", *color));
  }
  if (tolerance != nullptr) {
    const auto number = parse_decimal(*tolerance, 0, 254);
    if (!number) return refuse("trim-tol", "a number from 0 to 254", *tolerance);
    trim.tolerance = static_cast<std::uint8_t>(std::lround(*number));
  }
  recipe.trim = trim;
  return {};
}

Result<void> read_page(Recipe& recipe, const ImgixParameters& parameters) {
  for (const auto* name : {"page", "frame"}) {
    const auto* value = parameters.find(name);
    if (value == nullptr) continue;
    const auto page = parse_whole(*value, 1, page_max);
    if (!page) return refuse(name, "a whole number from 1 to 1000000", *value);
    if (recipe.page != 0 && recipe.page != *page)
      return fail(ErrorCode::bad_recipe, "page and frame must be the same where both are given.");
    recipe.page = *page;
  }
  return {};
}

struct Fixed {
  std::string_view name, values;  // the values that change nothing, each between blanks
};
/// What is accepted where it asks for what is done in any case.
constexpr Fixed fixed[] = {{"iptc", " block "},       {"jpg-progressive", " true false 1 0 "},
                           {"chromasub", " 420 "},    {"svg-sanitize", " true 1 "},
                           {"fp-debug", " false 0 "}, {"fp-z", " 1 "},
                           {"upscale", " false 0 "},  {"nr", " 0 "}};

Result<void> read_fixed(const ImgixParameters& parameters) {
  for (const Fixed& one : fixed) {
    const auto* value = parameters.find(one.name);
    if (value == nullptr || (!value->empty() && one.values.contains(" " + *value + " "))) continue;
    std::string allowed(one.values.substr(1, one.values.size() - 2));
    for (auto at = allowed.find(' '); at != std::string::npos; at = allowed.find(' ', at))
      allowed.replace(at, 1, ", ");
    return refuse(one.name, allowed, *value);
  }
  return {};
}

}  // namespace

Result<void> read_imgix_adjustments(Recipe& recipe, const ImgixParameters& parameters) {
  TRY_VOID(read_percent(recipe.brightness, parameters, "bri"));
  TRY_VOID(read_percent(recipe.contrast, parameters, "con"));
  TRY_VOID(read_percent(recipe.saturation, parameters, "sat"));
  TRY_VOID(read_blur(recipe, parameters));
  TRY_VOID(read_sharpening(recipe, parameters));
  TRY_VOID(read_pixelation(recipe, parameters));
  TRY_VOID(read_turn(recipe, parameters));
  TRY_VOID(read_trim(recipe, parameters));
  TRY_VOID(read_page(recipe, parameters));
  if (const auto* cs = parameters.find("cs")) {
    if (*cs != "srgb" && *cs != "tinysrgb" && *cs != "strip" && *cs != "origin")
      return refuse("cs", one_of({"srgb", "tinysrgb", "strip", "origin"}), *cs);
    if (*cs == "origin") recipe.profile = ColorProfile::keep;
  }
  return read_fixed(parameters);
}

}  // namespace calotype
