// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/frame.hpp"

#include <array>
#include <utility>

namespace calotype {
namespace {

constexpr std::array<std::array<Gravity, 3>, 3> by_row = {
    {{Gravity::northwest, Gravity::north, Gravity::northeast},
     {Gravity::west, Gravity::center, Gravity::east},
     {Gravity::southwest, Gravity::south, Gravity::southeast}}};

/// A rectangle in a picture of a size, both turned back by quarters (counter-clockwise).
struct Placed {
  Region region;
  PictureSize whole;
};
Placed turned_back(Placed placed, int quarter_turns) {
  for (int i = 0; i < quarter_turns; ++i) {
    const Region& from = placed.region;
    placed.region = {from.top, placed.whole.width - from.left - from.width, from.height, from.width,
                     from.is_relative};
    placed.whole = {placed.whole.height, placed.whole.width};
  }
  return placed;
}

Lean turned_back(Lean lean, int quarter_turns) {
  for (int i = 0; i < quarter_turns; ++i) lean = {lean.y, -lean.x};
  return lean;
}

FocalPoint turned_back(FocalPoint point, int quarter_turns) {
  for (int i = 0; i < quarter_turns; ++i)
    point = {point.y, static_cast<std::uint16_t>(FocalPoint::whole - point.x)};
  return point;
}

}  // namespace

Lean lean_of(Gravity gravity) {
  for (int row = 0; row < 3; ++row)
    for (int column = 0; column < 3; ++column)
      if (by_row.at(static_cast<std::size_t>(row)).at(static_cast<std::size_t>(column)) == gravity)
        return {column - 1, row - 1};
  return {};
}

Gravity gravity_of(Lean lean) {
  return by_row.at(static_cast<std::size_t>(lean.y + 1)).at(static_cast<std::size_t>(lean.x + 1));
}

void Frame::turn_back(Recipe& recipe, PictureSize whole) const {
  Region region = recipe.region;
  if (region.width != 0) {
    if (flips_x) region.left = whole.width - region.left - region.width;
    if (flips_y) region.top = whole.height - region.top - region.height;
    recipe.region = turned_back({region, whole}, quarter_turns).region;
  }
  for (Gravity* gravity : {&recipe.gravity, &recipe.no_face}) {
    if (!is_compass(*gravity)) continue;
    Lean lean = lean_of(*gravity);
    if (flips_x) lean.x = -lean.x;
    if (flips_y) lean.y = -lean.y;
    *gravity = gravity_of(turned_back(lean, quarter_turns));
  }
  if (recipe.gravity == Gravity::focal) {
    FocalPoint point = recipe.focus;
    if (flips_x) point.x = static_cast<std::uint16_t>(FocalPoint::whole - point.x);
    if (flips_y) point.y = static_cast<std::uint16_t>(FocalPoint::whole - point.y);
    recipe.focus = turned_back(point, quarter_turns);
  }
  if (lies_on_side()) std::swap(recipe.width, recipe.height);
  // Turned and then mirrored is mirrored and then turned the other way; mirrored both ways is
  // turned by half.
  const int turns = flips_x && flips_y ? quarter_turns + 2
                    : flips_x          ? 4 - quarter_turns
                    : flips_y          ? 6 - quarter_turns
                                       : quarter_turns;
  recipe.mirror = flips_x != flips_y;
  recipe.rotation = static_cast<std::uint16_t>(turns % 4 * 9'000);
}

}  // namespace calotype
