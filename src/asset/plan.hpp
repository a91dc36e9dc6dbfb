// SPDX-License-Identifier: Apache-2.0
// From a recipe and an asset's dimensions to exact pixels: what to scale to, what to cut, what to
// pad, and whether the proof is good enough to start from. Pure arithmetic, so that the same
// request has the same size whichever source it is made from, and so that admission knows a
// render's cost before anything is decoded.
#pragma once

#include <cstdint>

#include "asset/media.hpp"
#include "asset/recipe.hpp"

namespace calotype {

enum class RenderSource : std::uint8_t { proof, original };

struct RenderPlan {
  RenderSource source = RenderSource::original;
  std::uint32_t scaled_width = 0;  // the whole picture is scaled to this
  std::uint32_t scaled_height = 0;
  std::uint32_t left = 0;  // then this rectangle of it is kept (cover)
  std::uint32_t top = 0;
  std::uint32_t kept_width = 0;
  std::uint32_t kept_height = 0;
  std::uint32_t output_width = 0;  // then it is set, centred, on a canvas of this size (contain)
  std::uint32_t output_height = 0;
  ImageFormat format = ImageFormat::webp;
  std::uint8_t quality = 0;  // never 0, but for PNG
  /// What alpha there is, is flattened on `background`: asked for, or because the format has none.
  /// The background is opaque then. Otherwise it only pads, and may be transparent or translucent
  /// (by default it is transparent where the format has alpha, and white where it has none).
  bool flatten = false;
  Color background{255, 255, 255, 255};
};

/// Limits that the operator sets; 422 LIMIT_EXCEEDED names the one that was passed.
struct RenderLimits {
  std::uint64_t input_pixels_max = 200'000'000;  // width × height × pages of the original
  std::uint32_t output_side_max = 8'192;
  std::uint64_t output_pixels_max = 40'000'000;
};

/// A picture is never enlarged unless the recipe says so: `inside` and `outside` give it in its own
/// size then, `contain` sets it on the whole canvas, and `cover` cuts the largest rectangle of the
/// box's shape that it has. No dimension is ever 0.
///
/// The recipe has a format. limit_exceeded, or not_renderable where the asset is no picture.
/// The proof is the source where the scaled picture is at most half of the proof in both
/// directions; a rounding of one pixel is allowed.
Result<RenderPlan> plan_render(const Recipe& recipe, const MediaInfo& media,
                               const std::optional<Proof>& proof, const RenderLimits& limits);

/// An upper estimate of what one render holds in memory, from the header alone.
std::uint64_t estimated_bytes(const RenderPlan& plan, const MediaInfo& media);

}  // namespace calotype
