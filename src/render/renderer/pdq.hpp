// SPDX-License-Identifier: Apache-2.0
// The fingerprint of a picture by PDQ, bit for bit as the published program computes it from the
// same pixels (Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
// Algorithm", 2019): other libraries' fingerprints can be compared with ours. And the same of parts
// of it, which PDQ knows nothing of: see asset/fingerprint.hpp.
#pragma once

#include <optional>

#include "asset/fingerprint.hpp"
#include "render/renderer/picture.hpp"

namespace calotype {

/// PDQ looks at no more than this; what is larger is brought to it first, whatever its shape.
inline constexpr Size pdq_box{512, 512};

/// Nothing of a picture with a side below 5 pixels. Transparency is seen over white.
std::optional<Fingerprint> pdq_fingerprint(const Bitmap& picture);

}  // namespace calotype
