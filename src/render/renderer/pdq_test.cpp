// SPDX-License-Identifier: Apache-2.0
// Held bit for bit against the published program (facebook/ThreatExchange, pdq/cpp): what it says
// of pictures that anybody can make from the formula below, and the fingerprint that is published
// of its own photograph.
#include "render/renderer/pdq.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "render/renderer/test_bridge.hpp"

namespace calotype {
namespace {

/// Blocks of many shades under a ramp.
Bitmap blocks(std::uint32_t width, std::uint32_t height) {
  Bitmap picture(width, height, false);
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::uint32_t x = 0; x < width; ++x) {
      std::uint8_t* pixel = picture.row(y) + std::size_t{x} * Bitmap::channels;
      for (std::uint32_t c = 0; c < 3; ++c)
        pixel[c] =
            static_cast<std::uint8_t>((x / 37 * 53 + y / 29 * 91 + c * 40) % 200 + (x + y) % 56);
      pixel[3] = 255;
    }
  return picture;
}

TEST(Pdq, IsThatOfThePublishedProgram) {
  struct Row {
    std::uint32_t width, height;
    std::string_view fingerprint;
    int quality;
  };
  const Row rows[] = {
      {512, 512, "3ec5f580ef80f1ac3db5c4a33dc1ab04f285e386bafae3019ba3d701e4d1e381", 100},
      {300, 200, "fe8551310420a6cfcd26c4efad27a4ebaea7fc0551585b9072d8fbb022d9f930", 100},
      {131, 97, "b366aa3813666cd9b7476899c3669766cb509e0644b995df4c91b366326e3c70", 100},
      {64, 64, "a92a35dde166469b8d597812137eea54546bfbd4429b5b726ea159067eb49320", 83},
      {20, 400, "e5345f7dbebe0018ffca8808ffce8800ffc68004ffcac880fbdaec10bfcaa430", 100},
      {5, 7, "cb72318cc4f1cc339e273b0eca723e0f68dbce37c3709b26398c962761d893a4", 0},
  };
  for (const Row& row : rows) {
    const auto fingerprint = pdq_fingerprint(blocks(row.width, row.height));
    ASSERT_TRUE(fingerprint);
    EXPECT_EQ(to_hex(fingerprint->whole), row.fingerprint) << row.width << " × " << row.height;
    EXPECT_EQ(fingerprint->quality, row.quality) << row.width << " × " << row.height;
  }
}

TEST(Pdq, OfTheBridgeIsTheOneThatWasPublished) {
  const auto cells = from_base64(bridge_cells).value();
  ASSERT_EQ(cells.size(), 64U * 64);
  Bitmap picture(64, 64, false);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::uint8_t* pixel = picture.row(0) + i * Bitmap::channels;
    pixel[0] = pixel[1] = pixel[2] = std::to_integer<std::uint8_t>(cells[i]);
    pixel[3] = 255;
  }
  const auto fingerprint = pdq_fingerprint(picture);
  ASSERT_TRUE(fingerprint);
  EXPECT_EQ(to_hex(fingerprint->whole),
            "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22");
  EXPECT_EQ(fingerprint->quality, 100);
}

TEST(Pdq, OfWhatIsTooSmallThereIsNone) {
  EXPECT_FALSE(pdq_fingerprint(blocks(4, 100)));
  EXPECT_FALSE(pdq_fingerprint(blocks(100, 4)));
}

TEST(Pdq, OfWhatIsFlatSaysSo) {
  Bitmap flat = blocks(300, 200);
  for (std::size_t i = 0; i < flat.bytes(); ++i) flat.row(0)[i] = 99;
  EXPECT_EQ(pdq_fingerprint(flat)->quality, 0);
}

TEST(Pdq, ACropIsNearlyWhatTheCutPictureLooksLike) {
  const Bitmap picture = blocks(512, 480);
  const auto whole = pdq_fingerprint(picture);
  EXPECT_EQ(whole->crops.size(), 79U);
  for (const auto& [left, top, size] :
       {std::tuple{25U, 0U, Size{487, 480}}, std::tuple{0U, 24U, Size{512, 456}},
        std::tuple{0U, 0U, Size{487, 456}}, std::tuple{12U, 12U, Size{487, 456}},
        std::tuple{26U, 24U, Size{460, 432}}}) {
    const auto part = pdq_fingerprint(crop(picture, left, top, size));
    EXPECT_LE(distance(*whole, *part), likeness_distance_max) << left << ", " << top;
    EXPECT_LE(distance(*part, *whole), likeness_distance_max) << left << ", " << top;
  }
}

TEST(Pdq, QuartersThatNothingCoversAreAsTheyWere) {
  Bitmap picture = blocks(512, 480);
  const auto plain = pdq_fingerprint(picture);
  for (std::uint32_t y = 300; y < 460; ++y)
    for (std::uint32_t x = 280; x < 500; ++x) {
      std::uint8_t* const pixel = picture.row(y) + std::size_t{x} * Bitmap::channels;
      pixel[0] = pixel[1] = pixel[2] = 255;
    }
  const auto covered = pdq_fingerprint(picture);
  EXPECT_GT(distance(plain->whole, covered->whole), likeness_distance_max);
  EXPECT_LE(distance(*plain, *covered), likeness_distance_max);
}

TEST(Pdq, TransparencyIsSeenOverWhite) {
  Bitmap picture = blocks(200, 200);
  Bitmap clear = crop(picture, 0, 0, {200, 200});
  for (std::uint32_t y = 0; y < 100; ++y)
    for (std::uint32_t x = 0; x < 200; ++x) {
      std::uint8_t* covered = picture.row(y) + std::size_t{x} * Bitmap::channels;
      covered[0] = covered[1] = covered[2] = 255;
      (clear.row(y) + std::size_t{x} * Bitmap::channels)[3] = 0;
    }
  clear.set_has_alpha(true);
  EXPECT_EQ(pdq_fingerprint(clear), pdq_fingerprint(picture));
}

}  // namespace
}  // namespace calotype
