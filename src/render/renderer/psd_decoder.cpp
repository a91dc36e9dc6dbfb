// SPDX-License-Identifier: Apache-2.0
// Photoshop's files hold, behind their layers, the picture that the layers make: planes of 1, 8, 16
// or 32 bits, plain or in PackBits runs. That is what is read here, with the profile among the
// resources. A file that was saved without it (“maximise compatibility” off) shows white, as it
// does everywhere else.
//
//   "8BPS" 1 | 6 × 0 | channels 2 | height 4 | width 4 | depth 2 | mode 2
//   length 4, colour mode data (a palette: 3 × 256)
//   length 4, resources: "8BIM" id 2, name (even), length 4, data (even) …
//   length 4 (8 in a PSB), layers
//   compression 2, [a length for each row of each plane], the planes one after another
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <format>
#include <string_view>

#include "render/renderer/own_decoders.hpp"

namespace calotype {
namespace {

enum Mode : std::uint32_t {
  bitmap = 0,
  gray = 1,
  indexed = 2,
  rgb = 3,
  cmyk = 4,
  duotone = 8,
  lab = 9
};
constexpr std::uint32_t icc_resource = 1'039;

struct Header {
  std::uint32_t channels = 0, width = 0, height = 0, depth = 0, mode = 0;
  Bytes palette;
  std::size_t pixels_at = 0;
  bool has_alpha = false;
  std::vector<std::uint8_t> icc_profile;

