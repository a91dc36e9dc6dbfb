// SPDX-License-Identifier: Apache-2.0
// Bitmaps: whatever comes out has the size that it says.
#include "render/renderer/own_decoders.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(bmp) {
  constexpr std::uint64_t pixels_max = 1 << 16;
  const auto decoded =
      decode_bmp({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, pixels_max);
  if (!decoded) return;
  const std::uint64_t pixels = std::uint64_t{decoded->width} * decoded->height;
  require(pixels > 0 && pixels <= pixels_max, "a bitmap keeps the limit");
  require(decoded->pixels.size() == pixels * static_cast<unsigned>(decoded->channels),
          "a bitmap is whole");
}
