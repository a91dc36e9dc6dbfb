// SPDX-License-Identifier: Apache-2.0
// ThumbHash (Evan Wallace, https://evanw.github.io/thumbhash/): some 25 bytes from which a page
// draws a blurred picture of the right shape before the real one has come.
#pragma once

#include <string>

#include "render/renderer/picture.hpp"

namespace calotype {

/// The hash's bytes. The picture is at most 100 pixels a side.
std::string thumb_hash(const Bitmap& picture);

}  // namespace calotype
