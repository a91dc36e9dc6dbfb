// SPDX-License-Identifier: Apache-2.0
// Parameters are collected first and given their meaning after, because some mean something only
// beside others (crop beside fit, ar beside one dimension). Here stand sizes, crops and encodings;
// the rest is in imgix_decorations.cpp and imgix_adjustments.cpp.
#include "http/dialects/imgix.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "asset/parameter.hpp"
#include "http/dialects/exact_size.hpp"
#include "http/dialects/frame.hpp"
#include "http/dialects/imgix_parameters.hpp"

namespace calotype {
namespace {

using Original = std::optional<PictureSize>;

struct Reading {
  const ImgixParameters& parameters;
  const Original& original;
  ImgixRequest request{};
};

Result<Fit> read_fit(std::string_view value) {
  if (value == "clip" || value == "max") return Fit::inside;
  if (value == "crop" || value == "min") return Fit::cover;
  if (value == "fill" || value == "fillmax") return Fit::contain;
  if (value == "scale") return Fit::fill;
  return refuse("fit", one_of({"clip", "max", "crop", "min", "fill", "fillmax", "scale"}), value);
}

/// Pixels, or a share of the original's side below 1.
Result<std::uint32_t> read_side(Reading& reading, std::string_view name, std::string_view value) {
  const auto share = value.contains('.') ? parse_decimal(value, 0, 1) : std::nullopt;
  if (!share || *share <= 0) {
    if (const auto pixels = parse_whole(value, 1, dimension_max)) return *pixels;
    return refuse(name, "a whole number from 1 to 65535, or a share from 0.0 to 1.0", value);
  }
  if (!reading.original) {
    reading.request.needs_original = true;
    return 1U;
  }
  const std::uint32_t whole = name == "w" ? reading.original->width : reading.original->height;
  return std::max(1U, static_cast<std::uint32_t>(std::lround(*share * whole)));
}

/// A focal point, in hundredths of percent.
Result<void> read_focus(Recipe& recipe, const ImgixParameters& parameters) {
  const auto read = [&](std::uint16_t& to, std::string_view name) -> Result<void> {
    const auto* value = parameters.find(name);
    if (value == nullptr) return {};
    const auto share = parse_decimal(*value, 0, 1);
    if (!share) return refuse(name, "a number from 0 to 1", *value);
    to = static_cast<std::uint16_t>(std::lround(*share * FocalPoint::whole));
    return {};
  };
  TRY_VOID(read(recipe.focus.x, "fp-x"));
  return read(recipe.focus.y, "fp-y");
}

/// top, bottom, left, right in any order, each axis once; or one word that says it all.
std::optional<Gravity> read_alignment(std::string_view value) {
  if (value == "center") return Gravity::center;
  if (value == "edges") return Gravity::attention;
  if (value == "entropy") return Gravity::entropy;
  Lean lean;
  bool understood = true;
  for (const auto side : parts_of(value)) {
    const bool is_x = side == "left" || side == "right";
    const bool is_y = side == "top" || side == "bottom";
    if (is_x && lean.x == 0)
      lean.x = side == "left" ? -1 : 1;
    else if (is_y && lean.y == 0)
      lean.y = side == "top" ? -1 : 1;
    else
      understood = false;
  }
  return understood ? std::optional(gravity_of(lean)) : std::nullopt;
}

/// `faces` stands first; what follows it is for pictures without a face, the middle by itself.
Result<void> read_crop(Recipe& recipe, std::string_view value) {
  constexpr std::string_view faces = "faces,";
  const bool has_faces = value == "faces" || value.starts_with(faces);
  const std::string_view rest =
      value == "faces" ? "center" : value.substr(has_faces * faces.size());
  const auto alignment = value == "focalpoint" ? Gravity::focal : read_alignment(rest);
  if (!alignment)
    return refuse("crop",
                  "top, bottom, left, right, a pair such as top,left, center, edges, entropy, "
                  "focalpoint, faces, or faces with one of the others but focalpoint after a comma",
                  value);
  recipe.gravity = has_faces ? Gravity::faces : *alignment;
  if (has_faces) recipe.no_face = *alignment;
  return {};
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

/// One number of rect: pixels, a share with a point, or a word.
std::optional<double> rect_side(std::string_view text, double whole, double length,
                                std::string_view middle, std::string_view end) {
  if (text == "full") return whole;
  if (text == middle) return (whole - length) / 2;
  if (text == end) return whole - length;
  if (text == "left" || text == "top") return 0;
  const bool is_share = text.contains('.');
  const auto number = parse_decimal(text, 0, is_share ? 1 : 10'000'000);
  return number && is_share ? std::optional(*number * whole) : number;
}

/// x,y,w,h of the original.
Result<void> read_rect(Reading& reading) {
  const auto* value = reading.parameters.find("rect");
  if (value == nullptr) return {};
  const auto parts = parts_of(*value);
  const auto refused = [&] {
    return refuse("rect",
                  "x,y,w,h in pixels or shares, also left, center, right, top, middle, "
                  "bottom and full",
                  *value);
  };
  if (parts.size() != 4) return refused();
  const bool is_pixels = std::ranges::all_of(
      parts, [](std::string_view part) { return parse_whole(part, 0, 10'000'000).has_value(); });
  const PictureSize whole = reading.original.value_or(PictureSize{1'000'000, 1'000'000});
  if (!is_pixels && !reading.original) reading.request.needs_original = true;
  const auto width = rect_side(parts[2], whole.width, 0, "-", "-");
  const auto height = rect_side(parts[3], whole.height, 0, "-", "-");
  if (!width || !height || *width < 1 || *height < 1) return refused();
  const auto left = rect_side(parts[0], whole.width, *width, "center", "right");
  const auto top = rect_side(parts[1], whole.height, *height, "middle", "bottom");
  if (!left || !top) return refused();
  const auto pixels = [](double number) {
    return static_cast<std::uint32_t>(std::lround(std::max(0.0, number)));
  };
  const Region region{pixels(*left), pixels(*top), pixels(*width), pixels(*height)};
  if (!reading.original) {
    reading.request.recipe.region = region;
    return {};
  }
  const auto inside = region_within(region, whole);
  if (!inside) return fail(ErrorCode::bad_recipe, "rect lies outside of the picture.");
  reading.request.recipe.region = *inside;
  return {};
}

Result<void> read_size(Reading& reading) {
  const ImgixParameters& parameters = reading.parameters;
  Recipe& recipe = reading.request.recipe;
  TRY_VOID(read_rect(reading));
  if (const auto* w = parameters.find("w")) {
    TRY(recipe.width, read_side(reading, "w", *w));
  }
  if (const auto* h = parameters.find("h")) {
    TRY(recipe.height, read_side(reading, "h", *h));
  }
  if (const auto* fit = parameters.find("fit")) {
    TRY(recipe.fit, read_fit(*fit));
  }
  if (const auto* crop = parameters.find("crop")) {
    TRY_VOID(read_crop(recipe, *crop));
  }
  if (recipe.gravity == Gravity::focal) {
    TRY_VOID(read_focus(recipe, parameters));
  } else if (parameters.find("fp-x") != nullptr || parameters.find("fp-y") != nullptr) {
    return fail(ErrorCode::bad_recipe, "fp-x and fp-y need crop=focalpoint.");
  }
  if (reading.request.needs_original) return {};
  if (recipe.fit != Fit::cover) recipe.gravity = Gravity::center;
  if (const auto* ar = parameters.find("ar")) TRY_VOID(apply_aspect_ratio(recipe, *ar));
  if (const auto* enlarge = parameters.find("enlarge")) {
    TRY(recipe.enlarge, read_flag("enlarge", *enlarge));
  }
  return {};
}

Result<std::optional<Color>> read_background(const ImgixParameters& parameters) {
  if (const auto* fill = parameters.find("fill"); fill && *fill != "solid")
    return refuse("fill", "solid", *fill);
  std::optional<Color> background;
  for (const auto* name : {"bg", "fill-color"}) {
    const auto* value = parameters.find(name);
    if (!value) continue;
    TRY(const Color color, read_imgix_color(name, *value));
    if (background && *background != color)
      return fail(ErrorCode::bad_recipe,
                  "bg and fill-color must be the same where both are given.");
    background = color;
  }
  return background;
}

Result<bool> read_auto(std::string_view value) {
  bool negotiate = false;
  for (const auto one : parts_of(value)) {
    if (one == "format") negotiate = true;
    if (one != "format" && one != "compress")
      return refuse("auto", "format, compress or both", value);
  }
  return negotiate;
}

Result<std::optional<ImageFormat>> read_format(std::string_view value) {
  // Ways of encoding, not other pictures.
  if (value == "pjpg") return ImageFormat::jpeg;
  if (value == "png32") return ImageFormat::png;
  if (const auto format = parse_image_format(value)) return format;
  return refuse("fm", one_of({"jpg", "pjpg", "png", "png32", "webp", "avif", "gif", "jxl"}), value);
}

Result<void> read_encoding(ImgixRequest& request, const ImgixParameters& parameters) {
  Recipe& recipe = request.recipe;
  if (const auto* q = parameters.find("q")) {
    TRY(recipe.quality, read_quality("q", *q));
  }
  if (const auto* fm = parameters.find("fm")) {
    TRY(recipe.format, read_format(*fm));
  }
  if (const auto* lossless = parameters.find("lossless")) {
    TRY(recipe.lossless, read_flag("lossless", *lossless));
  }
  if (const auto* automatic = parameters.find("auto")) {
    TRY(request.negotiate, read_auto(*automatic));
  }
  if (request.negotiate) recipe.format = std::nullopt;
  if (recipe.lossless && recipe.format == ImageFormat::jpeg)
    return fail(ErrorCode::bad_recipe, "lossless needs webp, avif, jxl or png; JPEG cannot be.");
  return {};
}

Result<void> read_delivery(ImgixRequest& request, const ImgixParameters& parameters) {
  if (const auto* name = parameters.find("dl")) request.download_as = *name;
  const auto* expires = parameters.find("expires");
  if (expires == nullptr) return {};
  std::int64_t moment = 0;
  const auto [end, error] =
      std::from_chars(expires->data(), expires->data() + expires->size(), moment);
  if (error != std::errc{} || end != expires->data() + expires->size() || moment < 0)
    return refuse("expires", "seconds since 1970", *expires);
  request.expires = moment;
  return {};
}

}  // namespace

Result<ImgixRequest> parse_imgix(std::string_view query,
                                 const std::optional<PictureSize>& original) {
  TRY(const ImgixParameters parameters, ImgixParameters::collect(query));
  Reading reading{.parameters = parameters, .original = original};
  ImgixRequest& request = reading.request;
  TRY_VOID(read_size(reading));
  if (request.needs_original) return std::move(request);
  TRY(request.recipe.background, read_background(parameters));
  TRY_VOID(read_imgix_decorations(request.recipe, parameters));
  TRY_VOID(read_imgix_adjustments(request.recipe, parameters));
  if (const auto* dpr = parameters.find("dpr")) {
    TRY(const double ratio, read_pixel_ratio("dpr", *dpr));
    TRY_VOID(apply_pixel_ratio(request.recipe, ratio));
  }
  TRY_VOID(read_encoding(request, parameters));
  TRY_VOID(read_delivery(request, parameters));
  request.recipe = canonical(std::move(request.recipe));
  return std::move(request);
}

}  // namespace calotype
