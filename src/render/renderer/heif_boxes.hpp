// SPDX-License-Identifier: Apache-2.0
// The boxes that HEIF, AVIF and their sequences are made of (ISO 14496-12): a length, four letters,
// and a content that may be boxes again. All that is read may be hostile.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "render/renderer/picture.hpp"

namespace calotype {

struct Box {
  std::string_view type;
  Bytes content;
  Bytes whole;
};

/// The box at `at`, which moves behind it; nothing where none fits.
std::optional<Box> next_box(Bytes bytes, std::size_t& at);

/// The content of the first such box inside; empty where there is none.
Bytes inside(Bytes bytes, std::string_view type);

/// Whether the file says by its brands that it is (also) of this kind.
bool has_brand(Bytes file, std::string_view brand);

std::string box_of(std::string_view type, std::string_view content);

}  // namespace calotype
