// SPDX-License-Identifier: Apache-2.0
// Pictures to another size, by Lanczos with three lobes: rows first, then columns, in
// single precision, alpha multiplied in. The same bytes come out on every processor (no fused
// multiplication), so a variant does not depend on the machine that made it.
#pragma once

#include "render/renderer/picture.hpp"

namespace calotype {

/// Larger or smaller; `size` has no zero.
Bitmap resample(const Bitmap& picture, Size size);

}  // namespace calotype
