// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/face_boxes.hpp"

#include <algorithm>
#include <cmath>

namespace calotype {
namespace {

constexpr float score_min = 0.6F;
constexpr float overlap_max = 0.3F;            // of the area that two cover together
constexpr std::size_t candidates_max = 2'000;  // before those that overlap go

/// Nothing where it lies outside of the picture, or is no box.
bool keep_inside(Face& face, Size picture) {
  const float right = std::min(face.left + face.width, static_cast<float>(picture.width));
  const float bottom = std::min(face.top + face.height, static_cast<float>(picture.height));
  face.left = std::max(face.left, 0.0F);
  face.top = std::max(face.top, 0.0F);
  face.width = right - face.left;
  face.height = bottom - face.top;
  return face.width >= 1 && face.height >= 1;  // not so where any of it is no number
}

void add_faces(std::vector<Face>& faces, const FaceGrid& grid, Size picture) {
  const auto stride = static_cast<float>(grid.stride);
  std::size_t cell = 0;
  for (std::uint32_t row = 0; row < grid.rows; ++row)
    for (std::uint32_t column = 0; column < grid.columns; ++column, ++cell) {
      const float score = std::sqrt(std::clamp(grid.likely[cell], 0.0F, 1.0F) *
                                    std::clamp(grid.there[cell], 0.0F, 1.0F));
      if (!(score >= score_min)) continue;
      const auto box = grid.boxes.subspan(cell * 4, 4);
      Face face{
          .width = std::exp(box[2]) * stride, .height = std::exp(box[3]) * stride, .score = score};
      face.left = (static_cast<float>(column) + box[0]) * stride - face.width / 2;
      face.top = (static_cast<float>(row) + box[1]) * stride - face.height / 2;
      if (std::isfinite(face.left) && std::isfinite(face.top) && keep_inside(face, picture))
        faces.push_back(face);
    }
}

bool overlap(const Face& a, const Face& b) {
  const float across = std::min(a.left + a.width, b.left + b.width) - std::max(a.left, b.left);
  const float down = std::min(a.top + a.height, b.top + b.height) - std::max(a.top, b.top);
  if (across <= 0 || down <= 0) return false;
  const float shared = across * down;
  return shared > overlap_max * (a.width * a.height + b.width * b.height - shared);
}

}  // namespace

std::vector<Face> faces_of(std::span<const FaceGrid> grids, Size picture) {
  std::vector<Face> candidates;
  for (const FaceGrid& grid : grids) add_faces(candidates, grid, picture);
  std::ranges::stable_sort(candidates, std::greater{}, &Face::score);
  if (candidates.size() > candidates_max) candidates.resize(candidates_max);
  std::vector<Face> faces;
  for (const Face& face : candidates) {
    if (faces.size() == faces_max) break;
    if (std::ranges::none_of(faces, [&](const Face& kept) { return overlap(kept, face); }))
      faces.push_back(face);
  }
  return faces;
}

}  // namespace calotype
