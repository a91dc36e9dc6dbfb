// SPDX-License-Identifier: Apache-2.0
#include "asset/media.hpp"

namespace calotype {

std::optional<ImageFormat> format_of_media_type(std::string_view media_type) {
  for (const auto format :
       {ImageFormat::jpeg, ImageFormat::png, ImageFormat::webp, ImageFormat::avif})
    if (media_type_of(format) == media_type) return format;
  return std::nullopt;
}

}  // namespace calotype
