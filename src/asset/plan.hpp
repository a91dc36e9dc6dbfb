// SPDX-License-Identifier: Apache-2.0
// From a recipe and an asset's dimensions to exact pixels: what to scale to, what to cut, what to
// pad, and whether the proof is good enough to start from. Pure arithmetic, so that the same
// request has the same size whichever source it is made from, and so that admission knows a
// render's cost before anything is decoded.
#pragma once

#include <cstdint>
#include <optional>

#include "asset/media.hpp"
#include "asset/recipe.hpp"

namespace calotype {

/// How long an encoder looks for fewer bytes: while somebody waits, or for a variant that many
/// want.
enum class Effort : std::uint8_t { quick, high };

enum class RenderSource : std::uint8_t { proof, original };

/// The box that a picture is fitted to, and how.
struct FitBox {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  Fit fit = Fit::inside;
  Gravity gravity = Gravity::center;
  FocalPoint focus;  // for Gravity::focal, of what is fitted
  Gravity no_face = Gravity::attention;
  bool enlarge = false;
};

/// What is done to the pixels once they have their size.
struct Effects {
  bool mirror = false;
  std::uint16_t rotation = 0;  // hundredths of a degree
  Tone tone = Tone::color;
  std::int8_t brightness = 0, contrast = 0, saturation = 0;
  std::uint16_t blur = 0, sharpen = 0;
  std::uint16_t pixelate = 0;
  std::uint16_t corner_radius = 0;
  Border border{};
  std::uint8_t opacity_percent = 100;
  Padding padding;
  bool has_watermark = false;
  Gravity mark_gravity = Gravity::southeast;
  std::uint8_t mark_width_percent = 25, mark_opacity_percent = 100;
  std::uint16_t mark_margin_x = 0, mark_margin_y = 0;
  bool mark_is_tiled = false;
  bool operator==(const Effects&) const = default;
};

struct RenderPlan {
  RenderSource source = RenderSource::original;
  std::uint32_t page = 0;    // from 0: the only one, or the first of `frames`
  std::uint32_t frames = 1;  // more than one: an animation, its timing kept
  /// Where it is not all of the upright picture: this part of it is what is scaled. In pixels,
  /// unless plans_again.
  Region region;
  /// These borders go first.
  std::optional<Trim> trim;
  FitBox box;
  std::uint32_t scaled_width = 0;  // the whole picture (or region) is scaled to this
  std::uint32_t scaled_height = 0;
  std::uint32_t left = 0;  // then this rectangle of it is kept (cover); where the picture has to
                           // be looked at, the renderer chooses its place
  std::uint32_t top = 0;
  std::uint32_t kept_width = 0;
  std::uint32_t kept_height = 0;
  std::uint32_t output_width = 0;  // then it is set on a canvas of this size (contain), where
                                   // box.gravity says
  std::uint32_t output_height = 0;
  ImageFormat format = ImageFormat::webp;
  std::uint8_t quality = 0;  // never 0, but for PNG
  Effort effort = Effort::quick;
  /// What alpha there is, is flattened on `background`: asked for, or because the format has none.
  /// The background is opaque then. Otherwise it only pads, and may be transparent or translucent
  /// (by default it is transparent where the format has alpha, and white where it has none).
  bool flatten = false;
  Color background{255, 255, 255, 255};
  Effects effects;  // none: nothing of this costs anything
  Metadata metadata = Metadata::strip;
  ColorProfile profile = ColorProfile::srgb;
  bool lossless = false;
  std::uint32_t bytes_max = 0;  // 0: no matter
  /// The original's gain map goes along, into JPEG or AVIF: nothing but its shape is changed.
  bool keeps_gain_map = false;

  /// What is fitted to `box` is known to the renderer alone, because borders go first or because
  /// another page may have another size: it plans once more, with fit_to. The numbers above are
  /// then those of the first page with its borders.
  bool plans_again() const { return trim.has_value() || page != 0; }
};

struct PictureSize {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool operator==(const PictureSize&) const = default;
};

/// In pixels and within the picture; of no width where it is all of it. Nothing where it lies
/// outside.
std::optional<Region> region_within(const Region& region, PictureSize picture);
/// Of the upright canvas turned by that many hundredths of a degree: the smallest box around it.
PictureSize turned_size(PictureSize canvas, std::uint16_t rotation);
/// Of the finished picture: the canvas (output_width × output_height), turned, framed and padded.
PictureSize finished_size(const RenderPlan& plan);
/// How far from the left and the top something of the size `kept` stands in `whole`, at that
/// compass point.
PictureSize lean_offset(Gravity gravity, PictureSize whole, PictureSize kept);
/// Fills in how a picture of that size meets plan.box.
void fit_to(RenderPlan& plan, PictureSize picture);

/// Limits that the operator sets; 422 LIMIT_EXCEEDED names the one that was passed.
struct RenderLimits {
  std::uint64_t input_pixels_max = 200'000'000;  // width × height × pages of the original
  std::uint32_t output_side_max = 8'192;
  std::uint64_t output_pixels_max = 40'000'000;
  std::uint32_t frames_max = 1'000;                  // of an animation that stays one
  std::uint64_t animation_pixels_max = 100'000'000;  // width × height × frames of the result
};

/// A picture is never enlarged unless the recipe says so: `inside` and `outside` give it in its own
/// size then, `contain` sets it on the whole canvas, and `cover` cuts the largest rectangle of the
/// box's shape that it has. No dimension is ever 0.
///
/// An animation stays one where the format has frames and no page is asked for; otherwise only one
/// page is made, and counts.
///
/// The recipe has a format. limit_exceeded, or not_renderable where the asset is no picture;
/// bad_recipe where it has no such page or region.
/// The proof is the source where the scaled picture is at most half of the proof in both
/// directions; a rounding of one pixel is allowed.
Result<RenderPlan> plan_render(const Recipe& recipe, const MediaInfo& media,
                               const std::optional<Proof>& proof, const RenderLimits& limits);

/// The recipe as it is meant for this original: the first page of what has no frames needs no name.
Recipe settled_for(Recipe recipe, const MediaInfo& media);

/// An upper estimate of what one render holds in memory, from the header alone.
std::uint64_t estimated_bytes(const RenderPlan& plan, const MediaInfo& media);

}  // namespace calotype
