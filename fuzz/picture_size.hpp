// SPDX-License-Identifier: Apache-2.0
// For targets whose first line is a picture's size: "6000x4000".
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "asset/plan.hpp"

namespace calotype::fuzz {

/// Takes the line off; whatever it says, each side becomes one from 1 to 200,000.
inline PictureSize take_size(std::string_view& bytes) {
  std::string_view line = bytes.substr(0, bytes.find('\n'));
  bytes.remove_prefix(std::min(bytes.size(), line.size() + 1));
  std::array<std::uint32_t, 2> sides{};
  for (auto& side : sides) {
    const auto end = std::min(line.find('x'), line.size());
    std::from_chars(line.data(), line.data() + end, side);
    line.remove_prefix(std::min(line.size(), end + 1));
    side = side % 200'000 + 1;
  }
  return {sides[0], sides[1]};
}

/// A picture of that size that a renderer can make variants of.
inline MediaInfo media_of(PictureSize size) {
  MediaInfo media;
  media.media_type = "image/webp";
  media.renderable = true;
  media.width = size.width;
  media.height = size.height;
  return media;
}

}  // namespace calotype::fuzz
