// SPDX-License-Identifier: Apache-2.0
// Windows bitmaps: headers of 12 to 124 bytes; 1, 2, 4, 8, 16, 24 and 32 bits a pixel; runs (RLE4,
// RLE8) and bit fields; either way up. In an icon the height counts the mask below the picture,
// too.
#include <algorithm>
#include <array>
#include <bit>
#include <format>

#include "render/renderer/own_decoders.hpp"

namespace calotype {
namespace {

enum Compression : std::uint32_t { rgb = 0, rle8 = 1, rle4 = 2, bit_fields = 3, alpha_fields = 6 };

/// Of one channel within a pixel's bits.
struct Field {
  std::uint32_t mask = 0;
  std::uint8_t value(std::uint32_t pixel) const {
    if (mask == 0) return 0;
    const int shift = std::countr_zero(mask);
    const std::uint64_t max = mask >> shift;
    return static_cast<std::uint8_t>((((pixel & mask) >> shift) * std::uint64_t{255} + max / 2) /
                                     max);
  }
};

struct Dib {
  std::uint32_t header_bytes = 0;
  std::uint32_t width = 0, height = 0;
  bool from_top = false;
  std::uint32_t bits = 0;
  std::uint32_t compression = rgb;
  std::array<Field, 4> fields;  // red, green, blue, alpha
  std::vector<std::array<std::uint8_t, 3>> palette;
  std::uint32_t pixels_at = 0;
};

void set_usual_fields(Dib& dib) {
  if (dib.bits == 16) dib.fields = {{{0x7c00}, {0x03e0}, {0x001f}, {0}}};
  if (dib.bits == 32) dib.fields = {{{0xff0000}, {0x00ff00}, {0x0000ff}, {0xff000000}}};
}

std::uint32_t magnitude(std::uint32_t number) {
  return number >> 31 != 0 ? 0U - number : number;
}

Outcome<Dib> read_header(ByteReader& reader, bool is_icon) {
  Dib dib;
  dib.header_bytes = reader.number(0, 4);
  const bool is_old = dib.header_bytes == 12;
  if (!is_old && (dib.header_bytes < 16 || dib.header_bytes > 256))
    return failed(wire::Status::unsupported,
                  std::format("a bitmap with a header of {} bytes", dib.header_bytes));
  const std::uint32_t side_bytes = is_old ? 2 : 4;
  dib.width = reader.number(4, side_bytes);
  std::uint32_t height = reader.number(4 + side_bytes, side_bytes);
  if (!is_old) {
    dib.from_top = height >> 31 != 0;
    dib.width = magnitude(dib.width);
    height = magnitude(height);
  }
  dib.height = is_icon ? height / 2 : height;
  dib.bits = reader.number(is_old ? 10 : 14, 2);
  if (dib.header_bytes >= 20) dib.compression = reader.number(16, 4);
  if (!reader.ok()) return failed(wire::Status::damaged, "cut off within its header");
  set_usual_fields(dib);
  std::uint32_t after = dib.header_bytes;
  if (dib.compression == bit_fields || dib.compression == alpha_fields) {
    const std::size_t count = dib.header_bytes >= 56 || dib.compression == alpha_fields ? 4 : 3;
    dib.fields[3] = {};
    for (std::size_t i = 0; i < count; ++i) dib.fields[i].mask = reader.number(40 + 4 * i, 4);
    if (dib.header_bytes == 40) after += static_cast<std::uint32_t>(4 * count);
  }
  if (dib.bits <= 8) {
    const std::uint32_t entry = is_old ? 3 : 4;
    std::uint32_t count = dib.header_bytes >= 36 ? reader.number(32, 4) : 0;
    if (count == 0 || count > 1U << dib.bits) count = 1U << dib.bits;
    for (std::uint32_t i = 0; i < count; ++i) {
      const Bytes color = reader.part(std::size_t{after} + std::size_t{entry} * i, 3);
      if (!reader.ok()) return failed(wire::Status::damaged, "cut off within its palette");
      dib.palette.push_back({color[2], color[1], color[0]});
    }
    after += count * entry;
  }
  dib.pixels_at = after;
  return dib;
}

Outcome<void> check_kind(const Dib& dib) {
  const bool has_fields = dib.compression == bit_fields || dib.compression == alpha_fields;
  const bool is_known = (dib.compression == rgb &&
                         (dib.bits == 1 || dib.bits == 2 || dib.bits == 4 || dib.bits == 8 ||
                          dib.bits == 16 || dib.bits == 24 || dib.bits == 32)) ||
                        (dib.compression == rle8 && dib.bits == 8) ||
                        (dib.compression == rle4 && dib.bits == 4) ||
                        (has_fields && (dib.bits == 16 || dib.bits == 32));
  if (is_known) return {};
  return failed(wire::Status::unsupported,
                std::format("a bitmap of {} bits and compression {}", dib.bits, dib.compression));
}

class Canvas {
 public:
  Canvas(const Dib& dib, DecodedPicture& picture) : dib_(dib), picture_(picture) {}
  std::uint8_t* at(std::uint32_t x, std::uint32_t row) {  // rows as they come
    const std::uint32_t y = dib_.from_top ? row : dib_.height - 1 - row;
    return picture_.pixels.data() + (std::size_t{y} * dib_.width + x) * 4;
  }
  void put(std::uint32_t x, std::uint32_t row, std::array<std::uint8_t, 3> color,
           std::uint8_t alpha = 255) {
    std::uint8_t* pixel = at(x, row);
    for (std::size_t i = 0; i < 3; ++i) pixel[i] = color[i];
    pixel[3] = alpha;
  }
  void put_index(std::uint32_t x, std::uint32_t row, std::uint32_t index) {
    put(x, row, index < dib_.palette.size() ? dib_.palette[index] : std::array<std::uint8_t, 3>{});
  }

