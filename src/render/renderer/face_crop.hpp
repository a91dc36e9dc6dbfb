// SPDX-License-Identifier: Apache-2.0
// Where to cut so that faces stay in the picture.
#pragma once

#include <optional>
#include <span>

#include "asset/plan.hpp"
#include "render/renderer/crop_choice.hpp"
#include "render/renderer/face_detector.hpp"
#include "render/renderer/original.hpp"

namespace calotype {

/// A window of that size around faces, which are in pixels of `whole`: around all of them, as far
/// as the picture reaches; where they do not all fit, around those that fit and are largest
/// together. `largest_only`: around one. Faces far smaller than the largest are bystanders. Nothing
/// where there is no face.
std::optional<Place> place_around(std::span<const Face> faces, Size whole, Size window,
                                  bool largest_only);

/// The plan, whose gravity finds faces, with the place that they give it, or with the gravity that
/// it names for where there are none. All sizes of one picture are judged by the same reduction, so
/// that they are cut alike.
Outcome<RenderPlan> placed_by_faces(Original& original, RenderPlan plan, FaceDetector& detector);

}  // namespace calotype
