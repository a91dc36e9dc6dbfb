// SPDX-License-Identifier: Apache-2.0
// JPEG by libjpeg-turbo itself: the way that most pictures come and all proofs go, without the
// threads, caches and metadata parsers of the general path. Decoding is scaled in the transform
// (1/8, 1/4, 1/2, 1), which reads all bytes, and so finds what is cut off or damaged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "asset/plan.hpp"
#include "render/renderer/picture.hpp"

namespace calotype {

struct JpegHeader {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  int components = 0;
  bool is_plain = false;  // gray or YCbCr or RGB: decode_jpeg reads it; CMYK it does not
  int orientation = 1;
  std::vector<std::uint8_t> icc_profile;
};

Outcome<JpegHeader> read_jpeg_header(Bytes bytes);

/// `eighths` is 1, 2, 4 or 8; each side of the result is that share of the original's, rounded up.
Outcome<Bitmap> decode_jpeg(Bytes bytes, int eighths);

/// `full_chroma`: 4:4:4 instead of 4:2:0. The alpha is not looked at.
Outcome<std::string> encode_jpeg(const Bitmap& picture, int quality, bool full_chroma,
                                 Effort effort = Effort::quick);

/// One channel: the picture is gray already.
Outcome<std::string> encode_gray_jpeg(const Bitmap& picture, int quality);

/// EXIF's orientation in the TIFF structure that an Exif block carries; 1 where there is none that
/// makes sense.
int orientation_of_exif(Bytes tiff);

}  // namespace calotype