  /// Planes of colour; one more may follow.
  std::uint32_t colors() const {
    switch (mode) {
      case rgb:
      case lab:
        return 3;
      case cmyk:
        return 4;
      default:
        return 1;
    }
  }
  std::size_t row_bytes() const {
    return depth == 1 ? (std::size_t{width} + 7) / 8 : std::size_t{width} * (depth / 8);
  }
};

void read_resources(Header& header, ByteReader& reader, std::size_t at, std::size_t end) {
  while (at + 12 <= end && reader.ok()) {
    const Bytes signature = reader.part(at, 4);
    if (!reader.ok() || std::memcmp(signature.data(), "8BIM", 4) != 0) return;
    const std::uint32_t id = reader.number(at + 4, 2);
    const std::size_t name = (std::size_t{reader.number(at + 6, 1)} + 2) & ~std::size_t{1};
    const std::size_t length_at = at + 6 + name;
    const std::uint32_t length = reader.number(length_at, 4);
    if (id == icc_resource) {
      const Bytes profile = reader.part(length_at + 4, length);
      if (!reader.ok()) return;
      header.icc_profile.assign(profile.begin(), profile.end());
    }
    at = length_at + 4 + ((std::size_t{length} + 1) & ~std::size_t{1});
  }
}

Outcome<Header> read_header(ByteReader& reader) {
  Header header;
  header.channels = reader.number(12, 2);
  header.height = reader.number(14, 4);
  header.width = reader.number(18, 4);
  header.depth = reader.number(22, 2);
  header.mode = reader.number(24, 2);
  const std::uint32_t palette = reader.number(26, 4);
  header.palette = reader.part(30, palette);
  const std::size_t resources_at = 30 + std::size_t{palette};
  const std::uint32_t resources = reader.number(resources_at, 4);
  const std::size_t layers_at = resources_at + 4 + resources;
  if (!reader.ok()) return failed(wire::Status::damaged, "cut off within its header");
  read_resources(header, reader, resources_at + 4, layers_at);
  const std::uint32_t layers = reader.number(layers_at, 4);
  if (!reader.ok()) return failed(wire::Status::damaged, "cut off within its layers");
  // A negative count of layers says that the first plane behind the colours is the picture's alpha.
  if (layers >= 10) header.has_alpha = (reader.number(layers_at + 8, 2) & 0x8000) != 0;
  header.pixels_at = layers_at + 4 + layers;
  if (header.channels < header.colors() || header.channels > 56)
    return failed(wire::Status::damaged, std::format("{} channels", header.channels));
  const bool is_known = (header.depth == 1 && header.mode == bitmap) ||
                        ((header.depth == 8 || header.depth == 16 || header.depth == 32) &&
                         (header.mode == gray || header.mode == rgb || header.mode == duotone)) ||
                        (header.depth == 8 && header.mode == indexed) ||
                        ((header.depth == 8 || header.depth == 16) && header.mode == cmyk) ||
                        (header.depth == 8 && header.mode == lab);
  if (!is_known)
    return failed(wire::Status::unsupported,
                  std::format("a PSD of mode {} with {} bits", header.mode, header.depth));
  header.has_alpha = header.has_alpha && header.channels > header.colors() &&
                     header.mode != bitmap && header.mode != indexed;
  return header;
}

/// PackBits into exactly `row`; false where either ends first.
bool unpack(Bytes packed, std::span<std::uint8_t> row) {
  std::size_t at = 0;
  std::size_t filled = 0;
  while (filled < row.size()) {
    if (at >= packed.size()) return false;
    const auto code = static_cast<std::int8_t>(packed[at++]);
    if (code == -128) continue;
    const std::size_t count = code >= 0 ? std::size_t(code) + 1 : std::size_t(1 - code);
    const std::size_t take = code >= 0 ? count : 1;
    if (packed.size() - at < take || row.size() - filled < count) return false;
    if (code >= 0)
      std::copy_n(packed.begin() + static_cast<std::ptrdiff_t>(at), count,
                  row.begin() + static_cast<std::ptrdiff_t>(filled));
    else
      std::fill_n(row.begin() + static_cast<std::ptrdiff_t>(filled), count, packed[at]);
    at += take;
    filled += count;
  }
  return true;
}

/// Calls `take(plane, y, row)` for each row of the first `planes`; false where the file ends early.
Outcome<void> each_row(const Header& header, ByteReader& reader, std::uint32_t planes,
                       const auto& take) {
  const std::uint32_t compression = reader.number(header.pixels_at, 2);
  const std::size_t row_bytes = header.row_bytes();
  if (!reader.ok()) return failed(wire::Status::damaged, "cut off before its picture");
  if (compression > 1)
    return failed(wire::Status::unsupported, "a PSD whose picture is ZIP-compressed");
  const std::size_t rows = std::size_t{header.channels} * header.height;
  std::size_t at = header.pixels_at + 2 + (compression == 1 ? rows * 2 : 0);
  std::vector<std::uint8_t> row(row_bytes);
  for (std::uint32_t plane = 0; plane < planes; ++plane)
    for (std::uint32_t y = 0; y < header.height; ++y) {
      std::size_t length = row_bytes;
      if (compression == 1)
        length =
            reader.number(header.pixels_at + 2 + (std::size_t{plane} * header.height + y) * 2, 2);
      const Bytes stored = reader.part(at, length);
      if (!reader.ok()) return failed(wire::Status::damaged, "cut off within its pixels");
      at += length;
      if (compression == 0)
        take(plane, y, stored);
      else if (unpack(stored, row))
        take(plane, y, Bytes(row));
      else
        return failed(wire::Status::damaged, "a run that does not fit its row");
    }
  return {};
}

/// Linear light of 32 bits as sRGB.
std::uint8_t srgb_of(float linear) {
  const double value = std::clamp(static_cast<double>(linear), 0.0, 1.0);
  const double curved =
      value <= 0.0031308 ? value * 12.92 : 1.055 * std::pow(value, 1 / 2.4) - 0.055;
  return static_cast<std::uint8_t>(std::lround(curved * 255));
}

/// One plane's row into the interleaved picture.
void put_row(const Header& header, DecodedPicture& picture, std::uint32_t plane, std::uint32_t y,
             Bytes row) {
  const auto channels = static_cast<std::size_t>(picture.channels);
  const std::size_t sample = picture.bits_per_channel / 8U;
  std::uint8_t* to =
      picture.pixels.data() + (std::size_t{y} * header.width * channels + plane) * sample;
  const bool inverted = header.mode == cmyk && plane < 4;  // 255 is no ink there
  for (std::uint32_t x = 0; x < header.width; ++x, to += channels * sample) {
    if (header.depth == 16) {
      auto value =
          static_cast<std::uint16_t>(row[std::size_t{x} * 2] << 8 | row[std::size_t{x} * 2 + 1]);
      if (inverted) value = static_cast<std::uint16_t>(65'535 - value);
      std::memcpy(to, &value, sizeof value);
    } else if (header.depth == 32) {
      std::uint32_t bits = 0;
      for (const std::uint8_t byte : row.subspan(std::size_t{x} * 4, 4)) bits = bits << 8 | byte;
      *to = srgb_of(std::bit_cast<float>(bits));
    } else if (header.depth == 1) {
      *to = (row[x / 8] >> (7 - x % 8) & 1) != 0 ? 0 : 255;
    } else if (header.mode == indexed) {
      for (std::size_t c = 0; c < 3; ++c) {
        const std::size_t at = c * 256 + row[x];
        to[c] = at < header.palette.size() ? header.palette[at] : 0;
      }
    } else {
      *to = inverted ? static_cast<std::uint8_t>(255 - row[x]) : row[x];
    }
  }
}

}  // namespace

Outcome<DecodedPicture> decode_psd(Bytes bytes, std::uint64_t pixels_max) {
  ByteReader reader(bytes, true);
  TRY(const Header header, read_header(reader));
  TRY_VOID(check_size(header.width, header.height, pixels_max));
  DecodedPicture picture;
  picture.width = header.width;
  picture.height = header.height;
  picture.bits_per_channel = header.depth == 16 ? 16 : 8;
  picture.space = header.mode == rgb || header.mode == indexed ? DecodedPicture::Space::rgb
                  : header.mode == cmyk                        ? DecodedPicture::Space::cmyk
                  : header.mode == lab                         ? DecodedPicture::Space::lab
                                                               : DecodedPicture::Space::gray;
  const std::uint32_t planes = header.colors() + (header.has_alpha ? 1 : 0);
  picture.channels = header.mode == indexed ? 3 : static_cast<int>(planes);
  picture.icc_profile = header.icc_profile;
  const std::size_t row_min = (header.row_bytes() + 127) / 128;  // packed as tightly as can be
  if (std::uint64_t{row_min} * header.height * planes > bytes.size())
    return failed(wire::Status::damaged, "cut off within its pixels");
  picture.pixels.resize(std::size_t{header.width} * header.height *
                        static_cast<std::size_t>(picture.channels) *
                        static_cast<std::size_t>(picture.bits_per_channel / 8));
  TRY_VOID(each_row(header, reader, planes, [&](std::uint32_t plane, std::uint32_t y, Bytes row) {
    put_row(header, picture, plane, y, row);
  }));
  return picture;
}

}  // namespace calotype
