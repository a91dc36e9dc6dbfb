// SPDX-License-Identifier: Apache-2.0
// What a detector of YuNet's kind says, read: for each cell of three grids over the picture how
// likely a face's middle lies in it, and which box it has.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "render/renderer/picture.hpp"

namespace calotype {

/// In pixels of the picture that was looked at, within it.
struct Face {
  float left = 0, top = 0, width = 0, height = 0;
  float score = 0;  // 0 to 1
};

inline constexpr std::array<std::uint32_t, 3> face_strides = {8, 16, 32};

/// The grid of one stride, row by row: `likely` that there is a face and `there` that it is in this
/// cell (a number each), and its box: the middle's distance from the cell in strides, and the
/// logarithms of its sides in strides.
struct FaceGrid {
  std::uint32_t stride = 8;
  std::uint32_t columns = 0, rows = 0;
  std::span<const float> likely, there, boxes;  // boxes: four numbers a cell
};

/// Those that are likely enough, the likeliest first, each once: of boxes that overlap the
/// likeliest stays. Numbers that are none are passed over. At most faces_max.
std::vector<Face> faces_of(std::span<const FaceGrid> grids, Size picture);
inline constexpr std::size_t faces_max = 200;

}  // namespace calotype
