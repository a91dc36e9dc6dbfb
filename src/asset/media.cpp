// SPDX-License-Identifier: Apache-2.0
#include "asset/media.hpp"

namespace calotype {

std::optional<ImageFormat> format_of_media_type(std::string_view media_type) {
  for (const auto format : image_formats)
    if (media_type_of(format) == media_type) return format;
  return std::nullopt;
}

Carried carried_by(const MediaInfo& media, const Recipe& recipe) {
  const bool has_corners = recipe.corner_radius != 0 || recipe.rotation % 9'000 != 0;
  return {.original = format_of_media_type(media.media_type),
          .has_alpha = media.has_alpha || (has_corners && !recipe.background),
          .is_animated = is_animated(media) && recipe.page == 0,
          .is_lossless = recipe.lossless};
}

bool is_animated(const MediaInfo& media) {
  return media.pages > 1 && (format_of_media_type(media.media_type).has_value() ||
                             media.media_type == "image/heic-sequence");
}

bool is_vector(const MediaInfo& media) {
  return media.media_type == "image/svg+xml" || media.media_type == "application/pdf";
}

}  // namespace calotype
