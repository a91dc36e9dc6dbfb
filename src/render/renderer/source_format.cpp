// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/source_format.hpp"

#include <string>

#include "render/renderer/media_type.hpp"

namespace calotype {

std::optional<SourceFormat> source_format_of(Bytes bytes) {
  struct Row {
    std::string_view media_type;
    SourceFormat format;
  };
  static constexpr Row rows[] = {
      {"image/jpeg", SourceFormat::jpeg},
      {"image/png", SourceFormat::png},
      {"image/webp", SourceFormat::webp},
      {"image/avif", SourceFormat::avif},
      {"image/gif", SourceFormat::gif},
      {"image/jxl", SourceFormat::jxl},
      {"image/heic", SourceFormat::heif},
      {"image/heif", SourceFormat::heif},
      {"image/heic-sequence", SourceFormat::heif},
      {"image/tiff", SourceFormat::tiff},
      {"image/jp2", SourceFormat::jp2},
      {"image/bmp", SourceFormat::bmp},
      {"image/x-icon", SourceFormat::ico},
      {"image/vnd.adobe.photoshop", SourceFormat::psd},
      {"image/svg+xml", SourceFormat::svg},
      {"application/pdf", SourceFormat::pdf},
  };
  const std::string type = sniff_media_type(bytes).value_or("");
  for (const Row& row : rows)
    if (row.media_type == type) return row.format;
  if (is_camera_raw(type)) return SourceFormat::raw;
  return std::nullopt;
}

}  // namespace calotype
