// SPDX-License-Identifier: Apache-2.0
// All of it in whole numbers: a/b against c/d is a·d against c·b, so that no size depends on how a
// compiler rounds.
#include "asset/plan.hpp"

#include <algorithm>
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

Geometry geometry_of(const Recipe& recipe, Size picture) {
  const auto whole = [](Size size) { return Geometry{size, size, size}; };
  if (recipe.width == 0 && recipe.height == 0) return whole(picture);
  Size box{recipe.width, recipe.height};
  if (recipe.width == 0 || recipe.height == 0) {
    const Size size =
        recipe.height == 0 ? at_width(picture, box.width) : at_height(picture, box.height);
    return whole(recipe.enlarge ? size : never_larger(size, picture));
  }
  if (recipe.fit == Fit::cover) {
    if (!recipe.enlarge) box = shrink_box(box, picture);
    return {fit_around(picture, box), box, box};
  }
  Size size = recipe.fit == Fit::outside ? fit_around(picture, box) : fit_within(picture, box);
  if (!recipe.enlarge) size = never_larger(size, picture);
  return {size, size, recipe.fit == Fit::contain ? box : size};
}

std::unexpected<Error> past_limit(std::string_view name, std::uint64_t limit, std::string what) {
  return fail(ErrorCode::limit_exceeded,
              std::move(what) + "; " + std::string(name) + " is " + std::to_string(limit) + ".");
}

std::string text_of(Size size) {
  return std::to_string(size.width) + " × " + std::to_string(size.height) + " pixels";
}

/// Every product stays below 2^64: sides are checked before areas.
Result<void> check_output(const Geometry& geometry, Size picture, const RenderLimits& limits) {
  const Size& out = geometry.output;
  if (std::max(out.width, out.height) > limits.output_side_max)
    return past_limit("render.output_side_max", limits.output_side_max,
                      "The variant would have " + text_of(out));
  if (out.width * out.height > limits.output_pixels_max)
    return past_limit("render.output_pixels_max", limits.output_pixels_max,
                      "The variant would have " + text_of(out));
  // Cover and outside can scale to far more than they keep, when they enlarge a long strip.
  const Size& scaled = geometry.scaled;
  const bool is_larger = scaled.width > picture.width || scaled.height > picture.height;
  const bool is_huge = std::max(scaled.width, scaled.height) > (Pixels{1} << 31) ||
                       scaled.width * scaled.height > limits.output_pixels_max;
  if (is_larger && is_huge)
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
  }
  std::unreachable();
}
std::uint32_t offset(Pixels over, int lean) {
  return static_cast<std::uint32_t>(lean < 0 ? 0 : lean > 0 ? over : over / 2);
}

bool proof_suffices(const std::optional<Proof>& proof, Size scaled) {
  return proof && 2 * scaled.width <= Pixels{proof->width} + 1 &&
         2 * scaled.height <= Pixels{proof->height} + 1;
}

void set_colors(RenderPlan& plan, const Recipe& recipe) {
  const bool keeps_alpha = has_alpha_channel(plan.format);
  plan.flatten = !keeps_alpha || (recipe.background && recipe.background->alpha == 255);
  const Color otherwise = keeps_alpha ? Color{0, 0, 0, 0} : Color{255, 255, 255, 255};
  plan.background = recipe.background.value_or(otherwise);
}

}  // namespace

Result<RenderPlan> plan_render(const Recipe& given, const MediaInfo& media,
                               const std::optional<Proof>& proof, const RenderLimits& limits) {
  require(given.format.has_value(), "a recipe must have a format before it is planned");
  if (!media.renderable || media.width == 0 || media.height == 0)
    return fail(ErrorCode::not_renderable, "No picture can be made of " + media.media_type + ".");
  const Size picture{media.width, media.height};
  const std::uint64_t pages = std::max(1U, media.pages);
  if (picture.width * picture.height > limits.input_pixels_max / pages)
    return past_limit("render.input_pixels_max", limits.input_pixels_max,
                      "The original has " + text_of(picture) +
                          (pages > 1 ? " on " + std::to_string(pages) + " pages" : ""));

  const Recipe recipe = canonical(given);
  const Geometry geometry = geometry_of(recipe, picture);
  TRY_VOID(check_output(geometry, picture, limits));

  const auto narrow = [](Pixels pixels) { return static_cast<std::uint32_t>(pixels); };
  const Lean lean = lean_of(recipe.gravity);
  RenderPlan plan;
  plan.source =
      proof_suffices(proof, geometry.scaled) ? RenderSource::proof : RenderSource::original;
  plan.scaled_width = narrow(geometry.scaled.width);
  plan.scaled_height = narrow(geometry.scaled.height);
  plan.left = offset(geometry.scaled.width - geometry.kept.width, lean.x);
  plan.top = offset(geometry.scaled.height - geometry.kept.height, lean.y);
  plan.kept_width = narrow(geometry.kept.width);
  plan.kept_height = narrow(geometry.kept.height);
  plan.output_width = narrow(geometry.output.width);
  plan.output_height = narrow(geometry.output.height);
  plan.format = *recipe.format;
  plan.quality = recipe.quality != 0 ? recipe.quality : default_quality(plan.format);
  set_colors(plan, recipe);
  return plan;
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
  const std::uint64_t output = std::uint64_t{plan.output_width} * plan.output_height * encoder;
  constexpr std::uint64_t fixed = 8 << 20;
  return fixed + source + scaled + output;
}

}  // namespace calotype
