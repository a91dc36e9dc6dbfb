// SPDX-License-Identifier: Apache-2.0
// Between our pictures and libvips's, for the few files that include it; its exceptions end there.
#pragma once

#include <string>
#include <vips/vips8>

#include "render/renderer/picture.hpp"

namespace calotype {

/// What libvips said, each line once. Clears its buffer.
std::unexpected<Failure> failure_of(const vips::VError& error);
/// The pixels are not copied: the picture outlives the image.
vips::VImage as_vips(const Bitmap& picture);
/// The blob's bytes; releases it.
std::string take(VipsBlob* blob);

}  // namespace calotype
