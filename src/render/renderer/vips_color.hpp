// SPDX-License-Identifier: Apache-2.0
// Any colour space that libvips reads to eight bits of the one that is wanted.
#pragma once

#include <string>
#include <vips/vips8>

#include "asset/recipe.hpp"

namespace calotype {

/// "gray", "srgb", "cmyk", "lab", "rgb16", "gray16".
std::string name_of(VipsInterpretation interpretation);
/// Three bands of eight bits, or four with alpha. Throws vips::VError.
vips::VImage in_profile(const vips::VImage& image, ColorProfile profile);
/// Whether the image has an RGB profile and RGB values, so that both can be kept as they are.
bool can_keep_profile(const vips::VImage& image);

}  // namespace calotype
