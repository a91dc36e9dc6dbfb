// SPDX-License-Identifier: Apache-2.0
// The gain map of a picture that was cut, scaled and turned, made on the same grid as the picture,
// so that both show the same place at the same spot; then made smaller by as much as it was before.
#pragma once

#include "asset/plan.hpp"
#include "render/renderer/gain_map.hpp"

namespace calotype {

/// As a JPEG or an AVIF, as the plan's format is; gray where it was. `plan` says where the kept
/// rectangle lies; `whole` is the upright picture's size, `orientation` how both are stored.
Outcome<std::string> make_gain_map(const GainMap& map, Size whole, int orientation,
                                   const RenderPlan& plan);

}  // namespace calotype
