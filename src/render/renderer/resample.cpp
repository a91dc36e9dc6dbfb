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

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace calotype {
namespace {

constexpr double lobes = 3;

/// sin(πx)·sin(πx/3)·3/(πx)², with sin(3a) = 3·sin(a) - 4·sin³(a) to save a sine.
double lanczos(double x) {
  if (x == 0) return 1;
  if (std::abs(x) >= lobes) return 0;
  const double third = std::numbers::pi * x / lobes;
  const double sine = std::sin(third);
  return sine * sine * (3 - 4 * sine * sine) / (lobes * third * third);
}
static_assert(lobes == 3);

/// The weights of the source's samples for each sample of the result.
struct Kernel {
  std::size_t taps = 0;              // for each, some of them zero
  std::vector<std::uint32_t> first;  // the first source sample
  std::vector<float> weights;        // taps for each
};

/// `extent` of the `from` samples are picture.
Kernel make_kernel(std::uint32_t from, double extent, std::uint32_t to) {
  const double scale = extent / to;
  const double stretch = std::max(scale, 1.0);
  const double radius = lobes * stretch;
  Kernel kernel;
  kernel.taps = std::min<std::size_t>(from, static_cast<std::size_t>(std::ceil(radius * 2)) + 1);
  kernel.first.resize(to);
  kernel.weights.assign(kernel.taps * to, 0.0F);
  std::vector<double> raw(kernel.taps);
  for (std::uint32_t i = 0; i < to; ++i) {
    const double center = (i + 0.5) * scale - 0.5;
    const auto last_start = static_cast<double>(from - kernel.taps);
    const double start = std::clamp(std::ceil(center - radius), 0.0, last_start);
    kernel.first[i] = static_cast<std::uint32_t>(start);
    float* weights = &kernel.weights[i * kernel.taps];
    double sum = 0;
    for (std::size_t t = 0; t < kernel.taps; ++t) {
      raw[t] = lanczos((start + static_cast<double>(t) - center) / stretch);
      sum += raw[t];
    }
    for (std::size_t t = 0; t < kernel.taps; ++t) weights[t] = static_cast<float>(raw[t] / sum);
  }
  return kernel;
}

using SumRows = void (*)(const std::uint8_t* const* rows, const float* weights, std::size_t taps,
                         std::size_t start, std::size_t count, float* to);

/// One row of the result's height, still as wide as the source, from `start`; values 0 to 255.
void sum_rows_anywhere(const std::uint8_t* const* rows, const float* weights, std::size_t taps,
                       std::size_t start, std::size_t count, float* to) {
  std::fill(to + start, to + count, 0.0F);
  for (std::size_t t = 0; t < taps; ++t)
    for (std::size_t x = start; x < count; ++x)
      to[x] += weights[t] * static_cast<float>(rows[t][x]);
}

#if defined(__x86_64__)
/// The same sums in the same order, thirty-two at a time, which stay in registers while the rows go
/// by. Written out, because the compiler takes bytes apart one by one to make floats of them.
[[gnu::target("avx2")]]
void sum_rows_avx2(const std::uint8_t* const* rows, const float* weights, std::size_t taps,
                   std::size_t start, std::size_t count, float* to) {
  constexpr std::size_t block = 32;
  std::size_t x = start;
  for (; x + block <= count; x += block) {
    __m256 sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                     _mm256_setzero_ps()};
    for (std::size_t t = 0; t < taps; ++t) {
      const std::uint8_t* from = rows[t] + x;
      const __m256 weight = _mm256_set1_ps(weights[t]);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + i * 8));
        const __m256 values = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
        sum[i] = _mm256_add_ps(sum[i], _mm256_mul_ps(weight, values));
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) _mm256_storeu_ps(to + x + i * 8, sum[i]);
  }
  sum_rows_anywhere(rows, weights, taps, x, count, to);
}

SumRows fastest_sum_rows() {
  return __builtin_cpu_supports("avx2") ? sum_rows_avx2 : sum_rows_anywhere;
}
#else
SumRows fastest_sum_rows() {
  return sum_rows_anywhere;
}
#endif

typedef float Pixel __attribute__((vector_size(16)));

std::uint8_t to_byte(float value) {
  return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
}

/// Rounded, held within a byte.
void store_pixel(Pixel sum, std::uint8_t* to) {
#if defined(__x86_64__)
  const __m128i integers = _mm_cvttps_epi32(sum + 0.5F);
  const __m128i words = _mm_packs_epi32(integers, integers);
  const int bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
  std::memcpy(to, &bytes, sizeof bytes);
#else
  for (int c = 0; c < 4; ++c) to[c] = to_byte(sum[c]);
#endif
}

Pixel load_pixel(const float* from) {
  Pixel pixel;
  std::memcpy(&pixel, from, sizeof pixel);
  return pixel;
}

/// The row along itself. Two sums, because each addition waits for the one before.
void sum_columns(const float* row, const Kernel& kernel, std::size_t count, std::uint8_t* to) {
  const std::size_t taps = kernel.taps;
  for (std::size_t x = 0; x < count; ++x, to += 4) {
    const float* weights = &kernel.weights[x * taps];
    const float* from = row + std::size_t{kernel.first[x]} * 4;
    Pixel sum = {};
    Pixel odd = {};
    std::size_t t = 0;
    for (; t + 1 < taps; t += 2) {
      sum += load_pixel(from + t * 4) * weights[t];
      odd += load_pixel(from + t * 4 + 4) * weights[t + 1];
    }
    if (t < taps) sum += load_pixel(from + t * 4) * weights[t];
    store_pixel(sum + odd, to);
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
  const Extent whole{static_cast<double>(picture.width()), static_cast<double>(picture.height())};
  return resample(picture, whole, size);
}

Bitmap resample(const Bitmap& picture, Extent extent, Size size) {
  const Kernel across = make_kernel(picture.width(), extent.width, size.width);
  const Kernel down = make_kernel(picture.height(), extent.height, size.height);
  Bitmap result(size.width, size.height, picture.has_alpha());
  std::vector<float> row(picture.row_bytes());
  std::vector<const std::uint8_t*> rows(down.taps);
  const SumRows sum_rows = fastest_sum_rows();
  for (std::uint32_t y = 0; y < size.height; ++y) {
    for (std::size_t t = 0; t < down.taps; ++t)
      rows[t] = picture.row(down.first[y] + static_cast<std::uint32_t>(t));
    const float* weights = &down.weights[y * down.taps];
    if (picture.has_alpha()) {
      sum_alpha_rows(rows.data(), weights, down.taps, row.size(), row.data());
      sum_alpha_columns(row.data(), across, size.width, result.row(y));
    } else {
      sum_rows(rows.data(), weights, down.taps, 0, row.size(), row.data());
      sum_columns(row.data(), across, size.width, result.row(y));
    }
  }
  return result;
}

}  // namespace calotype
