// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/cloudinary.hpp"

#include <gtest/gtest.h>

#include "http/dialects/color_names.hpp"
#include "http/dialects/test_settled_recipes.hpp"

namespace calotype {
namespace {

constexpr std::string_view id = "aaaaaaaaaaaaaaaaaaaaaaaaaa";

Result<Recipe> settle(const std::string& transformations, const MediaInfo& media) {
  static const PresetTable presets = PresetTable::with_defaults();
  const std::string path = (transformations.empty() ? "" : transformations + "/") + std::string(id);
  TRY(const CloudinaryRequest request, parse_cloudinary(path, presets));
  EXPECT_EQ(request.id, id);
  return settle_cloudinary(request, media);
}

void expect_recipes(std::initializer_list<test::Meant> rows) {
  test::expect_recipes(settle, rows);
}

TEST(Cloudinary, OneChangeOfSizeMeansTheSameRecipeAsInTheNativeDialect) {
  expect_recipes({
      {"", ""},
      {"w_400", "w=400"},
      {"h_300", "h=300"},
      {"w_400,h_300", "w=400&h=300&fit=fill"},
      {"c_scale,w_400,h_300", "w=400&h=300&fit=fill"},
      {"c_scale,w_2000", "w=2000&enlarge=1"},
      {"w_0.5", "w=500"},
      {"c_fit,w_400,h_300", "w=400&h=300"},
      {"c_fit,w_4000,h_3000", "w=4000&h=3000&enlarge=1"},
      {"c_limit,w_400,h_300", "w=400&h=300"},
      {"c_limit,w_4000,h_3000", "w=4000&h=3000"},
      {"c_mfit,w_400,h_300", ""},
      {"c_mfit,w_2000,h_3000", "w=2000&enlarge=1"},
      {"c_fill,w_400,h_300", "w=400&h=300&fit=cover"},
      {"c_fill,w_400,h_300,g_north_west", "w=400&h=300&fit=cover&g=northwest"},
      {"c_fill,w_400,h_300,g_auto", "w=400&h=300&fit=cover&g=attention"},
      {"c_auto,w_400,h_300", "w=400&h=300&fit=cover&g=attention"},
      {"c_thumb,w_400,h_300,g_south", "w=400&h=300&fit=cover&g=south"},
      {"c_fill,w_400,h_300,g_xy_center,x_100,y_400", "w=400&h=300&fit=cover&g=0.1:0.8"},
      {"c_fill,w_4000,h_3000", "w=4000&h=3000&fit=cover&enlarge=1"},
      {"c_fill,w_400", "w=400"},
      {"c_fill,w_400,ar_1:1", "w=400&h=400&fit=cover"},
      {"c_fill,ar_1", "w=500&h=500&fit=cover"},
      {"c_lfill,w_400,h_300", "w=400&h=300&fit=cover"},
      {"c_lfill,w_4000,h_3000", ""},
      {"c_lfill,w_200,h_200", "w=200&h=50&fit=cover", 1'000, 50},
      {"c_pad,w_400,h_300", "w=400&h=300&fit=contain"},
      {"c_pad,w_400,h_300,g_north,b_white,f_png",
       "w=400&h=300&fit=contain&g=north&bg=ffffff&fm=png"},
      {"c_pad,w_4000,h_3000", "w=4000&h=3000&fit=contain&enlarge=1"},
      {"c_pad,ar_1:1", "w=1000&h=1000&fit=contain"},
      {"c_lpad,w_4000,h_3000", "w=4000&h=3000&fit=contain"},
      {"c_mpad,w_400,h_300", ""},
      {"c_mpad,w_2000,h_3000", "w=2000&h=3000&fit=contain&enlarge=1"},
      {"c_fill,dpr_2.0,w_200,h_150", "w=400&h=300&fit=cover"},
      {"dpr_auto,w_200", "w=200"},
      {"c_fill,g_face,w_40,h_40", "w=40&h=40&fit=cover&g=face:center"},
      {"c_fill,g_face:center,w_40,h_40", "w=40&h=40&fit=cover&g=face:center"},
      {"c_fill,g_face:auto,w_40,h_40", "w=40&h=40&fit=cover&g=face"},
      {"c_fill,g_auto:face,w_40,h_40", "w=40&h=40&fit=cover&g=face"},
      {"c_lfill,g_faces,w_40,h_40", "w=40&h=40&fit=cover&g=faces:center"},
      {"c_auto,g_faces:auto,w_40,h_40", "w=40&h=40&fit=cover&g=faces"},
      {"c_fill,g_auto%3Afaces,w_40,h_40", "w=40&h=40&fit=cover&g=faces"},
      {"c_fit,g_face,w_40,h_40", "w=40&h=40"},
  });
}

TEST(Cloudinary, CropsAndChainsAreWorkedOutToThePixel) {
  expect_recipes({
      {"c_crop,w_400,h_300", "crop=300:100:400:300"},
      {"c_crop,w_400,h_300,x_10,y_20", "crop=10:20:400:300"},
      {"c_crop,w_0.5,h_0.5,g_south_east", "crop=500:250:500:250"},
      {"c_crop,w_400,h_300,g_east,x_50", "crop=550:100:400:300"},
      {"c_crop,w_100,h_100,g_xy_center,x_300,y_200", "crop=250:150:100:100"},
      {"c_crop,ar_1", "crop=250:0:500:500"},
      {"c_crop,w_4000,h_3000", ""},
      {"c_crop,w_400,h_400,x_0,y_0/c_scale,w_100", "w=100&crop=0:0:400:400"},
      {"c_crop,w_400,h_400,x_0,y_0/c_fill,w_100,h_50,g_north",
       "w=100&h=50&fit=cover&g=north&crop=0:0:400:400"},
      {"c_crop,w_400,h_400/c_crop,w_100,h_100,x_10,y_10", "crop=310:60:100:100"},
      {"c_scale,w_500/c_crop,w_100,h_100,x_10,y_10", "w=100&crop=20:20:200:200"},
      {"c_fill,w_400,h_400/c_crop,w_200,h_100,g_north", "w=200&crop=375:0:250:125"},
      {"c_fill,w_400,h_400/c_scale,w_0.5", "w=200&crop=250:0:500:500"},
      {"c_scale,w_400,h_400/c_fill,w_200,h_100", "w=200&h=100&fit=fill&crop=0:125:1000:250"},
      {"w_500/w_250/w_100", "w=100"},
      {"c_scale,w_100/c_pad,w_100,h_100,b_red", "w=100&bg=ff0000&pad=25:0:25:0"},
  });
}

TEST(Cloudinary, TurnsFirstOrLast) {
  expect_recipes({
      {"a_90", "rot=90"},
      {"a_-90", "rot=270"},
      {"a_20", "rot=20"},
      {"a_hflip", "flip=h"},
      {"a_vflip", "rot=180&flip=h"},
      {"a_exif", ""},
      {"a_hflip.90", "rot=90&flip=h"},
      {"w_100,a_12.5", "w=100&rot=12.5"},
      {"a_90/w_100", "h=100&rot=90"},
      {"a_90/c_fill,w_100,h_50,g_north", "w=50&h=100&fit=cover&g=west&rot=90"},
      {"a_90/a_hflip/w_100", "h=100&rot=270&flip=h"},
      {"a_hflip/a_90/w_100", "h=100&rot=90&flip=h"},
      {"a_90/c_crop,w_100,h_200,x_0,y_0", "crop=0:400:200:100&rot=90"},
      {"w_100/a_90/a_hflip", "w=100&rot=270&flip=h"},
      {"c_pad,w_100,h_100,a_45", "w=100&h=100&fit=contain&rot=45"},
  });
}

TEST(Cloudinary, DecorationsAndEncodings) {
  expect_recipes({
      {"r_20", "radius=20"},
      {"r_max,bo_5px_solid_rgb:00ff00,o_50", "radius=max&border=5:00ff00&opacity=50"},
      {"w_100/r_20/bo_1px_solid_black", "w=100&radius=20&border=1:000000"},
      {"c_pad,w_100,h_100/r_20", "w=100&h=100&fit=contain&radius=20"},
      {"r_max/a_90", "rot=90&radius=max"},
      {"b_rgb:f00,f_png", "bg=ff0000&fm=png"},
      {"b_rgb:ff000080,c_pad,w_10,h_10,f_png", "w=10&h=10&fit=contain&bg=ff000080&fm=png"},
      {"b_transparent", ""},
      {"q_70/f_jpg", "q=70&fm=jpeg"},
      {"q_auto,f_webp", "fm=webp"},
      {"q_auto:eco,f_webp", "q=70&fm=webp"},
      {"q_auto:low", "q=50"},
      {"pg_3", "page=3"},
      {"so_0", "page=1"},
      {"so_auto", "page=1"},
      {"t_thumb", "w=300&fm=webp"},
      {"t_thumb/f_avif,q_auto", "w=300&fm=avif"},
      {"v1234567890", ""},
      {"w_100/v1", "w=100"},
      {"w%5F100%2Ch_100", "w=100&h=100&fit=fill"},
  });
}

TEST(Cloudinary, RefusesByNameWhatARecipeCannotSay) {
  test::expect_refused(
      settle,
      {
          {"e_sepia",
           "“e_sepia” is no parameter here; there are c, w, h, ar, g, x, y, q, f, dpr, "
           "r, b, a, bo, o, t, pg, so and du."},
          {"l_logo", "“l_logo” is no parameter here"},
          {"fl_progressive", "“fl_progressive” is no parameter here"},
          {"$w_100", "“$w_100” is no parameter here"},
          {"if_w_gt_100", "“if_w_gt_100” is no parameter here"},
          {"s--abcdefgh--", "“s--abcdefgh--” is no parameter here"},
          {"v1/w_100", "“v1” is no parameter here"},
          {"folder", "“folder” is no parameter here"},
          {"c_imagga_scale,w_5",
           "c must be scale, fit, limit, mfit, fill, lfill, pad, lpad, mpad, "
           "crop, thumb or auto, not “imagga_scale”."},
          {"c_fill_pad,w_5,h_5", "c must be scale"},
          {"w_auto", "w must be pixels from 1 to 65535, or a share with a point such as 0.5, not"},
          {"w_iw", "w must be pixels"},
          {"w_0", "w must be pixels"},
          {"g_face,c_thumb,w_5,h_5", "g_face with c_thumb would zoom in, which is not done here;"},
          {"c_crop,w_5,h_5,g_faces", "c_crop cannot look for faces or what draws the eye"},
          {"c_pad,w_5,h_9,g_face", "c_pad and its kin take a compass point as g"},
          {"w_500/c_fill,g_face,w_50,h_50", "g_auto and g_face look at the original; they must"},
          {"g_face:north,w_5", "g must be center"},
          {"g_auto:face:auto,w_5", "g must be center"},
          {"g_auto:subject,w_5", "g must be center"},
          {"c_scale,w_100,h_400/c_crop,w_3/w_65535",
           "the picture would have a side of more than 65535 pixels."},
          {"g_north", "g, x, y and dpr need w, h or c beside them."},
          {"dpr_2.0", "g, x, y and dpr need"},
          {"c_fill,w_5,h_5,x_1", "x and y with c_fill and its kin need g_xy_center."},
          {"c_crop,w_5,h_5,g_auto", "c_crop cannot look for faces or what draws the eye"},
          {"c_fill,g_auto,w_50,h_50/w_5",
           "after g_auto or g_face nobody knows before it is rendered"},
          {"w_500/c_fill,g_auto,w_50,h_50",
           "g_auto and g_face look at the original; they must come"},
          {"r_20/w_100", "sizes must come before padding, round corners, borders and opacity"},
          {"c_pad,w_100,h_100/w_50", "sizes must come before padding"},
          {"w_50/a_90/w_20", "sizes must come before padding"},
          {"a_20/w_100", "sizes must come before padding"},
          {"r_20/a_45", "round corners and borders come after an angle."},
          {"bo_1px_solid_red/r_20", "round corners come once, before a border, opacity and"},
          {"o_50/bo_1px_solid_red", "a border comes once, before opacity and padding."},
          {"o_0", "o must be a whole number from 1 to 100, not “0”."},
          {"r_10:20", "r must be pixels from 0 to 8192, or max (corners are alike here), not"},
          {"b_auto", "b must be a colour's name in CSS, rgb: and rgb, rrggbb or rrggbbaa, or"},
          {"b_blurred", "b must be a colour's name in CSS"},
          {"bo_1px_dashed_red", "bo must be pixels, solid and a colour"},
          {"a_auto_right", "a must be degrees, hflip, vflip, exif"},
          {"a_ignore", "a must be degrees"},
          {"q_jpegmini", "q must be 1 to 100, auto, auto:best, auto:good, auto:eco or auto:low"},
          {"f_mp4", "f must be auto, jpg, png, webp, avif, gif or jxl, not “mp4”."},
          {"so_2.5", "so must be 0 or auto here: it chooses a moment of a video"},
          {"du_3", "du is the length of a video; a picture has none."},
          {"t_nothing", "t must be a preset: desktop, mobile, original-size, social, thumb, not"},
          {"t_thumb/w_100", "t_ stands alone, with f_ and q_ at most."},
          {"w_1,w_%zz", "“w_1,w_%zz” is not percent-encoded properly"},
      });
}

TEST(Cloudinary, TheEndingSaysTheFormatWhereNothingElseDoes) {
  const PresetTable presets = PresetTable::with_defaults();
  const auto format = [&](std::string_view path) {
    const auto request = parse_cloudinary(path, presets);
    EXPECT_TRUE(request) << path;
    return std::pair{request->format, request->negotiate};
  };
  EXPECT_EQ(format("abc.png"), std::pair(std::optional(ImageFormat::png), false));
  EXPECT_EQ(format("v1/abc.jpg"), std::pair(std::optional(ImageFormat::jpeg), false));
  EXPECT_EQ(format("f_webp/abc.png"), std::pair(std::optional(ImageFormat::webp), false));
  EXPECT_EQ(format("f_auto/abc.png"), std::pair(std::optional<ImageFormat>{}, true));
  EXPECT_EQ(format("abc"), std::pair(std::optional<ImageFormat>{}, false));
  for (const auto* path : {"", "w_100/", "abc.tiff", "abc."})
    EXPECT_FALSE(parse_cloudinary(path, presets)) << path;
}

TEST(ColorNames, AreThoseOfCss) {
  EXPECT_EQ(find_named_color("rebeccapurple"), (Color{0x66, 0x33, 0x99, 255}));
  EXPECT_EQ(find_named_color("aliceblue"), (Color{0xf0, 0xf8, 0xff, 255}));
  EXPECT_EQ(find_named_color("yellowgreen"), (Color{0x9a, 0xcd, 0x32, 255}));
  for (const auto* name : {"", "Red", "transparent", "zebra"}) EXPECT_FALSE(find_named_color(name));
}

}  // namespace
}  // namespace calotype
