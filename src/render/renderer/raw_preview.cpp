// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/raw_preview.hpp"

#include <exiv2/exiv2.hpp>
#include <vector>

#include "render/renderer/byte_numbers.hpp"

namespace calotype {
namespace {

constexpr std::uint16_t photometric_tag = 262;
constexpr std::uint16_t sub_directories_tag = 330;
constexpr std::uint16_t dng_version_tag = 50'706;
constexpr std::uint32_t filter_array = 32'803;
constexpr std::uint32_t linear_raw = 34'892;
constexpr std::size_t directories_max = 16;
constexpr std::uint32_t entries_max = 512;

/// Looks at one directory; those it points to are added to `queue`. True where it is a sensor's.
bool is_sensors(const TiffNumbers& tiff, std::uint32_t directory,
                std::vector<std::uint32_t>& queue) {
  const auto count = tiff.number(directory, 2);
  if (!count || *count > entries_max) return false;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const std::size_t entry = std::size_t{directory} + 2 + std::size_t{12} * i;
    const auto tag = tiff.number(entry, 2);
    const auto type = tiff.number(entry + 2, 2);
    const auto values = tiff.number(entry + 4, 4);
    const auto value = tiff.number(entry + 8, type == 3U ? 2 : 4);
    if (!tag || !type || !values || !value) return false;
    if (*tag == dng_version_tag) return true;
    if (*tag == photometric_tag && (*value == filter_array || *value == linear_raw)) return true;
    if (*tag != sub_directories_tag) continue;
    for (std::uint32_t k = 0; k < std::min(*values, 8U); ++k) {
      const auto at = *values == 1 ? value : tiff.number(*value + std::size_t{4} * k, 4);
      if (at) queue.push_back(*at);
    }
  }
  if (const auto next = tiff.number(std::size_t{directory} + 2 + std::size_t{12} * *count, 4);
      next && *next != 0)
    queue.push_back(*next);
  return false;
}

}  // namespace

bool is_raw_tiff(Bytes bytes) {
  if (bytes.size() < 8) return false;
  const TiffNumbers tiff(bytes);
  if (tiff.number(2, 2) != 42U) return false;
  std::vector<std::uint32_t> queue = {tiff.number(4, 4).value_or(0)};
  for (std::size_t at = 0; at < queue.size() && at < directories_max; ++at)
    if (is_sensors(tiff, queue[at], queue)) return true;
  return false;
}

Outcome<RawPreview> largest_preview(Bytes raw) {
  try {
    const auto image = Exiv2::ImageFactory::open(raw.data(), raw.size());
    image->readMetadata();
    const Exiv2::PreviewManager manager(*image);
    const auto previews = manager.getPreviewProperties();  // smallest first
    for (auto preview = previews.rbegin(); preview != previews.rend(); ++preview) {
      if (preview->mimeType_ != "image/jpeg") continue;
      const Exiv2::PreviewImage picture = manager.getPreviewImage(*preview);
      RawPreview found;
      found.jpeg.assign(picture.pData(), picture.pData() + picture.size());
      const auto& exif = image->exifData();
      const auto place = exif.findKey(Exiv2::ExifKey("Exif.Image.Orientation"));
      if (place != exif.end() && place->count() > 0) {
        const auto value = place->toInt64();
        if (value >= 1 && value <= 8) found.orientation = static_cast<int>(value);
      }
      return found;
    }
  } catch (const std::exception& error) {
    return failed(wire::Status::damaged, error.what());
  }
  return failed(wire::Status::unsupported, "a camera's raw file without a preview");
}

}  // namespace calotype
