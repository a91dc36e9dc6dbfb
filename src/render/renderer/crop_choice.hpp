// SPDX-License-Identifier: Apache-2.0
// Where to cut, judged by the picture itself.
#pragma once

#include "asset/plan.hpp"
#include "render/renderer/picture.hpp"

namespace calotype {

struct Place {
  std::uint32_t left = 0, top = 0;
};

/// Where a window of that size shows most of what matters, by Gravity::attention or entropy. The
/// same picture gives the same place on every machine.
Place choose_place(const Bitmap& picture, Size window, Gravity gravity);

/// What is left when borders are taken off whose pixels all are within the tolerance of the colour,
/// in every channel. Nothing where nothing would be left.
std::optional<Region> inside_borders(const Bitmap& picture, const Trim& trim);

}  // namespace calotype
