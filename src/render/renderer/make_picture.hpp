// SPDX-License-Identifier: Apache-2.0
// A plan, made: scaled, cut, flattened, padded and encoded.
#pragma once

#include <string>

#include "asset/plan.hpp"
#include "render/renderer/original.hpp"

namespace calotype {

Outcome<std::string> make_picture(Original& original, const RenderPlan& plan);

Outcome<std::string> encode(const Bitmap& picture, ImageFormat format, int quality);

}  // namespace calotype
