// SPDX-License-Identifier: Apache-2.0
// Icons and cursors: a directory of pictures, each a PNG or a bitmap without its file header. The
// largest is the picture; the others are its further pages, from large to small.
#include <algorithm>
#include <tuple>

#include "render/renderer/own_decoders.hpp"
#include "render/renderer/vips_pictures.hpp"

namespace calotype {
namespace {

struct Entry {
  std::uint32_t width = 0, height = 0, bits = 0, bytes = 0, offset = 0;
};

/// Of PNG, through libvips: an icon may hold one of any kind.
Outcome<DecodedPicture> decode_png_entry(Bytes png, std::uint64_t pixels_max) {
  TRY(const auto source, VipsSource::open(png, SourceFormat::png, pixels_max));
  const Size size = source->header().size;
  TRY(const Bitmap bitmap, source->scaled(size));
  DecodedPicture picture;
  picture.width = size.width;
  picture.height = size.height;
  picture.channels = 4;
  picture.pixels.assign(bitmap.row(0), bitmap.row(0) + bitmap.bytes());
  return picture;
}

}  // namespace

Outcome<DecodedPicture> decode_ico(Bytes bytes, std::uint32_t page, std::uint64_t pixels_max) {
  ByteReader reader(bytes, false);
  const bool is_cursor = reader.number(2, 2) == 2;
  const std::uint32_t count = reader.number(4, 2);
  std::vector<Entry> entries;
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    const std::size_t at = 6 + std::size_t{16} * i;
    const auto side = [&](std::size_t place) {
      const std::uint32_t length = reader.number(place, 1);
      return length == 0 ? 256 : length;
    };
    entries.push_back({side(at), side(at + 1), is_cursor ? 0 : reader.number(at + 6, 2),
                       reader.number(at + 8, 4), reader.number(at + 12, 4)});
  }
  if (!reader.ok() || entries.empty())
    return failed(wire::Status::damaged, "cut off within its directory");
  std::ranges::stable_sort(entries, [](const Entry& a, const Entry& b) {
    return std::tuple(a.width * a.height, a.bits) > std::tuple(b.width * b.height, b.bits);
  });
  const Entry& entry = entries[std::min<std::size_t>(page, entries.size() - 1)];
  const Bytes content = reader.part(entry.offset, entry.bytes);
  if (!reader.ok()) return failed(wire::Status::damaged, "cut off within a picture");
  const bool is_png = content.size() > 8 && content[0] == 0x89 && content[1] == 'P';
  auto picture =
      is_png ? decode_png_entry(content, pixels_max) : decode_dib(content, 0, true, pixels_max);
  if (picture) picture->pages = static_cast<std::uint32_t>(entries.size());
  return picture;
}

}  // namespace calotype
