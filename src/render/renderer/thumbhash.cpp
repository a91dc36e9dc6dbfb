// SPDX-License-Identifier: Apache-2.0
// The picture is split into luminance, yellow-blue, red-green (and alpha), each becomes the low
// frequencies of a cosine transform, in four bits each behind a header:
//
//   24 bits  luminance constant 6, yellow-blue constant 6, red-green constant 6, luminance scale 5,
//            has alpha 1
//   16 bits  luminance terms of the shorter side 3, yellow-blue scale 6, red-green scale 6,
//            is landscape 1
//   [8 bits  alpha constant 4, alpha scale 4]
//   4 bits each: varying terms of luminance, yellow-blue, red-green, [alpha]
#include "render/renderer/thumbhash.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace calotype {
namespace {

struct Channel {
  double constant = 0;
  std::vector<double> terms;  // normalised to [0, 1]
  double scale = 0;
};

Channel transform(const std::vector<double>& values, Size size, std::uint32_t terms_across,
                  std::uint32_t terms_down) {
  Channel channel;
  std::vector<double> cosines(size.width);
  const double pixels = static_cast<double>(size.width) * size.height;
  for (std::uint32_t cy = 0; cy < terms_down; ++cy)
    for (std::uint32_t cx = 0; cx * terms_down < terms_across * (terms_down - cy); ++cx) {
      for (std::uint32_t x = 0; x < size.width; ++x)
        cosines[x] = std::cos(std::numbers::pi / size.width * cx * (x + 0.5));
      double sum = 0;
      for (std::uint32_t y = 0; y < size.height; ++y) {
        const double cosine = std::cos(std::numbers::pi / size.height * cy * (y + 0.5));
        for (std::uint32_t x = 0; x < size.width; ++x)
          sum += values[x + std::size_t{y} * size.width] * cosines[x] * cosine;
      }
      sum /= pixels;
      if (cx > 0 || cy > 0) {
        channel.terms.push_back(sum);
        channel.scale = std::max(channel.scale, std::abs(sum));
      } else {
        channel.constant = sum;
      }
    }
  if (channel.scale > 0)
    for (double& term : channel.terms) term = 0.5 + 0.5 / channel.scale * term;
  return channel;
}

std::uint32_t level(double value, int levels) {
  return static_cast<std::uint32_t>(std::clamp<long>(std::lround(value * levels), 0, levels));
}

/// Luminance, yellow-blue, red-green and alpha, over the picture's mean where it is transparent.
struct Planes {
  std::vector<double> luminance, yellow_blue, red_green, alpha;
};

Planes split(const Bitmap& picture) {
  const std::size_t count = std::size_t{picture.width()} * picture.height();
  double mean[3] = {};
  double total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* pixel = picture.row(0) + i * 4;
    const double alpha = pixel[3] / 255.0;
    for (int c = 0; c < 3; ++c) mean[c] += alpha / 255 * pixel[c];
    total += alpha;
  }
  if (total > 0)
    for (double& channel : mean) channel /= total;
  Planes planes;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* pixel = picture.row(0) + i * 4;
    const double alpha = pixel[3] / 255.0;
    double color[3];
    for (int c = 0; c < 3; ++c) color[c] = mean[c] * (1 - alpha) + alpha / 255 * pixel[c];
    planes.luminance.push_back((color[0] + color[1] + color[2]) / 3);
    planes.yellow_blue.push_back((color[0] + color[1]) / 2 - color[2]);
    planes.red_green.push_back(color[0] - color[1]);
    planes.alpha.push_back(alpha);
  }
  return planes;
}

void put(std::string& hash, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) hash += static_cast<char>(value >> (8 * i) & 0xff);
}

}  // namespace

std::string thumb_hash(const Bitmap& picture) {
  const Size size{picture.width(), picture.height()};
  const bool has_alpha = picture.has_alpha();
  const Planes planes = split(picture);
  const double luminance_terms = has_alpha ? 5 : 7;
  const double longer = std::max(size.width, size.height);
  const auto across = std::max<std::uint32_t>(
      1, static_cast<std::uint32_t>(std::lround(luminance_terms * size.width / longer)));
  const auto down = std::max<std::uint32_t>(
      1, static_cast<std::uint32_t>(std::lround(luminance_terms * size.height / longer)));
  const Channel luminance =
      transform(planes.luminance, size, std::max(3U, across), std::max(3U, down));
  const Channel yellow_blue = transform(planes.yellow_blue, size, 3, 3);
  const Channel red_green = transform(planes.red_green, size, 3, 3);
  const Channel alpha = has_alpha ? transform(planes.alpha, size, 5, 5) : Channel{};
  const bool landscape = size.width > size.height;

  std::string hash;
  put(hash,
      level(luminance.constant, 63) | level(0.5 + 0.5 * yellow_blue.constant, 63) << 6 |
          level(0.5 + 0.5 * red_green.constant, 63) << 12 | level(luminance.scale, 31) << 18 |
          (has_alpha ? 1U : 0U) << 23,
      3);
  put(hash,
      (landscape ? down : across) | level(yellow_blue.scale, 63) << 3 |
          level(red_green.scale, 63) << 9 | (landscape ? 1U : 0U) << 15,
      2);
  if (has_alpha) put(hash, level(alpha.constant, 15) | level(alpha.scale, 15) << 4, 1);
  bool low = true;
  for (const Channel* channel : {&luminance, &yellow_blue, &red_green, &alpha})
    for (const double term : channel->terms) {
      if (low)
        put(hash, level(term, 15), 1);
      else
        hash.back() = static_cast<char>(hash.back() | static_cast<char>(level(term, 15) << 4));
      low = !low;
    }
  return hash;
}

}  // namespace calotype
