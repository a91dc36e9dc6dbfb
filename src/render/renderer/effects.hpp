// SPDX-License-Identifier: Apache-2.0
// What a recipe does to the pixels once they have their size, each step a pure function of a
// picture. Colours are weighed by their alpha wherever pixels are mixed, so that what is invisible
// never bleeds into what is seen.
#pragma once

#include <algorithm>
#include <cstdint>

#include "asset/plan.hpp"
#include "render/renderer/picture.hpp"

namespace calotype {

/// To the nearest that a byte holds.
inline std::uint8_t to_byte(double value) {
  return static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0));
}

/// All of `effects` but the watermark, in the order that a recipe promises. What a rotation,
/// rounded corners or padding lay bare shows `background`.
Bitmap with_effects(Bitmap picture, const Effects& effects, const Color& background);

/// Lays `mark` over the picture; it is resized to its share of the picture's width before.
void lay_over(Bitmap& picture, const Bitmap& mark, const Effects& effects);
/// The size that the watermark of this size is wanted in, at most the picture's.
Size mark_size(Size picture, Size mark, const Effects& effects);

// The steps, for with_effects and its tests.

/// Clockwise, in hundredths of a degree; the canvas grows as turned_size says.
Bitmap rotated(Bitmap picture, std::uint16_t rotation, const Color& background);
void change_tones(Bitmap& picture, const Effects& effects);
/// An unsharp mask of amount 1.
void sharpen(Bitmap& picture, double sigma);
void round_corners(Bitmap& picture, std::uint16_t radius);
/// Squares of that side from the upper left corner, each of its mean colour.
void pixelate(Bitmap& picture, std::uint16_t side);
/// Along the edge of the picture, whose corners it rounds by that radius.
Bitmap framed(Bitmap picture, const Border& border, std::uint16_t corner_radius);
void fade(Bitmap& picture, std::uint8_t opacity_percent);
Bitmap padded(const Bitmap& picture, const Padding& padding, const Color& background);

}  // namespace calotype
