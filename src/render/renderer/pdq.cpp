// SPDX-License-Identifier: Apache-2.0
// Luma is blurred by two box filters each way (Jarosz: together nearly a tent as wide as the cells
// that follow), 64 × 64 samples of it are taken, and of their cosine transform the 16 × 16 lowest
// frequencies but the constant ones. A bit says whether its frequency is above their median.
//
// A part of the picture is sampled from the same blurred luma, at the centres of its own 64 × 64
// cells, so that it costs a transform and nothing else. (Its cells are smaller than the blur is
// wide, but so are those of the other picture that it is compared with, or nearly.)
//
// Single precision, in the order of the published program: other orders round to other bits.
#include "render/renderer/pdq.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <vector>

namespace calotype {
namespace {

constexpr std::size_t cells = 64;
constexpr std::size_t frequencies = 16;
constexpr std::uint32_t side_min = 5;
constexpr int blurs = 2;

struct Luma {
  std::size_t width = 0;
  std::size_t height = 0;
  std::vector<float> values;  // row by row
};
using Cells = std::array<std::array<float, cells>, cells>;
using Frequencies = std::array<float, frequencies * frequencies>;  // row by row

/// A part of one side of a picture, in shares of it.
struct Stretch {
  double start = 0;
  double length = 1;
  bool operator==(const Stretch&) const = default;
};
constexpr Stretch all_of_it{};
constexpr Stretch middle_of_it{0.025, 0.95};
constexpr std::array halves = {Stretch{0, 0.5}, Stretch{0.5, 0.5}};
/// What may be left of a side when five per cent or less are cut off its ends, in steps of 2.5.
constexpr std::array stretches = {all_of_it,           middle_of_it,          Stretch{0, 0.975},
                                  Stretch{0, 0.95},    Stretch{0.025, 0.975}, Stretch{0.025, 0.925},
                                  Stretch{0.05, 0.95}, Stretch{0.05, 0.925},  Stretch{0.05, 0.9}};
/// A quarter's cells are half as wide as the picture's, so that half as much changes between them.
constexpr std::uint8_t quarter_quality_min = fingerprint_quality_min / 2;

Luma luma_of(const Bitmap& picture) {
  Luma luma{picture.width(), picture.height(), {}};
  luma.values.reserve(luma.width * luma.height);
  for (std::uint32_t y = 0; y < picture.height(); ++y) {
    const std::uint8_t* pixel = picture.row(y);
    for (std::uint32_t x = 0; x < picture.width(); ++x, pixel += Bitmap::channels)
      luma.values.push_back(0.299F * static_cast<float>(pixel[0]) +
                            0.587F * static_cast<float>(pixel[1]) +
                            0.114F * static_cast<float>(pixel[2]));
  }
  return luma;
}

/// Half of a cell, rounded up: two filters make a whole one.
std::size_t window_of(std::size_t side) {
  return (side + 2 * cells - 1) / (2 * cells);
}

/// A box filter moves along `length` samples. Its sum runs on, sample by sample, as does its
/// rounding; `write` gets how many samples are in it.
template <class Add, class Subtract, class Write>
void move_box(std::size_t length, const Add& add, const Subtract& subtract, const Write& write) {
  const std::size_t window = window_of(length);
  const std::size_t ahead = window / 2;  // of the sample that is written
  const std::size_t behind = window - 1 - ahead;
  for (std::size_t i = 0; i < ahead; ++i) add(i);
  for (std::size_t i = 0; i < length; ++i) {
    if (i + ahead < length) add(i + ahead);
    if (i > behind) subtract(i - behind - 1);
    const std::size_t first = i > behind ? i - behind : 0;
    write(i, static_cast<float>(std::min(length - 1, i + ahead) - first + 1));
  }
}

void blur_rows(const Luma& from, Luma& to) {
  for (std::size_t y = 0; y < from.height; ++y) {
    const float* in = &from.values[y * from.width];
    float* out = &to.values[y * from.width];
    float sum = 0;
    move_box(
        from.width, [&](std::size_t x) { sum += in[x]; }, [&](std::size_t x) { sum -= in[x]; },
        [&](std::size_t x, float count) { out[x] = sum / count; });
  }
}

/// All columns side by side, each in the order that it would have alone.
void blur_columns(const Luma& from, Luma& to) {
  const std::size_t width = from.width;
  std::vector<float> sums(width, 0.0F);
  move_box(
      from.height,
      [&](std::size_t y) {
        for (std::size_t x = 0; x < width; ++x) sums[x] += from.values[y * width + x];
      },
      [&](std::size_t y) {
        for (std::size_t x = 0; x < width; ++x) sums[x] -= from.values[y * width + x];
      },
      [&](std::size_t y, float count) {
        for (std::size_t x = 0; x < width; ++x) to.values[y * width + x] = sums[x] / count;
      });
}

/// The samples' places along a side, of those of the stretch's cells the ones at their centres.
std::array<std::size_t, cells> places_along(std::size_t side, const Stretch& stretch) {
  std::array<std::size_t, cells> places{};
  const double share = stretch.length * static_cast<double>(side);
  const double start = stretch.start * static_cast<double>(side);
  for (std::size_t i = 0; i < cells; ++i)
    places[i] = static_cast<std::size_t>(start + (static_cast<double>(i) + 0.5) * share / cells);
  return places;
}

Cells sample(const Luma& luma, const Stretch& across, const Stretch& down) {
  const auto columns = places_along(luma.width, across);
  const auto rows = places_along(luma.height, down);
  Cells taken;
  for (std::size_t i = 0; i < cells; ++i)
    for (std::size_t j = 0; j < cells; ++j)
      taken[i][j] = luma.values[rows[i] * luma.width + columns[j]];
  return taken;
}

/// How much changes from cell to cell, where it changes by more than noise does.
std::uint8_t quality_of(const Cells& picture) {
  int sum = 0;
  const auto add = [&](float one, float other) {
    sum += std::abs(static_cast<int>((one - other) * 100 / 255));
  };
  for (std::size_t i = 0; i + 1 < cells; ++i)
    for (std::size_t j = 0; j < cells; ++j) {
      add(picture[i][j], picture[i + 1][j]);
      add(picture[j][i], picture[j][i + 1]);
    }
  return static_cast<std::uint8_t>(std::min(sum / 90, 100));
}

/// Rows 1 to 16 of the cosine transform's matrix.
const auto& transform_matrix() {
  static const auto matrix = [] {
    std::array<std::array<float, cells>, frequencies> made{};
    const auto scale = static_cast<float>(std::sqrt(2.0 / cells));
    for (std::size_t i = 0; i < frequencies; ++i)
      for (std::size_t j = 0; j < cells; ++j)
        made[i][j] = static_cast<float>(
            scale * std::cos((std::numbers::pi / 2.0 / double{cells}) * static_cast<double>(i + 1) *
                             static_cast<double>(2 * j + 1)));
    return made;
  }();
  return matrix;
}

Frequencies transform(const Cells& picture) {
  const auto& matrix = transform_matrix();
  std::array<std::array<float, cells>, frequencies> half{};
  for (std::size_t i = 0; i < frequencies; ++i)
    for (std::size_t k = 0; k < cells; ++k)
      for (std::size_t j = 0; j < cells; ++j) half[i][j] += matrix[i][k] * picture[k][j];
  Frequencies result{};
  for (std::size_t i = 0; i < frequencies; ++i)
    for (std::size_t j = 0; j < frequencies; ++j)
      for (std::size_t k = 0; k < cells; ++k)
        result[i * frequencies + j] += half[i][k] * matrix[j][k];
  return result;
}

Fingerprint::Bits bits_of(const Frequencies& values) {
  Frequencies sorted = values;
  auto* const middle = sorted.begin() + sorted.size() / 2 - 1;  // the lower of the two
  std::ranges::nth_element(sorted, middle);
  Fingerprint::Bits bits{};
  for (std::size_t k = 0; k < values.size(); ++k)
    if (values[k] > *middle) bits[k / 64] |= 1ULL << k % 64;
  return bits;
}

}  // namespace

std::optional<Fingerprint> pdq_fingerprint(const Bitmap& picture) {
  if (std::min(picture.width(), picture.height()) < side_min) return std::nullopt;
  if (picture.has_alpha()) {
    Bitmap opaque = crop(picture, 0, 0, {picture.width(), picture.height()});
    flatten(opaque, {255, 255, 255, 255}, false);
    return pdq_fingerprint(opaque);
  }
  Luma luma = luma_of(picture);
  if (luma.width != cells || luma.height != cells) {
    Luma other{luma.width, luma.height, std::vector<float>(luma.values.size())};
    for (int i = 0; i < blurs; ++i) {
      blur_rows(luma, other);
      blur_columns(other, luma);
    }
  }
  const auto bits_of_part = [&](const Stretch& across, const Stretch& down) {
    return bits_of(transform(sample(luma, across, down)));
  };
  Fingerprint fingerprint{.whole = bits_of_part(all_of_it, all_of_it),
                          .middle = bits_of_part(middle_of_it, middle_of_it),
                          .crops = {},
                          .quality = quality_of(sample(luma, all_of_it, all_of_it))};
  auto* quarter = fingerprint.quarters.begin();
  for (const Stretch& across : halves)
    for (const Stretch& down : halves) {
      const Cells taken = sample(luma, across, down);
      if (quality_of(taken) >= quarter_quality_min) *quarter = bits_of(transform(taken));
      ++quarter;
    }
  for (const Stretch& across : stretches)
    for (const Stretch& down : stretches) {
      const bool has_a_name = across == down && (across == all_of_it || across == middle_of_it);
      if (!has_a_name) fingerprint.crops.push_back(bits_of_part(across, down));
    }
  return fingerprint;
}

}  // namespace calotype
