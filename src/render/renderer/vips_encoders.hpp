// SPDX-License-Identifier: Apache-2.0
// Encoding by libvips: every format that the direct encoders do not make, and whatever is asked
// that they do not know (profiles, metadata, lossless, a size in bytes, frames).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "asset/plan.hpp"
#include "render/renderer/picture.hpp"
#include "render/renderer/vips_pictures.hpp"

namespace calotype {

struct Encoding {
  ImageFormat format = ImageFormat::webp;
  int quality = 85;
  Effort effort = Effort::quick;  // an animation as AVIF knows only this one
  bool lossless = false;
  std::uint32_t bytes_max = 0;                // 0: no matter
  std::vector<std::uint8_t> icc_profile;      // embedded where it is not empty
  const VipsSource* metadata_from = nullptr;  // kept where it is given
  Metadata metadata = Metadata::keep;         // how much of it
};

/// Frames one below the other, each `frame_height` high.
struct Animation {
  Bitmap strip;
  std::uint32_t frame_height = 0;
  Timing timing;
};

/// bytes_target_missed where not even the lowest quality fits bytes_max.
Outcome<std::string> encode_still(const Bitmap& picture, const Encoding& encoding);
/// The format has frames.
Outcome<std::string> encode_animation(const Animation& animation, const Encoding& encoding);

Outcome<std::string> encode_png(const Bitmap& picture);
Outcome<std::string> encode_avif(const Bitmap& picture, int quality);

}  // namespace calotype
