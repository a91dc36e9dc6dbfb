// SPDX-License-Identifier: Apache-2.0
// The one EXIF tag that changes pixels, read by a bounded walk over the first directory: every read
// is checked against the block, nothing is followed but the directory's own offset.
#include "render/renderer/byte_numbers.hpp"
#include "render/renderer/jpeg_codec.hpp"

namespace calotype {
namespace {

constexpr std::uint32_t orientation_tag = 0x0112;

}  // namespace

int orientation_of_exif(Bytes tiff) {
  if (tiff.size() < 8 || (tiff[0] != 'I' && tiff[0] != 'M') || tiff[1] != tiff[0]) return 1;
  const TiffNumbers reader(tiff);
  const auto directory = reader.number(4, 4);
  if (reader.number(2, 2) != 42U || !directory) return 1;
  const auto count = reader.number(*directory, 2);
  if (!count) return 1;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const std::size_t entry = std::size_t{*directory} + 2 + std::size_t{12} * i;
    const auto tag = reader.number(entry, 2);
    if (!tag) return 1;
    if (*tag != orientation_tag) continue;
    const auto value = reader.number(entry + 8, 2);  // a SHORT stands first in the value field
    return value && *value >= 1 && *value <= 8 ? static_cast<int>(*value) : 1;
  }
  return 1;
}

}  // namespace calotype
