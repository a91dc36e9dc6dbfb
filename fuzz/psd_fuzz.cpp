// SPDX-License-Identifier: Apache-2.0
// Photoshop's files: planes, runs, resources.
#include "render/renderer/own_decoders.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(psd) {
  constexpr std::uint64_t pixels_max = 1 << 14;
  const auto decoded =
      decode_psd({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, pixels_max);
  if (!decoded) return;
  const std::uint64_t pixels = std::uint64_t{decoded->width} * decoded->height;
  require(pixels > 0 && pixels <= pixels_max, "a picture keeps the limit");
  require(decoded->channels >= 1 && decoded->channels <= 5, "a picture has a few channels");
  const auto sample_bytes = static_cast<unsigned>(decoded->bits_per_channel / 8);
  require(
      decoded->pixels.size() == pixels * static_cast<unsigned>(decoded->channels) * sample_bytes,
      "a picture is whole");
}
