// SPDX-License-Identifier: Apache-2.0
// WebP by libwebp itself, tuned for the first encode of a variant (architecture, decision 8).
#pragma once

#include <string>

#include "asset/plan.hpp"
#include "render/renderer/picture.hpp"

namespace calotype {

/// Lossy, 4:2:0, with alpha where the picture has it.
Outcome<std::string> encode_webp(const Bitmap& picture, int quality, Effort effort);

}  // namespace calotype
