// SPDX-License-Identifier: Apache-2.0
// Across and down are judged apart: a crop that covers its box has room to move in one direction.
#include "render/renderer/face_crop.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace calotype {
namespace {

constexpr float bystander_share = 0.2F;  // of the largest face's sides

/// One face in one direction.
struct Stretch {
  double start = 0, end = 0;
};
double length_of(const Stretch& stretch) {
  return stretch.end - stretch.start;
}

Stretch all_of(std::span<const Stretch> stretches) {
  Stretch all = stretches.front();
  for (const Stretch& one : stretches)
    all = {std::min(all.start, one.start), std::max(all.end, one.end)};
  return all;
}

/// How much the window shows, larger faces and whole ones above all.
double worth_of(std::span<const Stretch> stretches, double from, double window) {
  double worth = 0;
  for (const Stretch& one : stretches) {
    const double seen = std::min(one.end, from + window) - std::max(one.start, from);
    if (seen <= 0) continue;
    worth += seen;
    if (seen >= length_of(one)) worth += length_of(one);
  }
  return worth;
}

std::vector<Stretch> seen_whole(std::span<const Stretch> stretches, double from, double window) {
  std::vector<Stretch> whole;
  for (const Stretch& one : stretches)
    if (one.start >= from && one.end <= from + window) whole.push_back(one);
  return whole;
}

std::uint32_t start_along(std::span<const Stretch> stretches, std::uint32_t whole,
                          std::uint32_t window) {
  const std::uint32_t over = whole - window;
  const auto around = [&](const Stretch& shown) {
    const double start = std::round((shown.start + shown.end - window) / 2);
    return static_cast<std::uint32_t>(std::clamp(start, 0.0, static_cast<double>(over)));
  };
  const Stretch all = all_of(stretches);
  if (over == 0 || length_of(all) <= window) return around(all);
  std::uint32_t best = 0;
  double best_worth = -1;
  for (std::uint32_t from = 0; from <= over; ++from) {
    const double worth = worth_of(stretches, from, window);
    if (worth <= best_worth) continue;
    best_worth = worth;
    best = from;
  }
  const auto shown = seen_whole(stretches, best, window);
  if (!shown.empty()) return around(all_of(shown));
  return around(*std::ranges::max_element(stretches, {}, length_of));
}

float area_of(const Face& face) {
  return face.width * face.height;
}

Size scaled_by(Size size, double share) {
  const auto side = [&](std::uint32_t length) {
    return std::max(1U, static_cast<std::uint32_t>(std::lround(length * share)));
  };
  return {side(size.width), side(size.height)};
}

/// What the detector looks at: the picture, or the plan's region of it, small.
Outcome<Bitmap> picture_to_judge(Original& original, const RenderPlan& plan,
                                 const FaceDetector& detector) {
  const bool is_whole = plan.region.width == 0;
  const Size source =
      is_whole ? original.facts().upright() : Size{plan.region.width, plan.region.height};
  const Size most = detector.size_max();
  const double share = std::min({1.0, static_cast<double>(most.width) / source.width,
                                 static_cast<double>(most.height) / source.height});
  const Size judged = scaled_by(source, share);
  if (!is_whole) return original.scaled_region(plan.region, judged);
  // The larger of two comes first, so that both are made of one decode.
  const Size scaled{plan.scaled_width, plan.scaled_height};
  if (scaled.width > judged.width) TRY_VOID(original.scaled(scaled));
  TRY(const Bitmap* small, original.scaled(judged));
  return crop(*small, 0, 0, judged);
}

}  // namespace

std::optional<Place> place_around(std::span<const Face> faces, Size whole, Size window,
                                  bool largest_only) {
  if (faces.empty()) return std::nullopt;
  const Face& largest = *std::ranges::max_element(faces, {}, area_of);
  std::vector<Stretch> across;
  std::vector<Stretch> down;
  for (const Face& face : faces) {
    const bool is_largest = &face == &largest;
    const bool is_bystander = face.width < bystander_share * largest.width ||
                              face.height < bystander_share * largest.height;
    if (!is_largest && (largest_only || is_bystander)) continue;
    across.push_back({face.left, face.left + face.width});
    down.push_back({face.top, face.top + face.height});
  }
  return Place{start_along(across, whole.width, window.width),
               start_along(down, whole.height, window.height)};
}

Outcome<RenderPlan> placed_by_faces(Original& original, RenderPlan plan, FaceDetector& detector) {
  const Gravity gravity = plan.box.gravity;
  plan.box.gravity = plan.box.no_face;
  const Size scaled{plan.scaled_width, plan.scaled_height};
  const Size kept{plan.kept_width, plan.kept_height};
  if (kept == scaled) return plan;
  TRY(const Bitmap judged, picture_to_judge(original, plan, detector));
  TRY(std::vector<Face> faces, detector.find(judged));
  const float across = static_cast<float>(scaled.width) / static_cast<float>(judged.width());
  const float down = static_cast<float>(scaled.height) / static_cast<float>(judged.height());
  for (Face& face : faces)
    face = {face.left * across, face.top * down, face.width * across, face.height * down,
            face.score};
  const auto place = place_around(faces, scaled, kept, gravity == Gravity::face);
  if (!place) return plan;
  plan.box.gravity = Gravity::center;  // nothing is looked for any more
  plan.left = place->left;
  plan.top = place->top;
  return plan;
}

}  // namespace calotype
