// SPDX-License-Identifier: Apache-2.0
// Icons of bitmaps; what holds a PNG is libvips's to read, and not fed from here.
#include "render/renderer/own_decoders.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(ico) {
  if (bytes.contains("\x89PNG")) return;
  constexpr std::uint64_t pixels_max = 1 << 16;
  for (const std::uint32_t page : {0U, 1U, 255U}) {
    const auto decoded = decode_ico(
        {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, page, pixels_max);
    if (!decoded) continue;
    const std::uint64_t pixels = std::uint64_t{decoded->width} * decoded->height;
    require(pixels > 0 && pixels <= pixels_max, "an icon keeps the limit");
    require(decoded->pixels.size() == pixels * 4, "an icon is whole");
    require(decoded->pages > 0, "an icon has a picture");
  }
}
