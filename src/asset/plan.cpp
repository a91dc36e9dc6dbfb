// SPDX-License-Identifier: Apache-2.0
// All of it in whole numbers: a/b against c/d is a·d against c·b, so that no size depends on how a
// compiler rounds.
#include "asset/plan.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

namespace calotype {
namespace {

using Pixels = std::uint64_t;

struct Size {
  Pixels width = 0;
  Pixels height = 0;
};

/// value · numerator / denominator to the nearest whole, at least 1.
Pixels scale(Pixels value, Pixels numerator, Pixels denominator) {
  return std::max<Pixels>(1, (2 * value * numerator + denominator) / (2 * denominator));
}

/// The picture at exactly that width, or that height.
Size at_width(Size picture, Pixels width) {
  return {width, scale(picture.height, width, picture.width)};
}
Size at_height(Size picture, Pixels height) {
  return {scale(picture.width, height, picture.height), height};
}

/// Whether the box is relatively wider than the picture.
bool is_wider(Size box, Size picture) {
  return box.width * picture.height > box.height * picture.width;
}

Size fit_within(Size picture, Size box) {
  return is_wider(box, picture) ? at_height(picture, box.height) : at_width(picture, box.width);
}
Size fit_around(Size picture, Size box) {
  Size size =
      is_wider(box, picture) ? at_width(picture, box.width) : at_height(picture, box.height);
  // Rounding must not leave a side short of the box.
  return {std::max(size.width, box.width), std::max(size.height, box.height)};
}

Size never_larger(Size size, Size picture) {
  return size.width > picture.width || size.height > picture.height ? picture : size;
}

/// The largest rectangle of the box's shape that the picture covers without being enlarged.
Size shrink_box(Size box, Size picture) {
  if (box.width <= picture.width && box.height <= picture.height) return box;
  return fit_within(box,
                    {std::min(box.width, picture.width), std::min(box.height, picture.height)});
}

struct Geometry {
  Size scaled;
  Size kept;
  Size output;
};

Geometry geometry_of(const FitBox& wanted, Size picture) {
  const auto whole = [](Size size) { return Geometry{size, size, size}; };
  if (wanted.width == 0 && wanted.height == 0) return whole(picture);
  Size box{wanted.width, wanted.height};
  if (wanted.width == 0 || wanted.height == 0) {
    const Size size =
        wanted.height == 0 ? at_width(picture, box.width) : at_height(picture, box.height);
    return whole(wanted.enlarge ? size : never_larger(size, picture));
  }
  if (wanted.fit == Fit::fill) {
    if (!wanted.enlarge)
      box = {std::min(box.width, picture.width), std::min(box.height, picture.height)};
    return whole(box);
  }
  if (wanted.fit == Fit::cover) {
    if (!wanted.enlarge) box = shrink_box(box, picture);
    return {fit_around(picture, box), box, box};
  }
  Size size = wanted.fit == Fit::outside ? fit_around(picture, box) : fit_within(picture, box);
  if (!wanted.enlarge) size = never_larger(size, picture);
  return {size, size, wanted.fit == Fit::contain ? box : size};
}

std::unexpected<Error> past_limit(std::string_view name, std::uint64_t limit, std::string what) {
  return fail(ErrorCode::limit_exceeded,
              std::move(what) + "; " + std::string(name) + " is " + std::to_string(limit) + ".");
}

std::string text_of(Size size) {
  return std::to_string(size.width) + " × " + std::to_string(size.height) + " pixels";
}

/// What is kept and set on the canvas, before it is narrowed to 32 bits. What is scaled only to be
/// cut can be longer; the area is checked with the rest.
Result<void> check_fits(const Geometry& geometry, const RenderLimits& limits) {
  const Size& out = geometry.output;
  if (std::max(out.width, out.height) > limits.output_side_max)
    return past_limit("render.output_side_max", limits.output_side_max,
                      "The variant would have " + text_of(out));
  if (std::max(geometry.scaled.width, geometry.scaled.height) > (Pixels{1} << 31))
    return past_limit("render.output_pixels_max", limits.output_pixels_max,
                      "The picture would be enlarged to " + text_of(geometry.scaled));
  return {};
}

/// Every product stays below 2^64: sides are checked before areas.
Result<void> check_output(const RenderPlan& plan, Size picture, const RenderLimits& limits) {
  const auto refuse_size = [&](Size size) {
    return past_limit(
        std::max(size.width, size.height) > limits.output_side_max ? "render.output_side_max"
                                                                   : "render.output_pixels_max",
        std::max(size.width, size.height) > limits.output_side_max ? limits.output_side_max
                                                                   : limits.output_pixels_max,
        "The variant would have " + text_of(size));
  };
  const auto is_over = [&](Size size) {
    return std::max(size.width, size.height) > limits.output_side_max ||
           size.width * size.height > limits.output_pixels_max;
  };
  const Size canvas{plan.output_width, plan.output_height};
  if (is_over(canvas)) return refuse_size(canvas);
  const PictureSize finished = finished_size(plan);
  const Size out{finished.width, finished.height};
  if (is_over(out)) return refuse_size(out);
  if (plan.frames > 1 && out.width * out.height * plan.frames > limits.animation_pixels_max)
    return past_limit("render.animation_pixels_max", limits.animation_pixels_max,
                      "The variant would have " + text_of(out) + " in " +
                          std::to_string(plan.frames) + " frames");
  // Cover and outside can scale to far more than they keep, when they enlarge a long strip.
  const Size scaled{plan.scaled_width, plan.scaled_height};
  const bool is_larger = scaled.width > picture.width || scaled.height > picture.height;
  if (is_larger && scaled.width * scaled.height > limits.output_pixels_max)
    return past_limit("render.output_pixels_max", limits.output_pixels_max,
                      "The picture would be enlarged to " + text_of(scaled));
  return {};
}

/// Where the kept rectangle begins, of what is over: −1 the start, 0 the middle, 1 the end.
struct Lean {
  int x = 0;
  int y = 0;
};
Lean lean_of(Gravity gravity) {
  switch (gravity) {
    case Gravity::center:
      return {0, 0};
    case Gravity::north:
      return {0, -1};
    case Gravity::northeast:
      return {1, -1};
    case Gravity::east:
      return {1, 0};
    case Gravity::southeast:
      return {1, 1};
    case Gravity::south:
      return {0, 1};
    case Gravity::southwest:
      return {-1, 1};
    case Gravity::west:
      return {-1, 0};
    case Gravity::northwest:
      return {-1, -1};
    case Gravity::attention:
    case Gravity::entropy:
    case Gravity::face:
    case Gravity::faces:
    case Gravity::focal:
      return {0, 0};
  }
  std::unreachable();
}
Pixels offset(Pixels over, int lean) {
  return lean < 0 ? 0 : lean > 0 ? over : over / 2;
}
/// So that the focus is in the middle, as far as the picture reaches.
Pixels offset_around(Pixels scaled, Pixels kept, std::uint16_t focus) {
  const Pixels middle = scaled * focus / FocalPoint::whole;
  return std::min(middle > kept / 2 ? middle - kept / 2 : 0, scaled - kept);
}

/// A point of the whole picture as one of the region.
FocalPoint point_within(const FocalPoint& point, const Region& region, Size picture) {
  if (region.width == 0) return point;
  const auto along = [](Pixels at, Pixels side, Pixels start, Pixels length) {
    const Pixels pixels = at * side / FocalPoint::whole;
    const Pixels inside = pixels > start ? std::min(pixels - start, length) : 0;
    return static_cast<std::uint16_t>(inside * FocalPoint::whole / length);
  };
  return {along(point.x, picture.width, region.left, region.width),
          along(point.y, picture.height, region.top, region.height)};
}

/// The proof shows the first page, whole, in sRGB and without its metadata.
bool proof_suffices(const std::optional<Proof>& proof, const RenderPlan& plan) {
  if (!proof || plan.page != 0 || plan.frames > 1 || plan.trim || plan.region.width != 0 ||
      plan.keeps_gain_map || plan.metadata != Metadata::strip || plan.profile != ColorProfile::srgb)
    return false;
  return 2 * Pixels{plan.scaled_width} <= Pixels{proof->width} + 1 &&
         2 * Pixels{plan.scaled_height} <= Pixels{proof->height} + 1;
}

Effects effects_of(const Recipe& recipe) {
  Effects effects{.mirror = recipe.mirror,
                  .rotation = recipe.rotation,
                  .tone = recipe.tone,
                  .brightness = recipe.brightness,
                  .contrast = recipe.contrast,
                  .saturation = recipe.saturation,
                  .blur = recipe.blur,
                  .sharpen = recipe.sharpen,
                  .pixelate = recipe.pixelate,
                  .corner_radius = recipe.corner_radius,
                  .border = recipe.border,
                  .opacity_percent = recipe.opacity_percent,
                  .padding = recipe.padding};
  if (const auto& mark = recipe.watermark) {
    effects.has_watermark = true;
    effects.mark_gravity = mark->gravity;
    effects.mark_width_percent = mark->width_percent;
    effects.mark_opacity_percent = mark->opacity_percent;
    effects.mark_margin_x = mark->margin_x;
    effects.mark_margin_y = mark->margin_y;
    effects.mark_is_tiled = mark->is_tiled;
  }
  return effects;
}

/// Which page, how many frames; they count towards the limit as they are decoded.
Result<void> choose_pages(RenderPlan& plan, const Recipe& recipe, const MediaInfo& media,
                          const RenderLimits& limits) {
  const std::uint32_t pages = std::max(1U, media.pages);
  if (recipe.page > pages)
    return fail(ErrorCode::bad_recipe,
                "page must be " + (pages == 1 ? "1" : "from 1 to " + std::to_string(pages)) +
                    " here, not " + std::to_string(recipe.page) + ".");
  plan.page = recipe.page == 0 ? 0 : recipe.page - 1;
  if (is_animated(media) && recipe.page == 0 && has_frames(plan.format)) plan.frames = pages;
  if (plan.frames > limits.frames_max)
    return past_limit("render.frames_max", limits.frames_max,
                      "The animation has " + std::to_string(plan.frames) + " frames");
  const Size picture{media.width, media.height};
  if (picture.width * picture.height > limits.input_pixels_max / plan.frames)
    return past_limit(
        "render.input_pixels_max", limits.input_pixels_max,
        "The original has " + text_of(picture) +
            (plan.frames > 1 ? " in " + std::to_string(plan.frames) + " frames" : ""));
  return {};
}

/// A gain map says how much brighter each place can be shown: it can be cut and turned as the
/// picture is, but means nothing where other pixels come in or tones change. It is the first
/// page's.
bool can_keep_gain_map(const RenderPlan& plan, const MediaInfo& media) {
  Effects shape;
  shape.mirror = plan.effects.mirror;
  shape.rotation = plan.effects.rotation;
  const bool has_place = plan.format == ImageFormat::jpeg || plan.format == ImageFormat::avif;
  return has_place && plan.page == 0 && plan.frames == 1 && plan.bytes_max == 0 &&
         plan.effects == shape && shape.rotation % 9'000 == 0 &&
         plan.output_width == plan.kept_width && plan.output_height == plan.kept_height &&
         !(media.has_alpha && plan.flatten);
}

void set_colors(RenderPlan& plan, const Recipe& recipe) {
  const bool keeps_alpha = has_alpha_channel(plan.format);
  plan.flatten = !keeps_alpha || (recipe.background && recipe.background->alpha == 255);
  const Color otherwise = keeps_alpha ? Color{0, 0, 0, 0} : Color{255, 255, 255, 255};
  plan.background = recipe.background.value_or(otherwise);
}

}  // namespace

std::optional<Region> region_within(const Region& region, PictureSize picture) {
  if (region.width == 0) return Region{};
  const auto scaled = [&](std::uint32_t part, Pixels side) {
    return region.is_relative
               ? (2 * Pixels{part} * side + FocalPoint::whole) / (Pixels{2} * FocalPoint::whole)
               : Pixels{part};
  };
  const Pixels left = scaled(region.left, picture.width);
  const Pixels top = scaled(region.top, picture.height);
  if (left >= picture.width || top >= picture.height) return std::nullopt;
  const Pixels width =
      std::min(std::max<Pixels>(1, scaled(region.width, picture.width)), picture.width - left);
  const Pixels height =
      std::min(std::max<Pixels>(1, scaled(region.height, picture.height)), picture.height - top);
  if (width == picture.width && height == picture.height) return Region{};
  const auto narrow = [](Pixels pixels) { return static_cast<std::uint32_t>(pixels); };
  return Region{narrow(left), narrow(top), narrow(width), narrow(height), false};
}

PictureSize turned_size(PictureSize canvas, std::uint16_t rotation) {
  if (rotation % 18'000 == 0) return canvas;
  if (rotation % 9'000 == 0) return {canvas.height, canvas.width};
  const double angle = rotation / 18'000.0 * std::numbers::pi;
  const double across = std::abs(std::cos(angle));
  const double down = std::abs(std::sin(angle));
  // A hair less, so that no compiler's rounding adds a pixel.
  const auto side = [](double length) {
    return static_cast<std::uint32_t>(std::max(1.0, std::ceil(length - 1e-6)));
  };
  return {side(canvas.width * across + canvas.height * down),
          side(canvas.width * down + canvas.height * across)};
}

PictureSize finished_size(const RenderPlan& plan) {
  const PictureSize turned =
      turned_size({plan.output_width, plan.output_height}, plan.effects.rotation);
  const Padding& padding = plan.effects.padding;
  const Border& border = plan.effects.border;
  const std::uint32_t frame = border.is_inside ? 0 : 2U * border.width;
  return {turned.width + frame + padding.left + padding.right,
          turned.height + frame + padding.top + padding.bottom};
}

PictureSize lean_offset(Gravity gravity, PictureSize whole, PictureSize kept) {
  const Lean lean = lean_of(gravity);
  return {static_cast<std::uint32_t>(offset(whole.width - kept.width, lean.x)),
          static_cast<std::uint32_t>(offset(whole.height - kept.height, lean.y))};
}

void fit_to(RenderPlan& plan, PictureSize picture) {
  const Geometry geometry = geometry_of(plan.box, {picture.width, picture.height});
  const auto narrow = [](Pixels pixels) { return static_cast<std::uint32_t>(pixels); };
  const Size& scaled = geometry.scaled;
  const Size& kept = geometry.kept;
  plan.scaled_width = narrow(scaled.width);
  plan.scaled_height = narrow(scaled.height);
  plan.kept_width = narrow(kept.width);
  plan.kept_height = narrow(kept.height);
  plan.output_width = narrow(geometry.output.width);
  plan.output_height = narrow(geometry.output.height);
  if (plan.box.gravity == Gravity::focal) {
    plan.left = narrow(offset_around(scaled.width, kept.width, plan.box.focus.x));
    plan.top = narrow(offset_around(scaled.height, kept.height, plan.box.focus.y));
    return;
  }
  // Until a face is found.
  const Gravity gravity = finds_faces(plan.box.gravity) ? plan.box.no_face : plan.box.gravity;
  const PictureSize start = lean_offset(gravity, {plan.scaled_width, plan.scaled_height},
                                        {plan.kept_width, plan.kept_height});
  plan.left = start.width;
  plan.top = start.height;
}

Result<RenderPlan> plan_render(const Recipe& given, const MediaInfo& media,
                               const std::optional<Proof>& proof, const RenderLimits& limits) {
  require(given.format.has_value(), "a recipe must have a format before it is planned");
  if (!media.renderable || media.width == 0 || media.height == 0)
    return fail(ErrorCode::not_renderable, "No picture can be made of " + media.media_type + ".");
  const Size picture{media.width, media.height};
  const Recipe recipe = canonical(given);
  RenderPlan plan;
  plan.format = *recipe.format;
  TRY_VOID(choose_pages(plan, recipe, media, limits));
  const auto region = region_within(recipe.region, {media.width, media.height});
  if (!region)
    return fail(ErrorCode::bad_recipe,
                "crop lies outside of the picture, which has " + text_of(picture) + ".");
  plan.region = *region;
  plan.trim = recipe.trim;
  plan.box = {.width = recipe.width,
              .height = recipe.height,
              .fit = recipe.fit,
              .gravity = recipe.gravity,
              .focus = point_within(recipe.focus, plan.region, picture),
              .no_face = recipe.no_face,
              .enlarge = recipe.enlarge || (is_vector(media) && recipe.width + recipe.height != 0)};
  plan.effects = effects_of(recipe);
  const Size fitted =
      plan.region.width != 0 ? Size{plan.region.width, plan.region.height} : picture;
  const Geometry geometry = geometry_of(plan.box, fitted);
  TRY_VOID(check_fits(geometry, limits));
  fit_to(plan,
         {static_cast<std::uint32_t>(fitted.width), static_cast<std::uint32_t>(fitted.height)});
  TRY_VOID(check_output(plan, fitted, limits));
  plan.quality = recipe.quality != 0 ? recipe.quality : default_quality(plan.format);
  plan.metadata = recipe.metadata;
  plan.profile = recipe.profile;
  plan.lossless = recipe.lossless;
  plan.bytes_max = recipe.bytes_max;
  set_colors(plan, recipe);
  plan.keeps_gain_map = media.has_gain_map && can_keep_gain_map(plan, media);
  if (plan.plans_again()) plan.region = recipe.region;
  if (proof_suffices(proof, plan)) plan.source = RenderSource::proof;
  return plan;
}

Recipe settled_for(Recipe recipe, const MediaInfo& media) {
  const bool stays_animated = is_animated(media) && (!recipe.format || has_frames(*recipe.format));
  if (recipe.page == 1 && !stays_animated) recipe.page = 0;
  return recipe;
}

std::uint64_t estimated_bytes(const RenderPlan& plan, const MediaInfo& media) {
  // Decoded whole in the worst case (AVIF, WebP, a progressive JPEG's 16-bit coefficients), twice
  // over where samples are 8 bits wide, for what decoders keep beside it.
  const std::uint64_t channels = media.channels == 0 ? 4 : media.channels;
  const std::uint64_t sample_bytes = media.bits_per_channel > 8 ? 4 : 2;
  const std::uint64_t original =
      std::uint64_t{media.width} * media.height * channels * sample_bytes;
  const std::uint64_t proof = std::uint64_t{proof_width_max} * proof_height_max * 3 * 2;
  const std::uint64_t source = plan.source == RenderSource::proof ? proof : original;
  const std::uint64_t scaled = std::uint64_t{plan.scaled_width} * plan.scaled_height * 4 * 2;
  const std::uint64_t encoder = plan.format == ImageFormat::avif ? 48 : 16;  // bytes a pixel
  const PictureSize finished = finished_size(plan);
  const std::uint64_t pixels = std::uint64_t{finished.width} * finished.height;
  const std::uint64_t output = pixels * encoder;
  const std::uint64_t frames = plan.frames > 1 ? pixels * plan.frames * 6 : 0;
  const std::uint64_t effects = plan.effects == Effects{} ? 0 : pixels * 16;
  // Decoded whole, and seldom larger than the picture.
  const std::uint64_t gain_map =
      plan.keeps_gain_map ? std::uint64_t{media.width} * media.height * 4 : 0;
  constexpr std::uint64_t fixed = 8 << 20;
  return fixed + source + scaled + output + frames + effects + gain_map;
}

}  // namespace calotype
