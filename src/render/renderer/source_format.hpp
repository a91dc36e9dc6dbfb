// SPDX-License-Identifier: Apache-2.0
// What a source is written in. More can be read than is written: ImageFormat is what goes out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "render/renderer/picture.hpp"

namespace calotype {

enum class SourceFormat : std::uint8_t {
  jpeg,
  png,
  webp,
  avif,
  gif,
  jxl,
  heif,
  tiff,
  jp2,
  bmp,
  ico,
  psd,
  svg,
  pdf,
  raw,  // a camera's, of which the embedded preview is shown
};

/// By the first bytes, and for HEIF by its brands; nothing for what cannot be read.
std::optional<SourceFormat> source_format_of(Bytes bytes);
/// Drawn at whatever size is wanted.
inline bool is_drawn(SourceFormat format) {
  return format == SourceFormat::svg || format == SourceFormat::pdf;
}

}  // namespace calotype
