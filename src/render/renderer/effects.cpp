// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/effects.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#include "render/renderer/blur.hpp"
#include "render/renderer/resample.hpp"

namespace calotype {
namespace {

Size size_of(const Bitmap& picture) {
  return {picture.width(), picture.height()};
}

bool has_transparency(const Bitmap& picture) {
  for (std::uint32_t y = 0; y < picture.height(); ++y)
    for (std::uint32_t x = 0; x < picture.width(); ++x)
      if (picture.row(y)[std::size_t{x} * 4 + 3] != 255) return true;
  return false;
}

void fill(Bitmap& picture, const Color& color) {
  const std::array<std::uint8_t, 4> pixel = {color.red, color.green, color.blue, color.alpha};
  for (std::uint32_t y = 0; y < picture.height(); ++y)
    for (std::uint32_t x = 0; x < picture.width(); ++x)
      std::memcpy(picture.row(y) + std::size_t{x} * 4, pixel.data(), pixel.size());
}

/// Four numbers, the colours multiplied by alpha.
struct Light {
  double red = 0, green = 0, blue = 0, alpha = 0;
  void add(const std::uint8_t* pixel, double weight) {
    const double share = weight * pixel[3];
    red += share * pixel[0];
    green += share * pixel[1];
    blue += share * pixel[2];
    alpha += share;
  }
};

/// The picture at a point between pixels, bilinear; `background` outside.
Light light_at(const Bitmap& picture, double x, double y, const std::array<std::uint8_t, 4>& back) {
  const double left = std::floor(x);
  const double top = std::floor(y);
  Light light;
  for (int i = 0; i < 4; ++i) {
    const double column = left + (i & 1);
    const double row = top + (i >> 1);
    const double weight = (1 - std::abs(x - column)) * (1 - std::abs(y - row));
    if (weight <= 0) continue;
    const bool inside =
        column >= 0 && row >= 0 && column < picture.width() && row < picture.height();
    light.add(
        inside ? picture.row(static_cast<std::uint32_t>(row)) + static_cast<std::size_t>(column) * 4
               : back.data(),
        weight);
  }
  return light;
}

void put(std::uint8_t* to, const Light& light) {
  if (light.alpha <= 0) {
    std::memset(to, 0, 4);
    return;
  }
  to[0] = to_byte(light.red / light.alpha);
  to[1] = to_byte(light.green / light.alpha);
  to[2] = to_byte(light.blue / light.alpha);
  to[3] = to_byte(light.alpha);
}

/// By any angle: each pixel of the result looks where it came from.
Bitmap turned_freely(const Bitmap& picture, std::uint16_t rotation, const Color& background) {
  const PictureSize size = turned_size({picture.width(), picture.height()}, rotation);
  Bitmap result(size.width, size.height, picture.has_alpha() || background.alpha != 255);
  // Of the colour itself where it is invisible, so that edges keep theirs.
  const std::array<std::uint8_t, 4> back = {background.red, background.green, background.blue,
                                            background.alpha};
  const double angle = rotation / 18'000.0 * std::numbers::pi;
  const double cosine = std::cos(angle);
  const double sine = std::sin(angle);
  for (std::uint32_t y = 0; y < size.height; ++y)
    for (std::uint32_t x = 0; x < size.width; ++x) {
      const double right = x + 0.5 - size.width / 2.0;
      const double down = y + 0.5 - size.height / 2.0;
      const double from_x = right * cosine + down * sine + picture.width() / 2.0 - 0.5;
      const double from_y = down * cosine - right * sine + picture.height() / 2.0 - 0.5;
      put(result.row(y) + std::size_t{x} * 4, light_at(picture, from_x, from_y, back));
    }
  return result;
}

constexpr double red_share = 0.2126, green_share = 0.7152, blue_share = 0.0722;  // Rec. 709 luma

double luma_of(const std::uint8_t* pixel) {
  return red_share * pixel[0] + green_share * pixel[1] + blue_share * pixel[2];
}

/// Brightness adds, contrast spreads around the middle.
std::array<std::uint8_t, 256> tone_curve(const Effects& effects) {
  std::array<std::uint8_t, 256> curve;
  const double spread = (100 + effects.contrast) / 100.0;
  const double lift = effects.brightness * 2.55;
  for (std::size_t i = 0; i < curve.size(); ++i)
    curve[i] = to_byte((static_cast<double>(i) - 127.5) * spread + 127.5 + lift);
  return curve;
}

void change_saturation(Bitmap& picture, const Effects& effects) {
  const double share = effects.tone == Tone::color ? (100 + effects.saturation) / 100.0 : 0;
  for (std::uint32_t y = 0; y < picture.height(); ++y) {
    std::uint8_t* pixel = picture.row(y);
    for (std::uint32_t x = 0; x < picture.width(); ++x, pixel += 4) {
      double luma = luma_of(pixel);
      if (effects.tone == Tone::bitonal) luma = luma < 127.5 ? 0 : 255;
      for (int channel = 0; channel < 3; ++channel)
        pixel[channel] = to_byte(luma + (pixel[channel] - luma) * share);
    }
  }
}

}  // namespace

Bitmap rotated(Bitmap picture, std::uint16_t rotation, const Color& background) {
  switch (rotation) {
    case 0:
      return picture;
    case 9'000:
      return upright(std::move(picture), 6);
    case 18'000:
      return upright(std::move(picture), 3);
    case 27'000:
      return upright(std::move(picture), 8);
    default:
      return turned_freely(picture, rotation, background);
  }
}

void change_tones(Bitmap& picture, const Effects& effects) {
  if (effects.brightness != 0 || effects.contrast != 0) {
    const auto curve = tone_curve(effects);
    for (std::uint32_t y = 0; y < picture.height(); ++y) {
      std::uint8_t* pixel = picture.row(y);
      for (std::uint32_t x = 0; x < picture.width(); ++x, pixel += 4)
        for (int channel = 0; channel < 3; ++channel) pixel[channel] = curve[pixel[channel]];
    }
  }
  if (effects.saturation != 0 || effects.tone != Tone::color) change_saturation(picture, effects);
}

void sharpen(Bitmap& picture, double sigma) {
  const Bitmap soft = blurred(picture, sigma);
  for (std::uint32_t y = 0; y < picture.height(); ++y) {
    std::uint8_t* to = picture.row(y);
    const std::uint8_t* from = soft.row(y);
    for (std::uint32_t x = 0; x < picture.width(); ++x, to += 4, from += 4)
      for (int channel = 0; channel < 3; ++channel)
        to[channel] =
            static_cast<std::uint8_t>(std::clamp(2 * to[channel] - from[channel], 0, 255));
  }
}

void round_corners(Bitmap& picture, std::uint16_t wanted) {
  const double radius = std::min<double>(wanted, std::min(picture.width(), picture.height()) / 2.0);
  if (radius <= 0) return;
  const auto reach = static_cast<std::uint32_t>(std::ceil(radius));
  const std::uint32_t right = picture.width() - 1;
  const std::uint32_t bottom = picture.height() - 1;
  for (std::uint32_t y = 0; y < reach; ++y)
    for (std::uint32_t x = 0; x < reach; ++x) {
      const double distance = std::hypot(radius - x - 0.5, radius - y - 0.5);
      const double seen = std::clamp(radius - distance + 0.5, 0.0, 1.0);
      if (seen >= 1) continue;
      // A corner's pixel may be shared by two where they meet: it is as seen as the less of them.
      for (const auto& [column, row] :
           {std::pair{x, y}, {right - x, y}, {x, bottom - y}, {right - x, bottom - y}}) {
        std::uint8_t* alpha = picture.row(row) + std::size_t{column} * 4 + 3;
        *alpha = std::min(*alpha, to_byte(seen * 255));
      }
    }
  picture.set_has_alpha(true);
}

Bitmap padded(const Bitmap& picture, const Padding& padding, const Color& background) {
  Bitmap result(picture.width() + padding.left + padding.right,
                picture.height() + padding.top + padding.bottom,
                picture.has_alpha() || background.alpha != 255);
  fill(result, background);
  for (std::uint32_t y = 0; y < picture.height(); ++y)
    std::memcpy(result.row(y + padding.top) + std::size_t{padding.left} * 4, picture.row(y),
                picture.row_bytes());
  return result;
}

void pixelate(Bitmap& picture, std::uint16_t side) {
  for (std::uint32_t top = 0; top < picture.height(); top += side)
    for (std::uint32_t left = 0; left < picture.width(); left += side) {
      const std::uint32_t right = std::min<std::uint32_t>(left + side, picture.width());
      const std::uint32_t bottom = std::min<std::uint32_t>(top + side, picture.height());
      Light light;
      const double weight = 1.0 / (std::uint64_t{right - left} * (bottom - top));
      for (std::uint32_t y = top; y < bottom; ++y)
        for (std::uint32_t x = left; x < right; ++x)
          light.add(picture.row(y) + std::size_t{x} * 4, weight);
      std::array<std::uint8_t, 4> mean{};
      put(mean.data(), light);
      for (std::uint32_t y = top; y < bottom; ++y)
        for (std::uint32_t x = left; x < right; ++x)
          std::memcpy(picture.row(y) + std::size_t{x} * 4, mean.data(), mean.size());
    }
}

void fade(Bitmap& picture, std::uint8_t opacity_percent) {
  for (std::uint32_t y = 0; y < picture.height(); ++y) {
    std::uint8_t* pixel = picture.row(y);
    for (std::uint32_t x = 0; x < picture.width(); ++x, pixel += 4)
      pixel[3] = to_byte(pixel[3] * opacity_percent / 100.0);
  }
  picture.set_has_alpha(true);
}

namespace {

/// How much of the pixel lies inside a rectangle of that size with round corners, `inset` from the
/// edge of a canvas; from 0 to 1.
double inside_round(Size canvas, double inset, double radius, std::uint32_t x, std::uint32_t y) {
  // From the middle, where the four corners are one.
  const double half_x = canvas.width / 2.0 - inset;
  const double half_y = canvas.height / 2.0 - inset;
  const double reach = std::min({radius, half_x, half_y});
  const double across = std::abs(x + 0.5 - canvas.width / 2.0) - (half_x - reach);
  const double down = std::abs(y + 0.5 - canvas.height / 2.0) - (half_y - reach);
  const double distance =
      across > 0 && down > 0 ? std::hypot(across, down) : std::max(across, down);
  return std::clamp(reach - distance + 0.5, 0.0, 1.0);
}

/// `over` above `under`, both seen by their alpha.
void blend(std::uint8_t* under, const Color& over, double share) {
  const double above = over.alpha / 255.0 * share;
  const double below = under[3] / 255.0 * (1 - above);
  const double alpha = above + below;
  if (alpha <= 0) return;
  const std::array<std::uint8_t, 3> color = {over.red, over.green, over.blue};
  for (std::size_t channel = 0; channel < color.size(); ++channel)
    under[channel] = to_byte((color[channel] * above + under[channel] * below) / alpha);
  under[3] = to_byte(alpha * 255);
}

/// `share` of the pixel is the colour instead.
void replace(std::uint8_t* pixel, const Color& by, double share) {
  const std::array<std::uint8_t, 4> color = {by.red, by.green, by.blue, by.alpha};
  Light light;
  light.add(pixel, 1 - share);
  light.add(color.data(), share);
  put(pixel, light);
}

}  // namespace

Bitmap framed(Bitmap picture, const Border& border, std::uint16_t corner_radius) {
  const double half = std::min(picture.width(), picture.height()) / 2.0;
  const bool is_round = corner_radius >= half;
  double outer = std::min<double>(corner_radius, half);
  if (!border.is_inside) {
    const std::uint16_t width = border.width;
    picture = padded(picture, {width, width, width, width}, Color{0, 0, 0, 0});
    if (corner_radius > 0) outer += width;
  }
  const double inner = std::max(0.0, outer - border.width);
  const Size canvas = size_of(picture);
  const double band = border.width + inner + 1;
  for (std::uint32_t y = 0; y < canvas.height; ++y)
    for (std::uint32_t x = 0; x < canvas.width; ++x) {
      const bool is_near =
          x < band || y < band || x + band >= canvas.width || y + band >= canvas.height;
      if (!is_near) continue;
      const double share = 1 - inside_round(canvas, border.width, inner, x, y);
      if (share <= 0) continue;
      std::uint8_t* pixel = picture.row(y) + std::size_t{x} * 4;
      if (border.is_inside)
        blend(pixel, border.color, share);
      else
        replace(pixel, border.color, share);
    }
  if (!border.is_inside) picture.set_has_alpha(has_transparency(picture));
  // The outer edge last, so that no seam shows between picture and border.
  if (corner_radius > 0)
    round_corners(picture, is_round ? radius_max : static_cast<std::uint16_t>(outer));
  return picture;
}

Bitmap with_effects(Bitmap picture, const Effects& effects, const Color& background) {
  if (effects.mirror) picture = upright(std::move(picture), 2);
  picture = rotated(std::move(picture), effects.rotation, background);
  change_tones(picture, effects);
  if (effects.blur != 0) picture = blurred(picture, effects.blur / 100.0);
  if (effects.sharpen != 0) sharpen(picture, effects.sharpen / 100.0);
  if (effects.pixelate > 1) pixelate(picture, effects.pixelate);
  if (effects.border.width != 0)
    picture = framed(std::move(picture), effects.border, effects.corner_radius);
  else if (effects.corner_radius != 0)
    round_corners(picture, effects.corner_radius);
  if (effects.opacity_percent != 100) fade(picture, effects.opacity_percent);
  if (effects.padding != Padding{}) picture = padded(picture, effects.padding, background);
  return picture;
}

}  // namespace calotype