 private:
  const Dib& dib_;
  DecodedPicture& picture_;
};

bool read_rows(const Dib& dib, ByteReader& reader, std::uint32_t pixels_at, Canvas& canvas) {
  const std::size_t row_bytes = (std::size_t{dib.width} * dib.bits + 31) / 32 * 4;
  for (std::uint32_t row = 0; row < dib.height; ++row) {
    const Bytes line = reader.part(pixels_at + row_bytes * row, row_bytes);
    if (!reader.ok()) return false;
    for (std::uint32_t x = 0; x < dib.width; ++x) {
      if (dib.bits <= 8) {
        const std::uint32_t at = x * dib.bits;
        canvas.put_index(x, row, line[at / 8] >> (8 - dib.bits - at % 8) & ((1U << dib.bits) - 1));
      } else if (dib.bits == 24) {
        const auto* pixel = &line[std::size_t{x} * 3];
        canvas.put(x, row, {pixel[2], pixel[1], pixel[0]});
      } else {
        const std::size_t bytes = dib.bits / 8;
        std::uint32_t pixel = 0;
        for (std::size_t i = bytes; i-- > 0;) pixel = pixel << 8 | line[x * bytes + i];
        const auto& fields = dib.fields;
        canvas.put(x, row, {fields[0].value(pixel), fields[1].value(pixel), fields[2].value(pixel)},
                   fields[3].mask != 0 ? fields[3].value(pixel) : 255);
      }
    }
  }
  return true;
}

/// Runs and literals; what they leave out is the first colour. False where the file ends early.
bool read_runs(const Dib& dib, ByteReader& reader, std::uint32_t pixels_at, Canvas& canvas) {
  for (std::uint32_t row = 0; row < dib.height; ++row)
    for (std::uint32_t x = 0; x < dib.width; ++x) canvas.put_index(x, row, 0);
  const bool nibbles = dib.compression == rle4;
  std::size_t at = pixels_at;
  std::uint32_t x = 0;
  std::uint32_t row = 0;
  const auto put = [&](std::uint32_t index) {
    if (x < dib.width && row < dib.height) canvas.put_index(x, row, index);
    if (x < dib.width) ++x;
  };
  const auto index_of = [&](std::uint32_t byte, std::uint32_t i) {
    return nibbles ? (i % 2 == 0 ? byte >> 4 : byte & 15) : byte;
  };
  while (row < dib.height) {
    const std::uint32_t count = reader.number(at, 1);
    const std::uint32_t value = reader.number(at + 1, 1);
    if (!reader.ok()) return false;
    at += 2;
    if (count > 0) {
      for (std::uint32_t i = 0; i < count; ++i) put(index_of(value, i));
    } else if (value == 0) {
      x = 0;
      ++row;
    } else if (value == 1) {
      return true;
    } else if (value == 2) {
      x = std::min(dib.width, x + reader.number(at, 1));
      row += reader.number(at + 1, 1);
      at += 2;
    } else {
      const std::size_t bytes = nibbles ? (value + 1) / 2 : value;
      const Bytes literal = reader.part(at, bytes);
      if (!reader.ok()) return false;
      for (std::uint32_t i = 0; i < value; ++i) put(index_of(literal[nibbles ? i / 2 : i], i));
      at += bytes + bytes % 2;
    }
  }
  return true;
}

bool is_all_clear(const DecodedPicture& picture) {
  for (std::size_t at = 3; at < picture.pixels.size(); at += 4)
    if (picture.pixels[at] != 0) return false;
  return true;
}

/// The mask below an icon's picture says where it is seen through.
void apply_mask(const Dib& dib, ByteReader& reader, std::uint32_t pixels_at, Canvas& canvas) {
  const std::size_t row_bytes = (std::size_t{dib.width} * dib.bits + 31) / 32 * 4;
  const std::size_t mask_bytes = (std::size_t{dib.width} + 31) / 32 * 4;
  const std::size_t mask_at = pixels_at + row_bytes * dib.height;
  for (std::uint32_t row = 0; row < dib.height; ++row) {
    const Bytes line = reader.part(mask_at + mask_bytes * row, mask_bytes);
    if (!reader.ok()) return;  // some icons have none
    for (std::uint32_t x = 0; x < dib.width; ++x)
      if ((line[x / 8] >> (7 - x % 8) & 1) != 0) canvas.at(x, row)[3] = 0;
  }
}

}  // namespace

Outcome<DecodedPicture> decode_dib(Bytes bytes, std::uint32_t given_at, bool is_icon,
                                   std::uint64_t pixels_max) {
  ByteReader reader(bytes, false);
  TRY(const Dib dib, read_header(reader, is_icon));
  TRY_VOID(check_kind(dib));
  TRY_VOID(check_size(dib.width, dib.height, pixels_max));
  const std::uint32_t pixels_at = given_at != 0 ? given_at : dib.pixels_at;
  const bool has_runs = dib.compression == rle4 || dib.compression == rle8;
  // A picture of plain rows cannot be larger than the file that holds it.
  if (!has_runs && std::uint64_t{dib.width} * dib.bits / 8 * dib.height > bytes.size())
    return failed(wire::Status::damaged, "cut off within its pixels");
  DecodedPicture picture;
  picture.width = dib.width;
  picture.height = dib.height;
  picture.channels = 4;
  picture.pixels.resize(std::size_t{dib.width} * dib.height * 4);
  Canvas canvas(dib, picture);
  const bool complete = has_runs ? read_runs(dib, reader, pixels_at, canvas)
                                 : read_rows(dib, reader, pixels_at, canvas);
  if (!complete) return failed(wire::Status::damaged, "cut off within its pixels");
  // A fourth byte that is nought everywhere is no alpha; plain 32-bit bitmaps rarely mean one.
  const bool may_have_alpha = dib.bits == 32 && dib.fields[3].mask != 0;
  if (!may_have_alpha || is_all_clear(picture) ||
      (!is_icon && dib.compression == rgb && dib.header_bytes < 108))
    for (std::size_t at = 3; at < picture.pixels.size(); at += 4) picture.pixels[at] = 255;
  if (is_icon && (!may_have_alpha || is_all_clear(picture) || dib.bits < 32))
    apply_mask(dib, reader, pixels_at, canvas);
  return picture;
}

Outcome<DecodedPicture> decode_bmp(Bytes bytes, std::uint64_t pixels_max) {
  constexpr std::uint32_t file_header = 14;
  ByteReader reader(bytes, false);
  const std::uint32_t pixels_at = reader.number(10, 4);
  if (!reader.ok() || bytes.size() < file_header + 12)
    return failed(wire::Status::damaged, "cut off within its header");
  const std::uint32_t at = pixels_at > file_header ? pixels_at - file_header : 0;
  TRY(DecodedPicture picture, decode_dib(bytes.subspan(file_header), at, false, pixels_max));
  if (!shows_through(picture)) drop_alpha(picture);
  return picture;
}

}  // namespace calotype
