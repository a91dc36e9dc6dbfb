// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/heif_gain_map.hpp"

#include <gtest/gtest.h>

#include "render/renderer/heif_boxes.hpp"
#include "render/renderer/vips_encoders.hpp"
#include "render/renderer/vips_pictures.hpp"

namespace calotype {
namespace {

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Darker to the left; in colour where wanted.
Bitmap slope(std::uint32_t width, std::uint32_t height, bool is_gray) {
  Bitmap picture(width, height, false);
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::uint32_t x = 0; x < width; ++x) {
      std::uint8_t* pixel = picture.row(y) + std::size_t{x} * Bitmap::channels;
      pixel[0] = pixel[1] = pixel[2] = static_cast<std::uint8_t>(255 * x / width);
      if (!is_gray) pixel[2] = static_cast<std::uint8_t>(255 * y / height);
      pixel[3] = 255;
    }
  return picture;
}

GainMapNumbers some_numbers() {
  GainMapNumbers numbers;
  numbers.alternate_headroom = {7, 2};
  for (GainMapChannel& channel : numbers.channels) channel.most = {7, 2};
  return numbers;
}

class HeifGainMap : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(start_vips()); }

  static std::string joined(bool is_gray, const GainMapNumbers& numbers) {
    const auto base = encode_avif(slope(64, 48, false), 60);
    const auto map = encode_gain_map_avif({slope(16, 12, is_gray), is_gray}, 80, Effort::quick);
    if (!base || !map) return {};
    return join_gain_map_avif(*base, *map, numbers).value_or("");
  }
};

TEST_F(HeifGainMap, ThatIsWrittenIsFoundAndRead) {
  for (const bool is_gray : {true, false}) {
    const std::string file = joined(is_gray, some_numbers());
    ASSERT_FALSE(file.empty());
    const auto found = find_gain_map_in_heif(bytes_of(file));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->numbers, some_numbers());
    const auto read = decode_gain_map_item(*found, 64 * 48);
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->is_gray, is_gray);
    ASSERT_EQ(read->picture.width(), 16U);
    ASSERT_EQ(read->picture.height(), 12U);
    const Bitmap wanted = slope(16, 12, is_gray);
    for (std::uint32_t y = 0; y < 12; ++y)
      for (std::uint32_t i = 0; i < 64; ++i)
        EXPECT_NEAR(read->picture.row(y)[i], wanted.row(y)[i], 24) << is_gray << ' ' << y;
    EXPECT_FALSE(decode_gain_map_item(*found, 16 * 12 - 1)) << "larger than allowed";
  }
}

TEST_F(HeifGainMap, LeavesThePictureWhatItWas) {
  const auto base = encode_avif(slope(64, 48, false), 60);
  ASSERT_TRUE(base);
  EXPECT_FALSE(find_gain_map_in_heif(bytes_of(*base)));
  const std::string file = joined(true, some_numbers());
  for (const std::string& each : {*base, file}) {
    const auto picture = VipsSource::open(bytes_of(each), SourceFormat::avif, 1 << 20, {});
    ASSERT_TRUE(picture) << picture.error().text;
    EXPECT_EQ((*picture)->header().size, (Size{64, 48}));
    EXPECT_EQ((*picture)->header().pages, 1U);
  }
  EXPECT_LT(file.size(), base->size() + 1'000);
}

TEST_F(HeifGainMap, OfABrighterBaseIsNone) {
  GainMapNumbers numbers = some_numbers();
  std::swap(numbers.base_headroom, numbers.alternate_headroom);
  const std::string file = joined(true, numbers);
  ASSERT_FALSE(file.empty());
  EXPECT_FALSE(find_gain_map_in_heif(bytes_of(file)));
}

TEST_F(HeifGainMap, SurvivesNoDamageAndDoesNone) {
  const std::string whole = joined(true, some_numbers());
  const std::size_t boxes = whole.find("mdat");
  ASSERT_NE(boxes, std::string::npos);
  for (std::size_t at = 0; at < boxes; ++at)
    for (const int change : {1, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      const auto found = find_gain_map_in_heif(bytes_of(damaged));
      if (found) (void)decode_gain_map_item(*found, 64 * 48);
      (void)join_gain_map_avif(damaged, whole, some_numbers());
    }
  for (std::size_t length = 0; length < whole.size(); length += 7)
    (void)join_gain_map_avif(whole.substr(0, length), whole, some_numbers());
}

}  // namespace
}  // namespace calotype
