// SPDX-License-Identifier: Apache-2.0
// Formats that libvips leaves to ImageMagick, and that are simple enough to be read here instead:
// BMP, ICO and CUR, and the flattened picture of a PSD. Every read is checked against the file's
// end, every size against the limit before anything is allocated.
#pragma once

#include <cstdint>
#include <vector>

#include "render/renderer/byte_numbers.hpp"
#include "render/renderer/source_format.hpp"

namespace calotype {

struct DecodedPicture {
  enum class Space : std::uint8_t { gray, rgb, cmyk, lab };
  std::uint32_t width = 0, height = 0;
  int channels = 3;          // alpha included, as the last
  int bits_per_channel = 8;  // or 16, in this machine's order
  Space space = Space::rgb;
  std::uint32_t pages = 1;
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> icc_profile;
};

/// Whether libvips is not asked: the formats above, and HEIF and AVIF that move.
bool has_own_decoder(Bytes bytes, SourceFormat format);
/// damaged, unsupported (a kind that is not read, by name), input_pixels_max.
Outcome<DecodedPicture> decode_ourselves(Bytes bytes, SourceFormat format, std::uint32_t page,
                                         std::uint64_t pixels_max);

/// The pieces, and their tests'. `is_icon`: without the file's header, and with a mask below.
Outcome<DecodedPicture> decode_bmp(Bytes bytes, std::uint64_t pixels_max);
Outcome<DecodedPicture> decode_dib(Bytes dib, std::uint32_t pixels_at, bool is_icon,
                                   std::uint64_t pixels_max);
/// The largest picture, or the one of that number in the order of sizes.
Outcome<DecodedPicture> decode_ico(Bytes bytes, std::uint32_t page, std::uint64_t pixels_max);
Outcome<DecodedPicture> decode_psd(Bytes bytes, std::uint64_t pixels_max);

/// Of four channels of eight bits: whether any pixel is not opaque, and the same without the
/// fourth.
bool shows_through(const DecodedPicture& picture);
void drop_alpha(DecodedPicture& picture);

/// Fails with input_pixels_max, or damaged where a side is nought or beyond reason.
Outcome<void> check_size(std::uint32_t width, std::uint32_t height, std::uint64_t pixels_max);

/// Numbers of a file, each read checked: past the end they are nought, and `ok` is false.
class ByteReader {
 public:
  ByteReader(Bytes bytes, bool is_big_endian) : bytes_(bytes), is_big_endian_(is_big_endian) {}
  std::uint32_t number(std::size_t at, std::size_t length) {
    const auto number = number_at(bytes_, at, length, is_big_endian_);
    ok_ &= number.has_value();
    return number.value_or(0);
  }
  Bytes part(std::size_t at, std::size_t length) {
    if (at > bytes_.size() || bytes_.size() - at < length) {
      ok_ = false;
      return {};
    }
    return bytes_.subspan(at, length);
  }
  std::size_t size() const { return bytes_.size(); }
  bool ok() const { return ok_; }

 private:
  Bytes bytes_;
  bool is_big_endian_;
  bool ok_ = true;
};

}  // namespace calotype
