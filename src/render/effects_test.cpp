// SPDX-License-Identifier: Apache-2.0
// Each effect alone, on pictures small enough to be read by eye.
#include "render/renderer/effects.hpp"

#include <cmath>

#include "render/renderer/blur.hpp"
#include "render/renderer/crop_choice.hpp"
#include "render/test_pictures.hpp"

namespace calotype {
namespace {

using namespace testing_pictures;
using Pixel = std::array<int, 4>;

Bitmap plain(std::uint32_t width, std::uint32_t height, Pixel color) {
  Bitmap picture(width, height, color[3] != 255);
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::uint32_t x = 0; x < width; ++x)
      for (std::size_t c = 0; c < 4; ++c)
        picture.row(y)[std::size_t{x} * 4 + c] = static_cast<std::uint8_t>(color[c]);
  return picture;
}

void put_square(Bitmap& picture, std::uint32_t left, std::uint32_t top, std::uint32_t side,
                Pixel color) {
  for (std::uint32_t y = top; y < top + side; ++y)
    for (std::uint32_t x = left; x < left + side; ++x)
      for (std::size_t c = 0; c < 4; ++c)
        picture.row(y)[std::size_t{x} * 4 + c] = static_cast<std::uint8_t>(color[c]);
}

constexpr Pixel red{255, 0, 0, 255}, white{255, 255, 255, 255}, blue{0, 0, 255, 255};

TEST(Effects, MirrorAndThenTurnClockwise) {
  Bitmap picture = plain(4, 2, white);
  put_square(picture, 0, 0, 1, red);  // upper left
  const auto where_red_is = [&](Effects effects) {
    const Bitmap done = with_effects(crop(picture, 0, 0, {4, 2}), effects, {});
    for (std::uint32_t y = 0; y < done.height(); ++y)
      for (std::uint32_t x = 0; x < done.width(); ++x)
        if (pixel_at(done, x, y) == red) return std::pair{x, y};
    return std::pair{99U, 99U};
  };
  EXPECT_EQ(where_red_is({.rotation = 9'000, .padding = {}}), (std::pair{1U, 0U}));
  EXPECT_EQ(where_red_is({.rotation = 18'000, .padding = {}}), (std::pair{3U, 1U}));
  EXPECT_EQ(where_red_is({.rotation = 27'000, .padding = {}}), (std::pair{0U, 3U}));
  EXPECT_EQ(where_red_is({.mirror = true, .padding = {}}), (std::pair{3U, 0U}));
  EXPECT_EQ(where_red_is({.mirror = true, .rotation = 9'000, .padding = {}}), (std::pair{1U, 3U}));
}

TEST(Effects, AnyAngleTurnsTheSameWayAsAQuarterAndLaysBareTheBackground) {
  const Bitmap picture = scene(120, 80);
  const Bitmap quarter = rotated(crop(picture, 0, 0, {120, 80}), 9'000, {});
  // A hundredth less: one pixel more each way, the same picture.
  const Bitmap nearly = rotated(crop(picture, 0, 0, {120, 80}), 8'999, {0, 0, 255, 255});
  ASSERT_GE(nearly.width(), quarter.width());
  const std::uint32_t left = (nearly.width() - 80) / 2;
  EXPECT_LT(difference(crop(nearly, left, (nearly.height() - 120) / 2, {80, 120}), quarter), 4);
  const Bitmap tilted = rotated(plain(40, 40, red), 4'500, {0, 0, 255, 255});
  EXPECT_EQ(tilted.width(), 57U);
  EXPECT_EQ(pixel_at(tilted, 0, 0), blue);
  EXPECT_EQ(pixel_at(tilted, 28, 28), red);
  const Bitmap clear = rotated(plain(40, 40, red), 4'500, {0, 0, 0, 0});
  EXPECT_TRUE(clear.has_alpha());
  EXPECT_EQ(pixel_at(clear, 0, 0)[3], 0);
  // Colour does not darken where it meets nothing.
  for (std::uint32_t x = 0; x < clear.width(); ++x) {
    const Pixel pixel = pixel_at(clear, x, 20);
    if (pixel[3] > 8) {
      EXPECT_EQ(pixel[0], 255) << x;
    }
  }
}

TEST(Effects, TonesAreWhatTheirNamesSay) {
  struct Row {
    const char* name;
    Effects effects;
    Pixel from, to;
  };
  for (const Row& row :
       {Row{"brighter",
            {.brightness = 20, .padding = {}},
            {100, 100, 100, 255},
            {151, 151, 151, 255}},
        Row{"darkest", {.brightness = -100, .padding = {}}, {255, 100, 1, 255}, {0, 0, 0, 255}},
        Row{"flat", {.contrast = -100, .padding = {}}, {255, 0, 9, 255}, {128, 128, 128, 255}},
        Row{"steep", {.contrast = 100, .padding = {}}, {150, 100, 255, 255}, {173, 73, 255, 255}},
        Row{"gray", {.tone = Tone::gray, .padding = {}}, {255, 0, 0, 128}, {54, 54, 54, 128}},
        Row{"bitonal, light", {.tone = Tone::bitonal, .padding = {}}, {0, 255, 0, 255}, white},
        Row{"bitonal, dark", {.tone = Tone::bitonal, .padding = {}}, red, {0, 0, 0, 255}},
        Row{"half saturated",
            {.saturation = -50, .padding = {}},
            {255, 0, 0, 255},
            {155, 27, 27, 255}},
        Row{"gray stays gray",
            {.saturation = 100, .padding = {}},
            {90, 90, 90, 255},
            {90, 90, 90, 255}}}) {
    Bitmap picture = plain(3, 2, row.from);
    change_tones(picture, row.effects);
    EXPECT_EQ(pixel_at(picture, 2, 1), row.to) << row.name;
  }
}

TEST(Effects, BlurKeepsLightSpreadsAsFarAsSigmaSaysAndMixesNoInvisibleColour) {
  for (const double sigma : {0.5, 1.5, 2.5, 6.0, 20.0}) {
    Bitmap picture = plain(201, 201, {0, 0, 0, 255});
    put_square(picture, 90, 90, 21, white);
    const Bitmap soft = blurred(picture, sigma);
    double light = 0;
    double spread = 0;
    for (std::uint32_t y = 0; y < 201; ++y)
      for (std::uint32_t x = 0; x < 201; ++x) {
        const double value = pixel_at(soft, x, y)[0];
        light += value;
        spread += value * (x - 100.0) * (x - 100.0);
      }
    EXPECT_NEAR(light / (255.0 * 441), 1, 0.05) << sigma;
    const double square = (21 * 21 - 1) / 12.0;
    if (sigma < 10) {
      EXPECT_NEAR(std::sqrt(spread / light - square), sigma, 0.1 * sigma + 0.1) << sigma;
    }
  }
  Bitmap ghost = plain(40, 40, {0, 255, 0, 0});
  put_square(ghost, 10, 10, 20, red);
  const Bitmap soft = blurred(ghost, 3);
  EXPECT_EQ(pixel_at(soft, 8, 20)[1], 0);
  EXPECT_GT(pixel_at(soft, 8, 20)[0], 250);
}

TEST(Effects, SharpeningSteepensEdgesAndLeavesPlainsAlone) {
  Bitmap picture = plain(40, 20, {100, 100, 100, 255});
  for (std::uint32_t x = 20; x < 40; ++x) put_square(picture, x, 0, 1, {150, 150, 150, 255});
  for (std::uint32_t y = 0; y < 20; ++y)
    for (std::uint32_t x = 20; x < 40; ++x) put_square(picture, x, y, 1, {150, 150, 150, 255});
  sharpen(picture, 1.5);
  EXPECT_LT(pixel_at(picture, 19, 10)[0], 95);
  EXPECT_GT(pixel_at(picture, 20, 10)[0], 155);
  EXPECT_EQ(pixel_at(picture, 2, 10)[0], 100);
}

TEST(Effects, CornersAreRoundAndPaddingIsAround) {
  Bitmap picture = plain(40, 30, red);
  round_corners(picture, 10);
  EXPECT_TRUE(picture.has_alpha());
  for (const auto& [x, y] : {std::pair{0U, 0U}, {39U, 0U}, {0U, 29U}, {39U, 29U}})
    EXPECT_EQ(pixel_at(picture, x, y)[3], 0);
  EXPECT_EQ(pixel_at(picture, 10, 0)[3], 255);
  EXPECT_EQ(pixel_at(picture, 20, 15), red);
  double seen = 0;
  for (std::uint32_t y = 0; y < 30; ++y)
    for (std::uint32_t x = 0; x < 40; ++x) seen += pixel_at(picture, x, y)[3] / 255.0;
  EXPECT_NEAR(seen, 40 * 30 - (4 - M_PI) * 100, 3);
  Bitmap circle = plain(21, 21, red);
  round_corners(circle, radius_max);
  seen = 0;
  for (std::uint32_t y = 0; y < 21; ++y)
    for (std::uint32_t x = 0; x < 21; ++x) seen += pixel_at(circle, x, y)[3] / 255.0;
  EXPECT_NEAR(seen, M_PI * 10.5 * 10.5, 3);

  const Bitmap framed = padded(plain(4, 4, red), {1, 2, 3, 4}, {0, 0, 255, 255});
  EXPECT_EQ(framed.width(), 10U);
  EXPECT_EQ(framed.height(), 8U);
  EXPECT_EQ(pixel_at(framed, 3, 1), blue);
  EXPECT_EQ(pixel_at(framed, 4, 1), red);
  EXPECT_EQ(pixel_at(framed, 7, 4), red);
  EXPECT_EQ(pixel_at(framed, 8, 4), blue);
  EXPECT_EQ(pixel_at(framed, 7, 5), blue);
}

TEST(Effects, AWatermarkStandsWhereItIsToldAndIsAsSeenAsItIsTold) {
  Effects effects;
  effects.has_watermark = true;
  effects.mark_margin_x = 5;
  effects.mark_margin_y = 3;
  effects.mark_width_percent = 20;
  Bitmap picture = plain(100, 50, white);
  lay_over(picture, plain(10, 10, red), effects);
  EXPECT_EQ(pixel_at(picture, 75, 27), red);
  EXPECT_EQ(pixel_at(picture, 94, 46), red);
  EXPECT_EQ(pixel_at(picture, 95, 46), white);
  EXPECT_EQ(pixel_at(picture, 74, 30), white);
  effects.mark_gravity = Gravity::northwest;
  effects.mark_opacity_percent = 50;
  picture = plain(100, 50, white);
  lay_over(picture, plain(10, 10, red), effects);
  EXPECT_EQ(pixel_at(picture, 5, 3), (Pixel{255, 128, 128, 255}));
  EXPECT_EQ(pixel_at(picture, 4, 3), white);
  // Taller than the picture: as large as fits.
  picture = plain(100, 10, white);
  lay_over(picture, plain(10, 100, red), effects);
  EXPECT_EQ(pixel_at(picture, 5, 9), (Pixel{255, 128, 128, 255}));
}

TEST(Effects, AWatermarkOfItsOwnSizeIsNotScaledAndATiledOneIsEverywhere) {
  Effects effects;
  effects.has_watermark = true;
  effects.mark_width_percent = 0;
  effects.mark_gravity = Gravity::northwest;
  Bitmap picture = plain(100, 50, white);
  lay_over(picture, plain(10, 8, red), effects);
  EXPECT_EQ(pixel_at(picture, 9, 7), red);
  EXPECT_EQ(pixel_at(picture, 10, 7), white);
  EXPECT_EQ(pixel_at(picture, 9, 8), white);
  EXPECT_EQ(mark_size({40, 50}, {80, 20}, effects), (Size{40, 10}));
  effects.mark_is_tiled = true;
  effects.mark_margin_x = 2;
  effects.mark_margin_y = 1;
  picture = plain(100, 50, white);
  lay_over(picture, plain(10, 8, red), effects);
  for (std::uint32_t y = 0; y < 50; ++y)
    for (std::uint32_t x = 0; x < 100; ++x)
      EXPECT_EQ(pixel_at(picture, x, y), x % 12 < 10 && y % 9 < 8 ? red : white) << x << " " << y;
}

TEST(Effects, SquaresHaveTheMeanColourOfWhatIsSeen) {
  Bitmap picture = plain(10, 7, white);
  put_square(picture, 0, 0, 2, {0, 0, 0, 255});
  put_square(picture, 4, 0, 2, {0, 255, 0, 0});
  pixelate(picture, 4);
  EXPECT_EQ(pixel_at(picture, 0, 0), (Pixel{191, 191, 191, 255}));
  EXPECT_EQ(pixel_at(picture, 3, 3), (Pixel{191, 191, 191, 255}));
  EXPECT_EQ(pixel_at(picture, 4, 0), (Pixel{255, 255, 255, 191}));
  EXPECT_EQ(pixel_at(picture, 9, 6), white);
}

TEST(Effects, ABorderIsAroundOrInsideAndFollowsCorners) {
  const Bitmap around = framed(plain(20, 10, red), {3, {0, 0, 255, 255}, false}, 0);
  ASSERT_EQ(around.width(), 26U);
  ASSERT_EQ(around.height(), 16U);
  EXPECT_FALSE(around.has_alpha());
  for (std::uint32_t y = 0; y < 16; ++y)
    for (std::uint32_t x = 0; x < 26; ++x)
      EXPECT_EQ(pixel_at(around, x, y), x >= 3 && x < 23 && y >= 3 && y < 13 ? red : blue)
          << x << " " << y;
  const Bitmap inside = framed(plain(20, 10, red), {3, {0, 0, 255, 128}, true}, 0);
  ASSERT_EQ(inside.width(), 20U);
  EXPECT_EQ(pixel_at(inside, 2, 5), (Pixel{127, 0, 128, 255}));
  EXPECT_EQ(pixel_at(inside, 3, 5), red);
  // A ring: nothing outside of it, the picture within.
  const Bitmap ring = framed(plain(40, 40, red), {5, {0, 0, 255, 255}, false}, radius_max);
  ASSERT_EQ(ring.width(), 50U);
  EXPECT_EQ(pixel_at(ring, 0, 0)[3], 0);
  EXPECT_EQ(pixel_at(ring, 25, 2), blue);
  EXPECT_EQ(pixel_at(ring, 25, 8), red);
  EXPECT_EQ(pixel_at(ring, 9, 9), blue);
  double seen = 0;
  for (std::uint32_t y = 0; y < 50; ++y)
    for (std::uint32_t x = 0; x < 50; ++x) seen += pixel_at(ring, x, y)[3] / 255.0;
  EXPECT_NEAR(seen, M_PI * 25 * 25, 3);
  // Wider than the picture: nothing but border.
  EXPECT_EQ(pixel_at(framed(plain(6, 6, red), {9, {0, 0, 255, 255}, true}, 0), 3, 3), blue);
}

TEST(Effects, OpacityIsOfThePictureAndNotOfItsPadding) {
  const Effects effects{.opacity_percent = 40, .padding = {1, 1, 1, 1}};
  const Bitmap faded = with_effects(plain(4, 4, red), effects, {0, 0, 255, 255});
  EXPECT_EQ(pixel_at(faded, 2, 2), (Pixel{255, 0, 0, 102}));
  EXPECT_EQ(pixel_at(faded, 0, 0), blue);
}

TEST(CropChoice, FindsWhatThereIsToSee) {
  Bitmap picture = plain(400, 100, {90, 95, 90, 255});
  for (std::uint32_t i = 0; i < 80; i += 8)
    put_square(picture, 300 + i / 8 * 6, 20 + i / 2, 6, red);
  for (const auto gravity : {Gravity::attention, Gravity::entropy}) {
    const Place place = choose_place(picture, {100, 100}, gravity);
    EXPECT_GE(place.left + 100, 355U) << to_string(gravity);
    EXPECT_LE(place.left, 302U) << to_string(gravity);
    EXPECT_EQ(place.top, 0U);
  }
  // Nothing to choose by: the middle.
  EXPECT_EQ(choose_place(plain(300, 100, red), {100, 100}, Gravity::attention).left, 100U);
}

TEST(CropChoice, BordersAreWhatIsLikeTheCorner) {
  Bitmap picture = plain(50, 40, {250, 250, 250, 255});
  EXPECT_FALSE(inside_borders(picture, {.tolerance = 10}));
  put_square(picture, 12, 7, 20, red);
  put_square(picture, 0, 39, 1, {245, 250, 250, 255});
  EXPECT_EQ(inside_borders(picture, {.tolerance = 10}), (Region{12, 7, 20, 20, false}));
  EXPECT_EQ(inside_borders(picture, {.tolerance = 2}), (Region{0, 7, 32, 33, false}));
  EXPECT_EQ(inside_borders(picture, {.tolerance = 10, .even_x = true}),
            (Region{12, 7, 26, 20, false}));
  EXPECT_EQ(inside_borders(picture, {.tolerance = 10, .even_x = true, .even_y = true}),
            (Region{12, 7, 26, 26, false}));
  const Color like_the_corner{250, 250, 250, 255};
  EXPECT_EQ(inside_borders(picture, {.tolerance = 10, .color = like_the_corner}),
            (Region{12, 7, 20, 20, false}));
  EXPECT_EQ(inside_borders(picture, {.tolerance = 10, .color = Color{255, 0, 0, 255}}),
            (Region{0, 0, 50, 40, false}));
}

}  // namespace
}  // namespace calotype
