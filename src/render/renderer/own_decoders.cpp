// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/own_decoders.hpp"

#include <format>

#include "render/renderer/heif_sequence.hpp"

namespace calotype {

bool has_own_decoder(Bytes bytes, SourceFormat format) {
  switch (format) {
    case SourceFormat::bmp:
    case SourceFormat::ico:
    case SourceFormat::psd:
      return true;
    case SourceFormat::avif:
    case SourceFormat::heif:
      return frames_of_sequence(bytes) > 1;
    default:
      return false;
  }
}

Outcome<DecodedPicture> decode_ourselves(Bytes bytes, SourceFormat format, std::uint32_t page,
                                         std::uint64_t pixels_max) {
  switch (format) {
    case SourceFormat::bmp:
      return decode_bmp(bytes, pixels_max);
    case SourceFormat::ico:
      return decode_ico(bytes, page, pixels_max);
    case SourceFormat::psd:
      return decode_psd(bytes, pixels_max);
    case SourceFormat::avif:
    case SourceFormat::heif:
      return decode_frame_of_sequence(bytes, page, pixels_max);
    default:
      return failed(wire::Status::refused, "not a format of ours");
  }
}

bool shows_through(const DecodedPicture& picture) {
  for (std::size_t at = 3; at < picture.pixels.size(); at += 4)
    if (picture.pixels[at] != 255) return true;
  return false;
}

void drop_alpha(DecodedPicture& picture) {
  const std::size_t count = picture.pixels.size() / 4;
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t c = 0; c < 3; ++c) picture.pixels[i * 3 + c] = picture.pixels[i * 4 + c];
  picture.pixels.resize(count * 3);
  picture.channels = 3;
}

Outcome<void> check_size(std::uint32_t width, std::uint32_t height, std::uint64_t pixels_max) {
  constexpr std::uint32_t side_max = 300'000;
  if (width == 0 || height == 0 || width > side_max || height > side_max)
    return failed(wire::Status::damaged, std::format("{} × {} pixels", width, height));
  if (std::uint64_t{width} * height > pixels_max)
    return failed(wire::Status::input_pixels_max,
                  std::format("{} × {} pixels, and {} are allowed.", width, height, pixels_max));
  return {};
}

}  // namespace calotype
