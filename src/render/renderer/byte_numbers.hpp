// SPDX-License-Identifier: Apache-2.0
// Whole numbers out of untrusted bytes, in either order. No read goes past the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "render/renderer/picture.hpp"

namespace calotype {

/// The number that `length` bytes (at most 4) at `at` are; nothing where they reach past the end.
inline std::optional<std::uint32_t> number_at(Bytes bytes, std::size_t at, std::size_t length,
                                              bool is_big_endian) {
  if (at > bytes.size() || bytes.size() - at < length) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < length; ++i)
    value = value << 8 | bytes[at + (is_big_endian ? i : length - 1 - i)];
  return value;
}

/// Those of a TIFF block, whose first byte says their order: `M` the most significant byte first.
class TiffNumbers {
 public:
  explicit TiffNumbers(Bytes tiff)
      : tiff_(tiff), is_big_endian_(!tiff.empty() && tiff.front() == 'M') {}

  std::optional<std::uint32_t> number(std::size_t at, std::size_t length) const {
    return number_at(tiff_, at, length, is_big_endian_);
  }

 private:
  Bytes tiff_;
  bool is_big_endian_;
};

}  // namespace calotype
