// SPDX-License-Identifier: Apache-2.0
// AVIF and HEIF that move, by libheif's sequences: read frame by frame; AVIF is written likewise.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "render/renderer/own_decoders.hpp"
#include "render/renderer/picture.hpp"
#include "render/renderer/vips_pictures.hpp"

namespace calotype {

/// 1 where it is no sequence that can be read; cheap where its brands promise none.
std::uint32_t frames_of_sequence(Bytes heif);
/// One frame as it is shown, eight bits. (A sequence need not have a still beside it.)
Outcome<DecodedPicture> decode_frame_of_sequence(Bytes heif, std::uint32_t frame,
                                                 std::uint64_t pixels_max);
Outcome<Timing> timing_of_sequence(Bytes heif);
Outcome<void> each_frame_of_sequence(Bytes heif, std::uint32_t frames,
                                     const std::function<Outcome<void>(Bitmap)>& take_frame);

struct HeifEncoding {
  int quality = 60;
  bool lossless = false;
  std::vector<std::uint8_t> icc_profile;
};
/// The frames stand one below the other in `strip`, each `frame_height` high.
Outcome<std::string> encode_sequence(const Bitmap& strip, std::uint32_t frame_height,
                                     const Timing& timing, const HeifEncoding& encoding);

}  // namespace calotype
