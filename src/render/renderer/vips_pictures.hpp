// SPDX-License-Identifier: Apache-2.0
// libvips: the general path, for every format and colour space that the direct one does not take.
// The only file that includes it is vips_pictures.cpp, where its exceptions end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "asset/recipe.hpp"
#include "render/renderer/picture.hpp"

namespace calotype {

struct VipsHeader {
  Size size;  // as stored
  int orientation = 1;
  bool has_alpha = false;
  std::uint8_t channels = 0;
  std::uint8_t bits_per_channel = 8;
  std::uint32_t pages = 1;
  std::string color_space;
  std::vector<std::uint8_t> icc_profile;
};

class VipsSource {
 public:
  /// Reads the header only. `bytes` outlive this.
  static Outcome<std::unique_ptr<VipsSource>> open(Bytes bytes, ImageFormat format,
                                                   std::uint64_t pixels_max);
  ~VipsSource();
  const VipsHeader& header() const;
  /// Decoded, resized and converted to sRGB; not turned upright. What was decoded is kept for the
  /// next call where it is not too large.
  Outcome<Bitmap> scaled(Size size);

 private:
  struct State;
  explicit VipsSource(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

Outcome<std::string> encode_png(const Bitmap& picture);
Outcome<std::string> encode_avif(const Bitmap& picture, int quality);

/// Once, before the sandbox: loads libvips and the modules that are needed, one thread, no cache.
bool start_vips();
/// "libvips 8.16.1"
std::string vips_version();
/// Of the library that encodes AVIF: "libheif 1.19.8".
std::string heif_version();

}  // namespace calotype
