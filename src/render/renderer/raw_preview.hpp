// SPDX-License-Identifier: Apache-2.0
// Cameras' raw files. What the sensor saw is not developed here: the camera has put a finished JPEG
// beside it, and that is the picture.
#pragma once

#include <cstdint>
#include <vector>

#include "render/renderer/picture.hpp"

namespace calotype {

/// Whether a TIFF holds a sensor's data (a colour filter array, or DNG's linear kind), by a bounded
/// walk over its directories.
bool is_raw_tiff(Bytes tiff);

struct RawPreview {
  std::vector<std::uint8_t> jpeg;
  int orientation = 1;  // of the raw file, for a preview that says none itself
};

/// The largest JPEG that the file carries; unsupported where there is none.
Outcome<RawPreview> largest_preview(Bytes raw);

}  // namespace calotype
