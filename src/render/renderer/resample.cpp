// SPDX-License-Identifier: Apache-2.0
// For each row of the result, the rows of the source that it is made of are summed with their
// weights (contiguous, eight floats at a time), and that one row is then summed along itself, a
// pixel of four floats at a time. So only one row of intermediate values is held.
#include "render/renderer/resample.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

namespace calotype {
namespace {

constexpr double lobes = 3;

double lanczos(double x) {
  if (x == 0) return 1;
  if (std::abs(x) >= lobes) return 0;
  const double a = std::numbers::pi * x;
  return lobes * std::sin(a) * std::sin(a / lobes) / (a * a);
}

/// The weights of the source's samples for each sample of the result.
struct Kernel {
  std::size_t taps = 0;              // for each, some of them zero
  std::vector<std::uint32_t> first;  // the first source sample
  std::vector<float> weights;        // taps for each
};

Kernel make_kernel(std::uint32_t from, std::uint32_t to) {
  const double scale = static_cast<double>(from) / to;
  const double stretch = std::max(scale, 1.0);
  const double radius = lobes * stretch;
  Kernel kernel;
  kernel.taps = std::min<std::size_t>(from, static_cast<std::size_t>(std::ceil(radius * 2)) + 1);
  kernel.first.resize(to);
  kernel.weights.assign(kernel.taps * to, 0.0F);
  for (std::uint32_t i = 0; i < to; ++i) {
    const double center = (i + 0.5) * scale - 0.5;
    const auto last_start = static_cast<double>(from - kernel.taps);
    const double start = std::clamp(std::ceil(center - radius), 0.0, last_start);
    kernel.first[i] = static_cast<std::uint32_t>(start);
    float* weights = &kernel.weights[i * kernel.taps];
    double sum = 0;
    for (std::size_t t = 0; t < kernel.taps; ++t)
      sum += lanczos((start + static_cast<double>(t) - center) / stretch);
    for (std::size_t t = 0; t < kernel.taps; ++t)
      weights[t] =
          static_cast<float>(lanczos((start + static_cast<double>(t) - center) / stretch) / sum);
  }
  return kernel;
}

/// One row of the result's height, still as wide as the source; values 0 to 255.
[[gnu::target_clones("avx2", "default")]]
void sum_rows(const std::uint8_t* const* rows, const float* weights, std::size_t taps,
              std::size_t count, float* to) {
  constexpr std::size_t block = 32;
  std::size_t x = 0;
  for (; x + block <= count; x += block) {
    float sum[block] = {};
    for (std::size_t t = 0; t < taps; ++t) {
      const std::uint8_t* from = rows[t] + x;
      const float weight = weights[t];
      for (std::size_t i = 0; i < block; ++i) sum[i] += weight * static_cast<float>(from[i]);
    }
    std::memcpy(to + x, sum, sizeof sum);
  }
  for (; x < count; ++x) {
    float sum = 0;
    for (std::size_t t = 0; t < taps; ++t) sum += weights[t] * static_cast<float>(rows[t][x]);
    to[x] = sum;
  }
}

typedef float Pixel __attribute__((vector_size(16)));

std::uint8_t to_byte(float value) {
  return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
}

[[gnu::target_clones("avx2", "default")]]
void sum_columns(const float* row, const Kernel& kernel, std::size_t count, std::uint8_t* to) {
  for (std::size_t x = 0; x < count; ++x, to += 4) {
    const float* weights = &kernel.weights[x * kernel.taps];
    const float* from = row + std::size_t{kernel.first[x]} * 4;
    Pixel sum = {};
    for (std::size_t t = 0; t < kernel.taps; ++t) {
      Pixel pixel;
      std::memcpy(&pixel, from + t * 4, sizeof pixel);
      sum += pixel * weights[t];
    }
    for (int c = 0; c < 4; ++c) to[c] = to_byte(sum[c]);
  }
}

/// As sum_rows and sum_columns, for pixels that are partly transparent.
void sum_alpha_rows(const std::uint8_t* const* rows, const float* weights, std::size_t taps,
                    std::size_t count, float* to) {
  for (std::size_t x = 0; x < count; x += 4) {
    Pixel sum = {};
    for (std::size_t t = 0; t < taps; ++t) {
      const std::uint8_t* from = rows[t] + x;
      const auto alpha = static_cast<float>(from[3]);
      const float weight = weights[t] * alpha / 255.0F;
      sum += Pixel{weight * static_cast<float>(from[0]), weight * static_cast<float>(from[1]),
                   weight * static_cast<float>(from[2]), weights[t] * alpha};
    }
    std::memcpy(to + x, &sum, sizeof sum);
  }
}

void sum_alpha_columns(const float* row, const Kernel& kernel, std::size_t count,
                       std::uint8_t* to) {
  for (std::size_t x = 0; x < count; ++x, to += 4) {
    const float* weights = &kernel.weights[x * kernel.taps];
    const float* from = row + std::size_t{kernel.first[x]} * 4;
    Pixel sum = {};
    for (std::size_t t = 0; t < kernel.taps; ++t) {
      Pixel pixel;
      std::memcpy(&pixel, from + t * 4, sizeof pixel);
      sum += pixel * weights[t];
    }
    const float alpha = std::clamp(sum[3], 0.0F, 255.0F);
    for (int c = 0; c < 3; ++c) to[c] = alpha < 0.5F ? 0 : to_byte(sum[c] * 255.0F / alpha);
    to[3] = to_byte(alpha);
  }
}

}  // namespace

Bitmap resample(const Bitmap& picture, Size size) {
  const Kernel across = make_kernel(picture.width(), size.width);
  const Kernel down = make_kernel(picture.height(), size.height);
  Bitmap result(size.width, size.height, picture.has_alpha());
  std::vector<float> row(picture.row_bytes());
  std::vector<const std::uint8_t*> rows(down.taps);
  for (std::uint32_t y = 0; y < size.height; ++y) {
    for (std::size_t t = 0; t < down.taps; ++t)
      rows[t] = picture.row(down.first[y] + static_cast<std::uint32_t>(t));
    const float* weights = &down.weights[y * down.taps];
    if (picture.has_alpha()) {
      sum_alpha_rows(rows.data(), weights, down.taps, row.size(), row.data());
      sum_alpha_columns(row.data(), across, size.width, result.row(y));
    } else {
      sum_rows(rows.data(), weights, down.taps, row.size(), row.data());
      sum_columns(row.data(), across, size.width, result.row(y));
    }
  }
  return result;
}

}  // namespace calotype
