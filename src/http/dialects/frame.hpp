// SPDX-License-Identifier: Apache-2.0
// Dialects in which a picture is turned before it is cut and sized, said in a recipe, which turns
// at the end. What is wanted of the turned picture is worked out in its frame, and turned back.
#pragma once

#include "asset/plan.hpp"
#include "asset/recipe.hpp"

namespace calotype {

/// Where something leans to: −1 the left or the top, 0 the middle, 1 the right or the bottom.
struct Lean {
  int x = 0, y = 0;
};
/// Of a compass point; the middle otherwise.
Lean lean_of(Gravity gravity);
Gravity gravity_of(Lean lean);

/// The upright picture turned clockwise, then mirrored.
struct Frame {
  int quarter_turns = 0;  // 0 to 3
  bool flips_x = false;   // left and right
  bool flips_y = false;   // top and bottom

  bool lies_on_side() const { return quarter_turns % 2 != 0; }
  /// The size of the upright picture in this frame, or the other way round.
  PictureSize of(PictureSize size) const {
    return lies_on_side() ? PictureSize{size.height, size.width} : size;
  }
  /// Region, size, gravity and focus of the recipe, which are of this frame (in which the picture
  /// has the size `whole`), become those of the upright picture, and the recipe turns it.
  void turn_back(Recipe& recipe, PictureSize whole) const;
};

}  // namespace calotype
