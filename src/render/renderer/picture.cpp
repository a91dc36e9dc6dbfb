// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/picture.hpp"

#include <algorithm>
#include <cstring>

namespace calotype {
namespace {

std::uint32_t pixel_at(const Bitmap& picture, std::uint32_t x, std::uint32_t y) {
  std::uint32_t pixel;
  std::memcpy(&pixel, picture.row(y) + std::size_t{x} * Bitmap::channels, sizeof pixel);
  return pixel;
}

/// `from(x, y)` says which pixel of the stored picture lands at (x, y).
template <class From>
Bitmap rearrange(const Bitmap& stored, Size size, From from) {
  Bitmap result(size.width, size.height, stored.has_alpha());
  for (std::uint32_t y = 0; y < size.height; ++y) {
    std::uint8_t* to = result.row(y);
    for (std::uint32_t x = 0; x < size.width; ++x, to += Bitmap::channels) {
      const auto [stored_x, stored_y] = from(x, y);
      const std::uint32_t pixel = pixel_at(stored, stored_x, stored_y);
      std::memcpy(to, &pixel, sizeof pixel);
    }
  }
  return result;
}

std::uint8_t divide_by_255(std::uint32_t value) {
  return static_cast<std::uint8_t>((value + 127) / 255);
}

}  // namespace

Bitmap upright(Bitmap stored, int orientation) {
  struct At {
    std::uint32_t x, y;
  };
  const std::uint32_t right = stored.width() - 1;
  const std::uint32_t bottom = stored.height() - 1;
  const Size same{stored.width(), stored.height()};
  switch (orientation) {
    case 2:
      return rearrange(stored, same, [=](auto x, auto y) { return At{right - x, y}; });
    case 3:
      return rearrange(stored, same, [=](auto x, auto y) { return At{right - x, bottom - y}; });
    case 4:
      return rearrange(stored, same, [=](auto x, auto y) { return At{x, bottom - y}; });
    case 5:
      return rearrange(stored, same.turned(), [](auto x, auto y) { return At{y, x}; });
    case 6:
      return rearrange(stored, same.turned(), [=](auto x, auto y) { return At{y, bottom - x}; });
    case 7:
      return rearrange(stored, same.turned(),
                       [=](auto x, auto y) { return At{right - y, bottom - x}; });
    case 8:
      return rearrange(stored, same.turned(), [=](auto x, auto y) { return At{right - y, x}; });
    default:
      return stored;
  }
}

Bitmap crop(const Bitmap& picture, std::uint32_t left, std::uint32_t top, Size size) {
  Bitmap result(size.width, size.height, picture.has_alpha());
  for (std::uint32_t y = 0; y < size.height; ++y)
    std::memcpy(result.row(y), picture.row(top + y) + std::size_t{left} * Bitmap::channels,
                result.row_bytes());
  return result;
}

void flatten(Bitmap& picture, const Color& background, bool keep_alpha) {
  if (!picture.has_alpha()) return;
  const std::uint8_t under[] = {background.red, background.green, background.blue};
  // What shows through picture and background: the background's own alpha is over white, if over
  // anything.
  const std::uint32_t ground = keep_alpha ? background.alpha : 255;
  std::uint8_t solid[3];
  for (int i = 0; i < 3; ++i)
    solid[i] = keep_alpha
                   ? under[i]
                   : divide_by_255(under[i] * background.alpha + 255U * (255U - background.alpha));
  std::uint8_t* pixel = picture.row(0);
  for (std::size_t i = 0; i < picture.bytes(); i += Bitmap::channels, pixel += Bitmap::channels) {
    const std::uint32_t alpha = pixel[3];
    const std::uint32_t behind = divide_by_255(ground * (255 - alpha));
    const std::uint32_t total = alpha + behind;
    for (int c = 0; c < 3; ++c)
      pixel[c] = total == 0 ? solid[c]
                            : static_cast<std::uint8_t>(
                                  (pixel[c] * alpha + solid[c] * behind + total / 2) / total);
    pixel[3] = static_cast<std::uint8_t>(total);
  }
  picture.set_has_alpha(keep_alpha && background.alpha < 255);
}

Bitmap set_on_canvas(const Bitmap& picture, Size canvas, const Color& background, Gravity gravity) {
  Bitmap result(canvas.width, canvas.height, picture.has_alpha() || background.alpha < 255);
  const std::uint8_t fill[] = {background.red, background.green, background.blue, background.alpha};
  for (std::size_t i = 0; i < result.row_bytes(); i += Bitmap::channels)
    std::memcpy(result.row(0) + i, fill, sizeof fill);
  for (std::uint32_t y = 1; y < canvas.height; ++y)
    std::memcpy(result.row(y), result.row(0), result.row_bytes());
  const auto [left, top] =
      lean_offset(gravity, {canvas.width, canvas.height}, {picture.width(), picture.height()});
  for (std::uint32_t y = 0; y < picture.height(); ++y)
    std::memcpy(result.row(top + y) + std::size_t{left} * Bitmap::channels, picture.row(y),
                picture.row_bytes());
  return result;
}

}  // namespace calotype
