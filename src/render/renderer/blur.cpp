// SPDX-License-Identifier: Apache-2.0
// One pass smooths the lines of a plane and writes it turned by a quarter, so that rows and columns
// are the same loop: twice gives both ways, and the picture lies as before. Alpha is multiplied in
// and divided out again around it.
#include "render/renderer/blur.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace calotype {
namespace {

using Pixel = std::array<float, 4>;
using Line = std::vector<Pixel>;

constexpr double kernel_sigma_max = 2;

struct Plane {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<Pixel> pixels;
};

/// Kovesi: three means of odd widths whose variances add up to sigma squared.
std::array<int, 3> mean_radii(double sigma) {
  const double ideal = std::sqrt(12 * sigma * sigma / 3 + 1);
  int lower = static_cast<int>(ideal);
  if (lower % 2 == 0) --lower;
  const double narrow =
      (12 * sigma * sigma - 3 * lower * lower - 12 * lower - 9) / (-4 * lower - 4);
  std::array<int, 3> radii{};
  for (int i = 0; i < 3; ++i)
    radii[static_cast<std::size_t>(i)] = (i < std::lround(narrow) ? lower : lower + 2) / 2;
  return radii;
}

void smooth_by_mean(Line& line, Line& scratch, int radius) {
  if (radius == 0) return;
  const int length = static_cast<int>(line.size());
  const auto at = [&](int i) -> const Pixel& {
    return line[static_cast<std::size_t>(std::clamp(i, 0, length - 1))];
  };
  std::array<double, 4> sum{};
  const auto add = [&](const Pixel& pixel, double sign) {
    for (std::size_t c = 0; c < 4; ++c) sum[c] += sign * pixel[c];
  };
  for (int i = -radius; i <= radius; ++i) add(at(i), 1);
  const double share = 1.0 / (2 * radius + 1);
  for (int i = 0; i < length; ++i) {
    for (std::size_t c = 0; c < 4; ++c)
      scratch[static_cast<std::size_t>(i)][c] = static_cast<float>(sum[c] * share);
    add(at(i + radius + 1), 1);
    add(at(i - radius), -1);
  }
  std::swap(line, scratch);
}

void smooth_by_kernel(Line& line, Line& scratch, const std::vector<float>& half) {
  const int length = static_cast<int>(line.size());
  const int reach = static_cast<int>(half.size()) - 1;
  for (int i = 0; i < length; ++i) {
    Pixel sum{};
    for (int k = -reach; k <= reach; ++k) {
      const Pixel& from = line[static_cast<std::size_t>(std::clamp(i + k, 0, length - 1))];
      const float weight = half[static_cast<std::size_t>(std::abs(k))];
      for (std::size_t c = 0; c < 4; ++c) sum[c] += weight * from[c];
    }
    scratch[static_cast<std::size_t>(i)] = sum;
  }
  std::swap(line, scratch);
}

std::vector<float> half_kernel(double sigma) {
  const int reach = std::max(1, static_cast<int>(std::ceil(3 * sigma)));
  std::vector<double> half;
  double sum = 0;
  for (int k = 0; k <= reach; ++k) {
    half.push_back(std::exp(-0.5 * k * k / (sigma * sigma)));
    sum += half.back() * (k == 0 ? 1 : 2);
  }
  std::vector<float> weights;
  weights.reserve(half.size());
  for (const double weight : half) weights.push_back(static_cast<float>(weight / sum));
  return weights;
}

Plane smooth_and_turn(const Plane& plane, double sigma) {
  Plane turned{plane.height, plane.width, std::vector<Pixel>(plane.pixels.size())};
  const bool by_kernel = sigma <= kernel_sigma_max;
  const auto half = by_kernel ? half_kernel(sigma) : std::vector<float>{};
  const auto radii = mean_radii(sigma);
  Line line(plane.width);
  Line scratch(plane.width);
  for (std::uint32_t y = 0; y < plane.height; ++y) {
    std::copy_n(plane.pixels.begin() + std::size_t{y} * plane.width, plane.width, line.begin());
    if (by_kernel) {
      smooth_by_kernel(line, scratch, half);
    } else {
      for (const int radius : radii) smooth_by_mean(line, scratch, radius);
    }
    for (std::uint32_t x = 0; x < plane.width; ++x)
      turned.pixels[std::size_t{x} * turned.width + y] = line[x];
  }
  return turned;
}

Plane plane_of(const Bitmap& picture) {
  Plane plane{picture.width(), picture.height(), {}};
  plane.pixels.reserve(std::size_t{plane.width} * plane.height);
  for (std::uint32_t y = 0; y < plane.height; ++y) {
    const std::uint8_t* from = picture.row(y);
    for (std::uint32_t x = 0; x < plane.width; ++x, from += 4) {
      const float alpha = from[3] / 255.0F;
      plane.pixels.push_back(
          {from[0] * alpha, from[1] * alpha, from[2] * alpha, static_cast<float>(from[3])});
    }
  }
  return plane;
}

}  // namespace

Bitmap blurred(const Bitmap& picture, double sigma) {
  const Plane plane = smooth_and_turn(smooth_and_turn(plane_of(picture), sigma), sigma);
  Bitmap result(picture.width(), picture.height(), picture.has_alpha());
  for (std::uint32_t y = 0; y < plane.height; ++y) {
    std::uint8_t* to = result.row(y);
    for (std::uint32_t x = 0; x < plane.width; ++x, to += 4) {
      const Pixel& from = plane.pixels[std::size_t{y} * plane.width + x];
      const float back = from[3] > 0 ? 255.0F / from[3] : 0.0F;
      for (std::size_t c = 0; c < 3; ++c)
        to[c] = static_cast<std::uint8_t>(std::clamp(from[c] * back + 0.5F, 0.0F, 255.0F));
      to[3] = static_cast<std::uint8_t>(std::clamp(from[3] + 0.5F, 0.0F, 255.0F));
    }
  }
  return result;
}

}  // namespace calotype
