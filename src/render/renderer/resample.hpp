// SPDX-License-Identifier: Apache-2.0
// Pictures to another size, by Lanczos with three lobes: rows first, then columns, in
// single precision, alpha multiplied in. The same bytes come out on every processor (no fused
// multiplication), so a variant does not depend on the machine that made it.
#pragma once

#include "render/renderer/picture.hpp"

namespace calotype {

/// How many of a bitmap's columns and rows are picture. A decoder that scales to eighths gives
/// whole rows, of which the last may be picture in part only: 853 rows at 2/8 are 213.25 of 214.
/// Taken for 214 they would move the bottom of the picture by most of a pixel.
struct Extent {
  double width = 0;
  double height = 0;
};

/// Larger or smaller; `size` has no zero. All of the bitmap is picture, or `extent` of it.
Bitmap resample(const Bitmap& picture, Size size);
Bitmap resample(const Bitmap& picture, Extent extent, Size size);

}  // namespace calotype
