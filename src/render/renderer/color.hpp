// SPDX-License-Identifier: Apache-2.0
// ICC profiles of pictures that the direct path decodes, by Little CMS.
#pragma once

#include <string>

#include "render/renderer/picture.hpp"

namespace calotype {

/// The profile's own description, as UTF-8; empty where it cannot be read.
std::string describe_profile(Bytes profile);
/// Whether the profile is one of the usual ones of sRGB, so that there is nothing to convert.
bool is_srgb(Bytes profile);
/// Whether it maps red, green and blue.
bool is_rgb_profile(Bytes profile);
/// From the profile's colours to sRGB, relative colorimetric with black point compensation; leaves
/// the picture as it is where the profile cannot be used.
void convert_to_srgb(Bitmap& picture, Bytes profile);

}  // namespace calotype
