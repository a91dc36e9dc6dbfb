// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/iiif.hpp"

#include <gtest/gtest.h>

#include <array>

namespace calotype {
namespace {

constexpr IiifLimits limits{8'192, 40'000'000};

/// "region/size/rotation/quality.format".
Result<IiifPicture> settle(std::string_view path, PictureSize picture) {
  std::array<std::string_view, 4> segments;
  for (auto& segment : segments) {
    const auto end = path.find('/');
    segment = path.substr(0, end);
    path.remove_prefix(end == path.npos ? path.size() : end + 1);
  }
  TRY(const IiifRequest request, parse_iiif(segments[0], segments[1], segments[2], segments[3]));
  return settle_iiif(request, picture, limits);
}

struct MeantRow {
  std::string_view path, recipe, canonical;
  PictureSize picture{6'000, 4'000};
};

void expect_meant(std::initializer_list<MeantRow> rows) {
  for (const MeantRow& row : rows) {
    const auto picture = settle(row.path, row.picture);
    ASSERT_TRUE(picture) << row.path << ": " << picture.error().message;
    EXPECT_EQ(to_string(picture->recipe), row.recipe) << row.path;
    EXPECT_EQ(picture->canonical, row.canonical) << row.path;
    EXPECT_EQ(canonical(picture->recipe), picture->recipe) << row.path;
    const auto again = settle(picture->canonical, row.picture);
    ASSERT_TRUE(again) << picture->canonical << ": " << again.error().message;
    EXPECT_EQ(again->recipe, picture->recipe) << row.path;
    EXPECT_EQ(again->canonical, picture->canonical) << row.path;
  }
}

TEST(Iiif, SizesMeanTheSameRecipeAsInTheNativeDialect) {
  expect_meant(
      {{"full/max/0/default.jpg", "page=1&fm=jpeg", "full/max/0/default.jpg"},
       {"full/6000,/0/color.jpg", "page=1&fm=jpeg", "full/max/0/default.jpg"},
       {"0,0,6000,4000/pct:100/360/default.jpg", "page=1&fm=jpeg", "full/max/0/default.jpg"},
       {"full/400,/0/default.webp", "w=400&page=1&fm=webp", "full/400,267/0/default.webp"},
       {"full/400,267/0/default.webp", "w=400&page=1&fm=webp", "full/400,267/0/default.webp"},
       {"full/,300/0/default.jpg", "w=450&page=1&fm=jpeg", "full/450,300/0/default.jpg"},
       {"full/,401/0/default.jpg",
        "h=401&page=1&fm=jpeg",
        "full/7,401/0/default.jpg",
        {100, 6'000}},
       {"full/300,100/0/default.jpg", "w=300&h=100&fit=fill&page=1&fm=jpeg",
        "full/300,100/0/default.jpg"},
       {"full/!300,300/0/default.jpg", "w=300&page=1&fm=jpeg", "full/300,200/0/default.jpg"},
       {"full/!300,100/0/default.jpg", "w=150&page=1&fm=jpeg", "full/150,100/0/default.jpg"},
       {"full/!9000,100/0/default.jpg", "w=150&page=1&fm=jpeg", "full/150,100/0/default.jpg"},
       {"full/pct:50/0/default.jpg", "w=3000&page=1&fm=jpeg", "full/3000,2000/0/default.jpg"},
       {"full/pct:0.5/0/default.jpg", "w=30&page=1&fm=jpeg", "full/30,20/0/default.jpg"},
       {"full/^300,/0/default.jpg", "w=300&page=1&fm=jpeg", "full/300,200/0/default.jpg"},
       {"full/^300,/0/default.jpg",
        "w=300&enlarge=1&page=1&fm=jpeg",
        "full/^300,200/0/default.jpg",
        {150, 100}},
       {"full/^,200/0/default.jpg",
        "w=300&enlarge=1&page=1&fm=jpeg",
        "full/^300,200/0/default.jpg",
        {150, 100}},
       {"full/^pct:200/0/default.jpg",
        "w=300&enlarge=1&page=1&fm=jpeg",
        "full/^300,200/0/default.jpg",
        {150, 100}},
       {"full/^!400,200/0/default.jpg",
        "w=300&enlarge=1&page=1&fm=jpeg",
        "full/^300,200/0/default.jpg",
        {150, 100}},
       {"full/^100,200/0/default.jpg",
        "w=100&h=200&fit=fill&enlarge=1&page=1&fm=jpeg",
        "full/^100,200/0/default.jpg",
        {150, 100}},
       {"full/^max/0/default.jpg",
        "w=6324&enlarge=1&page=1&fm=jpeg",
        "full/^max/0/default.jpg",
        {1'000, 1'000}},
       {"full/max/0/default.jpg",
        "w=8192&page=1&fm=jpeg",
        "full/max/0/default.jpg",
        {16'384, 1'000}},
       {"full/max/0/default.jpg",
        "w=6324&page=1&fm=jpeg",
        "full/max/0/default.jpg",
        {8'000, 8'000}}});
}

TEST(Iiif, RegionsRotationsAndQualitiesMeanTheSameRecipeAsInTheNativeDialect) {
  expect_meant(
      {{"square/max/0/default.jpg", "page=1&crop=1000:0:4000:4000&fm=jpeg",
        "1000,0,4000,4000/max/0/default.jpg"},
       {"square/100,/0/default.jpg",
        "w=100&page=1&fm=jpeg",
        "full/100,100/0/default.jpg",
        {400, 400}},
       {"1024,512,512,512/256,256/0/default.jpg", "w=256&page=1&crop=1024:512:512:512&fm=jpeg",
        "1024,512,512,512/256,256/0/default.jpg"},
       {"5632,3584,512,512/max/0/default.jpg", "page=1&crop=5632:3584:368:416&fm=jpeg",
        "5632,3584,368,416/max/0/default.jpg"},
       {"pct:10,20,30,40/max/0/default.jpg", "page=1&crop=600:800:1800:1600&fm=jpeg",
        "600,800,1800,1600/max/0/default.jpg"},
       {"pct:41.6,7.5,66.6,100/max/0/default.jpg", "page=1&crop=2496:300:3504:3700&fm=jpeg",
        "2496,300,3504,3700/max/0/default.jpg"},
       {"pct:0,0,0.001,0.001/max/0/default.jpg", "page=1&crop=0:0:1:1&fm=jpeg",
        "0,0,1,1/max/0/default.jpg"},
       {"full/90,60/90/default.png", "w=90&page=1&rot=90&fm=png", "full/90,60/90/default.png"},
       {"full/90,60/!0/default.png", "w=90&page=1&flip=h&fm=png", "full/90,60/!0/default.png"},
       {"full/90,60/!22.50/default.png", "w=90&page=1&rot=22.5&flip=h&fm=png",
        "full/90,60/!22.5/default.png"},
       {"full/90,60/359.999/default.png", "w=90&page=1&fm=png", "full/90,60/0/default.png"},
       {"full/90,60/0/gray.gif", "w=90&page=1&tone=gray&fm=gif", "full/90,60/0/gray.gif"},
       {"full/90,60/0/bitonal.avif", "w=90&page=1&tone=bitonal&fm=avif",
        "full/90,60/0/bitonal.avif"},
       {"full/90%2C60/0/default.jxl", "w=90&page=1&fm=jxl", "full/90,60/0/default.jxl"},
       {"%66ull/90,60/%210/default.jpg", "w=90&page=1&flip=h&fm=jpeg",
        "full/90,60/!0/default.jpg"}});
}

constexpr std::string_view bad_region =
    "region must be full, square, x,y,w,h or pct:x,y,w,h, not “";
constexpr std::string_view bad_size =
    "size must be max, w,h, w, or ,h in pixels, !w,h or pct:n, each with ^ where it may enlarge, "
    "not “";
constexpr std::string_view bad_rotation =
    "rotation must be degrees from 0 to 360, with ! before them to mirror first, not “";

struct RefusedRow {
  std::string_view path, message;
};

void expect_refused(std::initializer_list<RefusedRow> rows) {
  for (const RefusedRow& row : rows) {
    const auto picture = settle(row.path, {6'000, 4'000});
    ASSERT_FALSE(picture) << row.path;
    EXPECT_EQ(picture.error().code, ErrorCode::bad_recipe) << row.path;
    EXPECT_TRUE(picture.error().message.starts_with(row.message))
        << row.path << ": " << picture.error().message;
  }
}

TEST(Iiif, RefusesRegionsThatTheSpecificationCallsAnError) {
  expect_refused(
      {{"frob/max/0/default.jpg", bad_region},
       {"1,2,3/max/0/default.jpg", bad_region},
       {"1,2,3,4,5/max/0/default.jpg", bad_region},
       {"-1,2,3,4/max/0/default.jpg", bad_region},
       {"1.5,2,3,4/max/0/default.jpg", bad_region},
       {"pct:1,2,3/max/0/default.jpg", bad_region},
       {"pct:-1,2,3,4/max/0/default.jpg", bad_region},
       {"pct:1e2,2,3,4/max/0/default.jpg", bad_region},
       {"/max/0/default.jpg", bad_region},
       {"0,0,0,10/max/0/default.jpg", "region must be at least a pixel wide and high"},
       {"pct:0,0,10,0/max/0/default.jpg", "region must be at least a pixel wide and high"},
       {"6000,0,10,10/max/0/default.jpg",
        "region lies outside of the picture, which has 6000 × 4000 pixels."},
       {"pct:0,100,10,10/max/0/default.jpg", "region lies outside of the picture"}});
}

TEST(Iiif, RefusesSizesRotationsAndQualitiesThatTheSpecificationCallsAnError) {
  expect_refused(
      {{"full/full/0/default.jpg", bad_size},
       {"full/,/0/default.jpg", bad_size},
       {"full/!100,/0/default.jpg", bad_size},
       {"full/100/0/default.jpg", bad_size},
       {"full/0,0/0/default.jpg", bad_size},
       {"full/^^max/0/default.jpg", bad_size},
       {"full/pct:/0/default.jpg", bad_size},
       {"full/pct:0/0/default.jpg", bad_size},
       {"full/100,100,100/0/default.jpg", bad_size},
       {"full/+100,/0/default.jpg", bad_size},
       {"full/6001,/0/default.jpg",
        "size makes 6001 × 4001 pixels of a region of 6000 × 4000; only ^ before the size"},
       {"full/,4001/0/default.jpg", "size makes 6002 × 4001"},
       {"full/100,4001/0/default.jpg", "size makes 100 × 4001"},
       {"full/pct:100.1/0/default.jpg", "size makes 6006 × 4004"},
       {"full/!7000,7000/0/default.jpg", "size makes 7000 × 4667"},
       {"0,0,100,100/101,/0/default.jpg", "size makes 101 × 101"},
       {"full/^9000,100/0/default.jpg",
        "size makes 9000 × 100 pixels of a region of 6000 × 4000; at most 8192 a side and "
        "40000000 in all are made."},
       {"full/^8000,8000/0/default.jpg", "size makes 8000 × 8000"},
       {"full/pct:0.001/0/default.jpg", "size makes 0 × 0"},
       {"full/max/45/default.jpg", "rotation makes 7072 × 7072 pixels; at most 8192 a side"},
       {"full/max/361/default.jpg", bad_rotation},
       {"full/max/-90/default.jpg", bad_rotation},
       {"full/max/!/default.jpg", bad_rotation},
       {"full/max/!!90/default.jpg", bad_rotation},
       {"full/max/90!/default.jpg", bad_rotation},
       {"full/max/0/native.jpg", "quality must be default, color, gray or bitonal, not “native”."},
       {"full/max/0/grey.jpg", "quality must be default, color, gray or bitonal"},
       {"full/max/0/.jpg", "quality must be default"},
       {"full/max/0/default", "format must be jpg, png, webp, gif, avif or jxl, not “”."},
       {"full/max/0/default.tif", "format must be jpg, png"},
       {"full/max/0/default.jpeg", "format must be jpg, png"},
       {"full/max/0/default.jpg.png", "quality must be default"},
       {"full/max/%zz/default.jpg", "“%zz” is not percent-encoded properly"}});
}

TEST(Iiif, RegionsThatTouchInPercentTouchInPixels) {
  for (const std::uint32_t side : {7U, 100U, 333U, 1'001U}) {
    std::uint32_t end = 0;
    for (int i = 0; i < 10; ++i) {
      const std::string region = "pct:" + std::to_string(10 * i) + ",0,10,100";
      const auto request = parse_iiif(region, "max", "0", "default.jpg");
      ASSERT_TRUE(request);
      const auto picture = settle_iiif(*request, {side, 50}, limits);
      ASSERT_TRUE(picture) << region << ": " << picture.error().message;
      const Region& part = picture->recipe.region;
      EXPECT_LE(part.left, end) << region << " of " << side;  // tiny ones share a pixel
      if (side >= 10) {
        EXPECT_EQ(part.left, end) << region << " of " << side;
      }
      end = part.left + part.width;
    }
    EXPECT_EQ(end, side);
  }
}

TEST(Iiif, SizesAndTilesCanAllBeAskedFor) {
  for (const PictureSize picture :
       {PictureSize{6'000, 4'000}, {512, 512}, {513, 1}, {1, 70'000}, {20'001, 13'337}}) {
    const auto factors = iiif_scale_factors(picture);
    EXPECT_GE(std::uint64_t{iiif_tile_side} * factors.back(),
              std::max(picture.width, picture.height));
    for (const PictureSize& size : iiif_sizes(picture, limits)) {
      const std::string path = "full/" + std::to_string(size.width) + "," +
                               std::to_string(size.height) + "/0/default.jpg";
      const auto settled = settle(path, picture);
      ASSERT_TRUE(settled) << path << ": " << settled.error().message;
      EXPECT_NE(settled->recipe.fit, Fit::fill) << path << " is a plain width";
    }
    for (const std::uint32_t factor : factors)
      for (std::uint64_t top = 0; top < picture.height; top += std::uint64_t{factor} * 512)
        for (std::uint64_t left = 0; left < picture.width; left += std::uint64_t{factor} * 512) {
          const auto width = std::min<std::uint64_t>(512 * factor, picture.width - left);
          const auto height = std::min<std::uint64_t>(512 * factor, picture.height - top);
          const auto reduced = [&](std::uint64_t side) {
            return std::to_string((side + factor - 1) / factor);
          };
          const std::string path = std::to_string(left) + "," + std::to_string(top) + "," +
                                   std::to_string(width) + "," + std::to_string(height) + "/" +
                                   reduced(width) + "," + reduced(height) + "/0/default.jpg";
          const auto settled = settle(path, picture);
          ASSERT_TRUE(settled) << path << ": " << settled.error().message;
        }
  }
}

}  // namespace
}  // namespace calotype
