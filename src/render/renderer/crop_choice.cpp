// SPDX-License-Identifier: Apache-2.0
// The picture is judged small, at most 160 pixels a side. Attention gives each pixel a weight (how
// much brightness changes there, and by how much it is more saturated and nearer to the colours of
// skin than the picture is in the mean), and prefers the window whose inner half weighs most.
// Entropy counts how evenly brightness is spread.
#include "render/renderer/crop_choice.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "render/renderer/resample.hpp"

namespace calotype {
namespace {

constexpr std::uint32_t judged_side = 160;

/// Sums over any rectangle in four reads.
class Sums {
 public:
  Sums(std::uint32_t width, std::uint32_t height)
      : width_(width + 1), sums_(std::size_t{width_} * (height + 1)) {}
  void set(std::uint32_t x, std::uint32_t y, double weight) {
    at(x + 1, y + 1) = weight + at(x, y + 1) + at(x + 1, y) - at(x, y);
  }
  double over(std::uint32_t left, std::uint32_t top, Size size) const {
    const std::uint32_t right = left + size.width;
    const std::uint32_t bottom = top + size.height;
    return at(right, bottom) - at(left, bottom) - at(right, top) + at(left, top);
  }

 private:
  double& at(std::uint32_t x, std::uint32_t y) { return sums_[std::size_t{y} * width_ + x]; }
  const double& at(std::uint32_t x, std::uint32_t y) const {
    return sums_[std::size_t{y} * width_ + x];
  }
  std::uint32_t width_;
  std::vector<double> sums_;
};

double luma(const std::uint8_t* pixel) {
  return 0.2126 * pixel[0] + 0.7152 * pixel[1] + 0.0722 * pixel[2];
}

double edge_at(const Bitmap& picture, std::uint32_t x, std::uint32_t y) {
  const auto at = [&](std::uint32_t column, std::uint32_t row) {
    return luma(picture.row(row) + std::size_t{column} * 4);
  };
  const std::uint32_t left = x == 0 ? 0 : x - 1;
  const std::uint32_t right = std::min(x + 1, picture.width() - 1);
  const std::uint32_t up = y == 0 ? 0 : y - 1;
  const std::uint32_t down = std::min(y + 1, picture.height() - 1);
  return std::abs(4 * at(x, y) - at(left, y) - at(right, y) - at(x, up) - at(x, down)) / 255;
}

/// How near the colour's direction is to that of skin, whatever its shade.
double skin_at(const std::uint8_t* pixel) {
  const double length = std::hypot(pixel[0], pixel[1], pixel[2]);
  if (length <= 60 || std::max({pixel[0], pixel[1], pixel[2]}) > 250) return 0;
  const double distance =
      std::hypot(pixel[0] / length - 0.78, pixel[1] / length - 0.57, pixel[2] / length - 0.44);
  return std::max(0.0, 1 - distance / 0.2);
}

double saturation_at(const std::uint8_t* pixel) {
  const auto [least, most] = std::minmax({pixel[0], pixel[1], pixel[2]});
  return (most - least) / 255.0;
}

/// A measure of every pixel, seen through its alpha, above the picture's mean: a brown wall is no
/// face, nor is one red flower among many.
std::vector<double> standing_out(const Bitmap& picture, const auto& measure) {
  std::vector<double> values;
  values.reserve(std::size_t{picture.width()} * picture.height());
  double sum = 0;
  for (std::uint32_t y = 0; y < picture.height(); ++y) {
    const std::uint8_t* pixel = picture.row(y);
    for (std::uint32_t x = 0; x < picture.width(); ++x, pixel += 4) {
      values.push_back(measure(pixel) * pixel[3] / 255.0);
      sum += values.back();
    }
  }
  const double mean = sum / static_cast<double>(values.size());
  for (double& value : values) value = std::max(0.0, value - mean);
  return values;
}

double entropy_of(const Bitmap& picture, Place place, Size size) {
  std::array<std::uint32_t, 64> counts{};
  for (std::uint32_t y = 0; y < size.height; ++y) {
    const std::uint8_t* pixel = picture.row(place.top + y) + std::size_t{place.left} * 4;
    for (std::uint32_t x = 0; x < size.width; ++x, pixel += 4)
      ++counts[static_cast<std::size_t>(luma(pixel)) / 4];
  }
  const double total = static_cast<double>(size.width) * size.height;
  double entropy = 0;
  for (const auto count : counts)
    if (count != 0) entropy -= count / total * std::log2(count / total);
  return entropy;
}

/// The best place by `judge`, the one nearest the middle of those that are as good.
Place best_place(Size picture, Size window, const auto& judge) {
  const std::uint32_t over_x = picture.width - window.width;
  const std::uint32_t over_y = picture.height - window.height;
  Place best{over_x / 2, over_y / 2};
  double best_worth = judge(best) + 1e-9;
  for (std::uint32_t y = 0; y <= over_y; ++y)
    for (std::uint32_t x = 0; x <= over_x; ++x) {
      const double worth = judge(Place{x, y});
      if (worth <= best_worth) continue;
      best_worth = worth;
      best = {x, y};
    }
  return best;
}

Place by_attention(const Bitmap& picture, Size window) {
  const std::vector<double> skin = standing_out(picture, skin_at);
  const std::vector<double> saturation = standing_out(picture, saturation_at);
  Sums sums(picture.width(), picture.height());
  std::size_t at = 0;
  for (std::uint32_t y = 0; y < picture.height(); ++y)
    for (std::uint32_t x = 0; x < picture.width(); ++x, ++at) {
      const double seen = picture.row(y)[std::size_t{x} * 4 + 3] / 255.0;
      const double edge = edge_at(picture, x, y) * seen;
      sums.set(x, y, edge + saturation[at] * 0.5 + skin[at] * 0.9);
    }
  const Size inner{std::max(1U, window.width / 2), std::max(1U, window.height / 2)};
  return best_place({picture.width(), picture.height()}, window, [&](Place place) {
    return sums.over(place.left, place.top, window) +
           sums.over(place.left + (window.width - inner.width) / 2,
                     place.top + (window.height - inner.height) / 2, inner);
  });
}

}  // namespace

Place choose_place(const Bitmap& picture, Size window, Gravity gravity) {
  const Size whole{picture.width(), picture.height()};
  if (window == whole) return {};
  const double share =
      std::min(1.0, judged_side / static_cast<double>(std::max(whole.width, whole.height)));
  const auto small = [&](std::uint32_t side) {
    return std::max(1U, static_cast<std::uint32_t>(std::lround(side * share)));
  };
  const Bitmap judged = resample(picture, {small(whole.width), small(whole.height)});
  const Size judged_window{std::min(small(window.width), judged.width()),
                           std::min(small(window.height), judged.height())};
  const Place place =
      gravity == Gravity::attention
          ? by_attention(judged, judged_window)
          : best_place({judged.width(), judged.height()}, judged_window,
                       [&](Place at) { return entropy_of(judged, at, judged_window); });
  const auto back = [](std::uint32_t at, std::uint32_t judged_over, std::uint32_t over) {
    if (at == judged_over / 2) return over / 2;
    return static_cast<std::uint32_t>(std::uint64_t{at} * over / judged_over);
  };
  return {back(place.left, judged.width() - judged_window.width, whole.width - window.width),
          back(place.top, judged.height() - judged_window.height, whole.height - window.height)};
}

std::optional<Region> inside_borders(const Bitmap& picture, const Trim& trim) {
  const std::uint8_t tolerance = trim.tolerance;
  std::array<std::uint8_t, 4> corner{};
  std::copy_n(picture.row(0), corner.size(), corner.begin());
  if (const auto& color = trim.color)
    corner = {color->red, color->green, color->blue, color->alpha};
  const auto is_border = [&](const std::uint8_t* pixel) {
    if (pixel[3] == 0 && corner[3] == 0) return true;
    for (int c = 0; c < 4; ++c)
      if (std::abs(pixel[c] - corner[c]) > tolerance) return false;
    return true;
  };
  std::uint32_t left = picture.width(), right = 0, top = picture.height(), bottom = 0;
  for (std::uint32_t y = 0; y < picture.height(); ++y) {
    const std::uint8_t* row = picture.row(y);
    std::uint32_t first = 0;
    while (first < picture.width() && is_border(row + std::size_t{first} * 4)) ++first;
    if (first == picture.width()) continue;
    std::uint32_t last = picture.width() - 1;
    while (is_border(row + std::size_t{last} * 4)) --last;
    left = std::min(left, first);
    right = std::max(right, last + 1);
    top = std::min(top, y);
    bottom = y + 1;
  }
  if (right <= left) return std::nullopt;
  if (trim.even_x) {
    const std::uint32_t off = std::min(left, picture.width() - right);
    left = off;
    right = picture.width() - off;
  }
  if (trim.even_y) {
    const std::uint32_t off = std::min(top, picture.height() - bottom);
    top = off;
    bottom = picture.height() - off;
  }
  return Region{left, top, right - left, bottom - top, false};
}

}  // namespace calotype
