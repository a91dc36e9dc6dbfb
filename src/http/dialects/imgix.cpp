// SPDX-License-Identifier: Apache-2.0
// Parameters are collected first and given their meaning after, because some mean something only
// beside others (crop beside fit, ar beside one dimension).
#include "http/dialects/imgix.hpp"

#include <array>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "asset/parameter.hpp"
#include "http/dialects/percent.hpp"

namespace calotype {
namespace {

constexpr std::array<std::string_view, 13> meant = {
    "w", "h", "fit", "crop", "ar", "dpr", "q", "fm", "auto", "bg", "fill", "fill-color", "enlarge"};
constexpr std::array<std::string_view, 3> passed_over = {"s", "ixlib", "ixid"};

using Parameters = std::map<std::string, std::string, std::less<>>;

bool contains(const auto& names, std::string_view name) {
  for (const auto one : names)
    if (one == name) return true;
  return false;
}

std::unexpected<Error> unknown_parameter(std::string_view name) {
  std::string allowed;
  for (const auto known : meant) {
    if (!allowed.empty()) allowed += known == meant.back() ? " and " : ", ";
    allowed += known;
  }
  return fail(ErrorCode::bad_recipe,
              in_quotes(name) + " is no parameter here; allowed are " + allowed + ".");
}

Result<void> collect_pair(Parameters& parameters, std::string_view pair) {
  const auto equals = pair.find('=');
  const auto name = percent_decode(pair.substr(0, equals));
  const auto value =
      percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
  if (!name || !value)
    return fail(ErrorCode::bad_recipe, in_quotes(pair) +
                                           " is not percent-encoded properly; % needs two "
                                           "hexadecimal digits.");
  if (contains(passed_over, *name)) return {};
  if (!contains(meant, *name)) return unknown_parameter(*name);
  if (!parameters.emplace(*name, *value).second)
    return fail(ErrorCode::bad_recipe, *name + " is given twice.");
  return {};
}

Result<Parameters> collect(std::string_view query) {
  Parameters parameters;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (!pair.empty()) TRY_VOID(collect_pair(parameters, pair));
  }
  return parameters;
}

const std::string* find(const Parameters& parameters, std::string_view name) {
  const auto place = parameters.find(name);
  return place == parameters.end() ? nullptr : &place->second;
}

Result<Fit> read_fit(std::string_view value) {
  if (value == "clip" || value == "max") return Fit::inside;
  if (value == "crop" || value == "min") return Fit::cover;
  if (value == "fill" || value == "fillmax") return Fit::contain;
  return refuse("fit", one_of({"clip", "max", "crop", "min", "fill", "fillmax"}), value);
}

/// top, bottom, left, right in any order, each axis once; or center.
Result<Gravity> read_crop(std::string_view value) {
  int x = 0;
  int y = 0;
  bool understood = true;
  for (std::string_view rest = value; understood && !rest.empty();) {
    const auto end = rest.find(',');
    const auto side = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const bool is_x = side == "left" || side == "right";
    const bool is_y = side == "top" || side == "bottom";
    if (is_x && x == 0) {
      x = side == "left" ? -1 : 1;
    } else if (is_y && y == 0) {
      y = side == "top" ? -1 : 1;
    } else {
      understood = side == "center" && side == value;
    }
  }
  if (!understood || value.empty() || value.ends_with(','))
    return refuse("crop", "top, bottom, left, right, a pair such as top,left, or center", value);
  using enum Gravity;
  constexpr std::array<std::array<Gravity, 3>, 3> by_row = {
      {{northwest, north, northeast}, {west, center, east}, {southwest, south, southeast}}};
  return by_row.at(static_cast<std::size_t>(y + 1)).at(static_cast<std::size_t>(x + 1));
}

/// imgix puts alpha first where it is there: argb, aarrggbb.
Result<Color> read_color(std::string_view name, std::string_view value) {
  std::string_view digits = value;
  if (digits.starts_with('#')) digits.remove_prefix(1);
  std::string reordered(digits);
  if (digits.size() == 4 || digits.size() == 8) {
    const auto alpha = digits.substr(0, digits.size() / 4);
    reordered = std::string(digits.substr(alpha.size())) + std::string(alpha);
  }
  if (const auto color = parse_color(value == "transparent" ? value : reordered)) return *color;
  return refuse(name, "a colour as rgb, argb, rrggbb or aarrggbb in hexadecimal, or transparent",
                value);
}

Result<std::optional<Color>> read_background(const Parameters& parameters) {
  if (const auto* fill = find(parameters, "fill"); fill && *fill != "solid")
    return refuse("fill", "solid", *fill);
  std::optional<Color> background;
  for (const auto* name : {"bg", "fill-color"}) {
    const auto* value = find(parameters, name);
    if (!value) continue;
    TRY(const Color color, read_color(name, *value));
    if (background && *background != color)
      return fail(ErrorCode::bad_recipe,
                  "bg and fill-color must be the same where both are given.");
    background = color;
  }
  return background;
}

/// `16:9`, `1.91:1`: the other dimension of a crop of which one is given.
Result<void> apply_aspect_ratio(Recipe& recipe, std::string_view value) {
  const auto colon = value.find(':');
  const auto side = [](std::string_view text) { return parse_decimal(text, 0.01, 10'000); };
  const auto across = side(value.substr(0, colon));
  const auto down = colon == std::string_view::npos ? std::nullopt : side(value.substr(colon + 1));
  if (!across || !down) return refuse("ar", "two numbers such as 16:9", value);
  if (recipe.fit != Fit::cover) return fail(ErrorCode::bad_recipe, "ar needs fit=crop.");
  if (recipe.width == 0 && recipe.height == 0)
    return fail(ErrorCode::bad_recipe, "ar needs w or h.");
  if (recipe.width != 0 && recipe.height != 0) return {};  // as imgix: both given win
  const double other =
      recipe.width != 0 ? recipe.width * *down / *across : recipe.height * *across / *down;
  if (other > dimension_max)
    return fail(ErrorCode::bad_recipe, "ar makes a side of more than 65535 pixels.");
  (recipe.width != 0 ? recipe.height : recipe.width) =
      std::max(1U, static_cast<std::uint32_t>(std::lround(other)));
  return {};
}

Result<void> read_size(Recipe& recipe, const Parameters& parameters) {
  if (const auto* w = find(parameters, "w")) {
    TRY(recipe.width, read_dimension("w", *w));
  }
  if (const auto* h = find(parameters, "h")) {
    TRY(recipe.height, read_dimension("h", *h));
  }
  if (const auto* fit = find(parameters, "fit")) {
    TRY(recipe.fit, read_fit(*fit));
  }
  if (const auto* crop = find(parameters, "crop")) {
    TRY(recipe.gravity, read_crop(*crop));
  }
  if (const auto* ar = find(parameters, "ar")) TRY_VOID(apply_aspect_ratio(recipe, *ar));
  if (const auto* enlarge = find(parameters, "enlarge")) {
    TRY(recipe.enlarge, read_flag("enlarge", *enlarge));
  }
  double ratio = 1;
  if (const auto* dpr = find(parameters, "dpr")) {
    TRY(ratio, read_pixel_ratio("dpr", *dpr));
  }
  return apply_pixel_ratio(recipe, ratio);
}

Result<bool> read_auto(std::string_view value) {
  bool negotiate = false;
  for (std::string_view rest = value; !rest.empty();) {
    const auto end = rest.find(',');
    const auto one = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (one == "format") negotiate = true;
    if (one != "format" && one != "compress")
      return refuse("auto", "format, compress or both", value);
  }
  return negotiate;
}

Result<std::optional<ImageFormat>> read_format(std::string_view value) {
  // pjpg is a way of encoding a JPEG, not another picture.
  if (value == "pjpg") return ImageFormat::jpeg;
  if (const auto format = parse_image_format(value)) return format;
  return refuse("fm", one_of({"jpg", "pjpg", "png", "webp", "avif", "gif", "jxl"}), value);
}

}  // namespace

Result<ImgixRequest> parse_imgix(std::string_view query) {
  TRY(const Parameters parameters, collect(query));
  ImgixRequest request;
  TRY_VOID(read_size(request.recipe, parameters));
  TRY(request.recipe.background, read_background(parameters));
  if (const auto* q = find(parameters, "q")) {
    TRY(request.recipe.quality, read_quality("q", *q));
  }
  if (const auto* fm = find(parameters, "fm")) {
    TRY(request.recipe.format, read_format(*fm));
  }
  if (const auto* automatic = find(parameters, "auto")) {
    TRY(request.negotiate, read_auto(*automatic));
  }
  if (request.negotiate) request.recipe.format = std::nullopt;
  request.recipe = canonical(request.recipe);
  return request;
}

}  // namespace calotype
