// SPDX-License-Identifier: Apache-2.0
// A decoded picture as everything in the renderer passes it on: four bytes a pixel, red, green,
// blue and alpha (255 where there is none), sRGB once it is wanted so, rows without gaps, not
// premultiplied. One layout for all, so that each step has one inner loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>

#include "asset/recipe.hpp"
#include "render/wire.hpp"

namespace calotype {

/// Why a picture could not be made, as it goes back to the server.
struct Failure {
  wire::Status status = wire::Status::damaged;
  std::string text;
};
template <class T>
using Outcome = std::expected<T, Failure>;

inline std::unexpected<Failure> failed(wire::Status status, std::string text) {
  return std::unexpected(Failure{status, std::move(text)});
}

using Bytes = std::span<const std::uint8_t>;

class Bitmap {
 public:
  static constexpr std::size_t channels = 4;

  Bitmap() = default;
  /// Not filled.
  Bitmap(std::uint32_t width, std::uint32_t height, bool has_alpha)
      : width_(width),
        height_(height),
        has_alpha_(has_alpha),
        pixels_(std::make_unique_for_overwrite<std::uint8_t[]>(bytes())) {}

  std::uint32_t width() const { return width_; }
  std::uint32_t height() const { return height_; }
  bool has_alpha() const { return has_alpha_; }
  void set_has_alpha(bool has_alpha) { has_alpha_ = has_alpha; }
  bool empty() const { return !pixels_; }
  std::size_t row_bytes() const { return std::size_t{width_} * channels; }
  std::size_t bytes() const { return row_bytes() * height_; }
  std::uint8_t* row(std::uint32_t y) { return pixels_.get() + row_bytes() * y; }
  const std::uint8_t* row(std::uint32_t y) const { return pixels_.get() + row_bytes() * y; }

 private:
  std::uint32_t width_ = 0;
  std::uint32_t height_ = 0;
  bool has_alpha_ = false;
  std::unique_ptr<std::uint8_t[]> pixels_;
};

struct Size {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool operator==(const Size&) const = default;
  Size turned() const { return {height, width}; }
};

/// EXIF's orientations 5 to 8 lie on their side.
inline bool lies_on_side(int orientation) {
  return orientation >= 5;
}

/// Turns and mirrors a picture as stored in `orientation` (1 to 8) so that it is upright.
Bitmap upright(Bitmap stored, int orientation);
/// The rectangle, which lies inside.
Bitmap crop(const Bitmap& picture, std::uint32_t left, std::uint32_t top, Size size);
/// Over `background` and, what alpha then remains, over white unless `keep_alpha`.
void flatten(Bitmap& picture, const Color& background, bool keep_alpha);
/// On a larger canvas of the background, at that compass point of it.
Bitmap set_on_canvas(const Bitmap& picture, Size canvas, const Color& background,
                     Gravity gravity = Gravity::center);

}  // namespace calotype
