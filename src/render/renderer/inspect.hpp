// SPDX-License-Identifier: Apache-2.0
// Everything that is to be known of an asset's bytes, from one decode.
#pragma once

#include "render/renderer/picture.hpp"
#include "render/renderer_pool.hpp"

namespace calotype {

/// damaged where the bytes claim to be one of our formats and cannot be read as that.
Outcome<Inspection> inspect_bytes(Bytes bytes, std::uint64_t pixels_max);

}  // namespace calotype
