// SPDX-License-Identifier: Apache-2.0
// A picture that is decoded at a fraction of its size stays where it is: the last row of such a
// decode may be picture in part only, and must not stretch what is above it.
#include "render/renderer/original.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "render/renderer/jpeg_codec.hpp"
#include "render/renderer/resample.hpp"

namespace calotype {
namespace {

/// Squares, some pixels wide in the result too, so that half a pixel's shift is seen everywhere.
Bitmap bars(std::uint32_t width, std::uint32_t height) {
  Bitmap picture(width, height, false);
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::uint32_t x = 0; x < width; ++x) {
      std::uint8_t* pixel = picture.row(y) + std::size_t{x} * Bitmap::channels;
      pixel[0] = pixel[1] = pixel[2] = static_cast<std::uint8_t>((y / 48 + x / 48) % 2 * 160 + 40);
      pixel[3] = 255;
    }
  return picture;
}

double difference(const Bitmap& one, const Bitmap& other) {
  double sum = 0;
  for (std::uint32_t y = 0; y < one.height(); ++y)
    for (std::size_t i = 0; i < one.row_bytes(); ++i)
      sum += std::abs(int{one.row(y)[i]} - int{other.row(y)[i]});
  return sum / static_cast<double>(one.bytes());
}

TEST(Original, StaysInPlaceWhereTheDecodedRowsAreNotWhole) {
  struct Row {
    const char* name;
    Size stored;
    Size wanted;
    double most;  // steps of 255 in the mean; moved by a part of a row it is several times as much
  };
  for (const Row& row : {Row{"a quarter of 853 rows is 213.25", {640, 853}, {80, 107}, 2},
                         Row{"a quarter of 853 columns", {853, 640}, {107, 80}, 2},
                         Row{"an eighth of 849 is 106.125", {849, 849}, {53, 53}, 4},
                         Row{"half of 857 is 428.5", {640, 857}, {150, 201}, 1}}) {
    const Bitmap whole = bars(row.stored.width, row.stored.height);
    const auto bytes = encode_jpeg(whole, 98, true);
    ASSERT_TRUE(bytes);
    auto original = Original::open(
        {reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()}, 1'000'000);
    ASSERT_TRUE(original);
    const auto small = original->scaled(row.wanted);
    ASSERT_TRUE(small);
    EXPECT_LT(difference(**small, resample(whole, row.wanted)), row.most) << row.name;
  }
}

}  // namespace
}  // namespace calotype
