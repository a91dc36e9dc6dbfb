// SPDX-License-Identifier: Apache-2.0
// Small files of the formats that are read but never written, for warming up.
#pragma once

#include <string>
#include <vector>

#include "render/renderer/picture.hpp"

namespace calotype {

struct Sample {
  const char* name;
  std::string bytes;
};

/// TIFF, JPEG 2000, and SVG and PDF with text.
Outcome<std::vector<Sample>> make_samples(const Bitmap& picture);

}  // namespace calotype
