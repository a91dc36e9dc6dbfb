// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "render/renderer/picture.hpp"

namespace calotype {

/// Gaussian. Up to sigma 2 by the kernel itself; above by three running means each way, which come
/// within 3 % of it and cost the same whatever sigma is. Edges are continued.
Bitmap blurred(const Bitmap& picture, double sigma);

}  // namespace calotype
