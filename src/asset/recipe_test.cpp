// SPDX-License-Identifier: Apache-2.0
// What is read, what it is written back as, and what is refused in which words. The round trip is
// held over random recipes too, whose seed is printed.
#include "asset/recipe.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "asset/media.hpp"
#include "asset/parameter.hpp"
#include "base/encoding.hpp"

namespace calotype {
namespace {

TEST(Recipe, HasOneCanonicalText) {
  struct Row {
    std::string_view name, given, text;
  };
  for (const Row& row : {
           Row{"nothing", "", ""},
           Row{"one dimension", "w=300", "w=300"},
           Row{"comma for ampersand", "w=300,h=200", "w=300&h=200"},
           Row{"fixed order", "fm=webp&h=2&w=1", "w=1&h=2&fm=webp"},
           Row{"ratio multiplied in", "w=400&dpr=2", "w=800"},
           Row{"ratio to the nearest pixel", "w=101&h=99&dpr=1.5", "w=152&h=149"},
           Row{"ratio of many digits", "w=100&dpr=1.3312500715255737", "w=133"},
           Row{"never less than a pixel", "w=1&dpr=0.1", "w=1"},
           Row{"ratio without a dimension", "dpr=3", ""},
           Row{"ratio of one", "dpr=1&w=7", "w=7"},
           Row{"leading zeros", "w=0300", "w=300"},
           Row{"fit without a box", "w=400&dpr=2&fit=cover", "w=800"},
           Row{"gravity without cover", "w=4&h=3&fit=contain&g=north", "w=4&h=3&fit=contain"},
           Row{"gravity of the middle", "w=4&h=3&fit=cover&g=center", "w=4&h=3&fit=cover"},
           Row{"gravity kept", "g=southwest&w=4&h=3&fit=cover", "w=4&h=3&fit=cover&g=southwest"},
           Row{"crop is cover", "fit=crop&h=630&w=1200", "w=1200&h=630&fit=cover"},
           Row{"inside is the default", "w=4&h=3&fit=inside", "w=4&h=3"},
           Row{"outside", "w=4&h=3&fit=outside", "w=4&h=3&fit=outside"},
           Row{"default quality of webp", "q=85&fm=webp", "fm=webp"},
           Row{"default quality of avif", "q=60&fm=avif", "fm=avif"},
           Row{"default quality of jpeg", "q=85&fm=jpeg", "fm=jpeg"},
           Row{"quality without a format", "q=85", "q=85"},
           Row{"png has no quality", "q=30&fm=png", "fm=png"},
           Row{"jpg is jpeg", "fm=jpg&q=84", "q=84&fm=jpeg"},
           Row{"auto is no format", "w=5&fm=auto", "w=5"},
           Row{"short colour", "bg=fA0&fm=webp", "bg=ffaa00&fm=webp"},
           Row{"short colour with alpha", "w=4&h=3&fit=contain&bg=#fa08&fm=png",
               "w=4&h=3&fit=contain&bg=ffaa0088&fm=png"},
           Row{"opaque alpha", "bg=102030ff&fm=webp", "bg=102030&fm=webp"},
           Row{"transparent is none", "bg=transparent&w=5", "w=5"},
           Row{"alpha of nought is none", "bg=ff000000&w=5&fm=jpeg", "w=5&fm=jpeg"},
           Row{"white is jpeg's default", "bg=fff&fm=jpeg", "fm=jpeg"},
           Row{"white is not webp's default", "bg=fff&fm=webp", "bg=ffffff&fm=webp"},
           Row{"translucent over white in jpeg", "bg=00000080&fm=jpeg", "bg=7f7f7f&fm=jpeg"},
           Row{"translucent white in jpeg", "bg=ffffff80&fm=jpeg", "fm=jpeg"},
           Row{"translucent without padding", "bg=00000080&fm=webp", "fm=webp"},
           Row{"translucent, format unknown", "bg=00000080", "bg=00000080"},
           Row{"enlarge", "w=9&enlarge=true", "w=9&enlarge=1"},
           Row{"enlarge by one", "w=9&enlarge=1", "w=9&enlarge=1"},
           Row{"not enlarged", "w=9&enlarge=false", "w=9"},
           Row{"not enlarged by nought", "enlarge=0&w=9", "w=9"},
           Row{"enlarge without a dimension", "enlarge=1", ""},
           Row{"largest", "w=65535&h=65535", "w=65535&h=65535"},
           Row{"largest by ratio", "w=6553&dpr=10", "w=65530"},
       }) {
    const auto recipe = parse_recipe(row.given);
    ASSERT_TRUE(recipe) << row.name << ": " << recipe.error().message;
    EXPECT_EQ(to_string(*recipe), row.text) << row.name;
    EXPECT_EQ(canonical(*recipe), *recipe) << row.name;
    const auto again = parse_recipe(row.text);
    ASSERT_TRUE(again) << row.name;
    EXPECT_EQ(*again, *recipe) << row.name;
  }
}

TEST(Recipe, RefusesWhatItCannotReadInPlainWords) {
  struct Row {
    std::string_view given, message;
  };
  constexpr std::string_view number = "must be a whole number from 1 to 65535, not ";
  const auto width = [&](std::string_view value) {
    return "w " + std::string(number) + "“" + std::string(value) + "”.";
  };
  for (const auto* value : {"abc", "0", "65536", "-1", "+1", " 1", "1 ", "1e2", "1.0", "",
                            "99999999999999999999", "0x10"}) {
    const auto recipe = parse_recipe("w=" + std::string(value));
    ASSERT_FALSE(recipe) << value;
    EXPECT_EQ(recipe.error().code, ErrorCode::bad_recipe);
    EXPECT_EQ(recipe.error().message, width(value));
  }
  for (const Row& row : {
           Row{"h=none", "h must be a whole number from 1 to 65535, not “none”."},
           Row{"q=0", "q must be a whole number from 1 to 100, not “0”."},
           Row{"q=101", "q must be a whole number from 1 to 100, not “101”."},
           Row{"dpr=0", "dpr must be a number from 0.1 to 10, not “0”."},
           Row{"dpr=0.09", "dpr must be a number from 0.1 to 10, not “0.09”."},
           Row{"dpr=10.01", "dpr must be a number from 0.1 to 10, not “10.01”."},
           Row{"dpr=1e0", "dpr must be a number from 0.1 to 10, not “1e0”."},
           Row{"dpr=.5", "dpr must be a number from 0.1 to 10, not “.5”."},
           Row{"dpr=2.", "dpr must be a number from 0.1 to 10, not “2.”."},
           Row{"dpr=nan", "dpr must be a number from 0.1 to 10, not “nan”."},
           Row{"dpr=1.2.3", "dpr must be a number from 0.1 to 10, not “1.2.3”."},
           Row{"w=6554&dpr=10", "w times dpr must be at most 65535 pixels, not 65540."},
           Row{"dpr=2&h=40000", "h times dpr must be at most 65535 pixels, not 80000."},
           Row{"fit=fill", "fit must be inside, outside, cover, crop or contain, not “fill”."},
           Row{"g=top",
               "g must be center, north, northeast, east, southeast, south, southwest, west or "
               "northwest, not “top”."},
           Row{"bg=12345",
               "bg must be a colour as rgb, rrggbb or rrggbbaa in hexadecimal, or transparent, not "
               "“12345”."},
           Row{"bg=white",
               "bg must be a colour as rgb, rrggbb or rrggbbaa in hexadecimal, or transparent, not "
               "“white”."},
           Row{"enlarge=yes", "enlarge must be 1, true, 0 or false, not “yes”."},
           Row{"fm=gif", "fm must be jpeg, png, webp, avif or auto, not “gif”."},
           Row{"w=1&w=1", "w is given twice."},
           Row{"fm=auto&fm=webp", "fm is given twice."},
           Row{"blur=3",
               "“blur” is no parameter; allowed are w, h, fit, g, dpr, q, bg, enlarge and fm."},
           Row{"W=3", "“W” is no parameter; allowed are w, h, fit, g, dpr, q, bg, enlarge and fm."},
           Row{"=3", "“” is no parameter; allowed are w, h, fit, g, dpr, q, bg, enlarge and fm."},
           Row{"thumb", "A recipe is parameters like w=300&fm=webp; “thumb” is none."},
           Row{"w=1&", "A recipe is parameters like w=300&fm=webp; “” is none."},
           Row{"&w=1", "A recipe is parameters like w=300&fm=webp; “” is none."},
           Row{"w=\n\xff", "w must be a whole number from 1 to 65535, not “??”."},
       }) {
    const auto recipe = parse_recipe(row.given);
    ASSERT_FALSE(recipe) << row.given;
    EXPECT_EQ(recipe.error().code, ErrorCode::bad_recipe) << row.given;
    EXPECT_EQ(recipe.error().message, row.message);
  }
}

TEST(Recipe, LongValuesAreCutInMessages) {
  const auto recipe = parse_recipe("w=" + std::string(100'000, 'x'));
  ASSERT_FALSE(recipe);
  EXPECT_LT(recipe.error().message.size(), 200U);
}

Recipe random_recipe(std::mt19937_64& random) {
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  Recipe recipe;
  if (below(4) != 0) recipe.width = static_cast<std::uint32_t>(1 + below(dimension_max));
  if (below(3) != 0) recipe.height = static_cast<std::uint32_t>(1 + below(dimension_max));
  recipe.fit = static_cast<Fit>(below(4));
  recipe.gravity = static_cast<Gravity>(below(9));
  recipe.quality = static_cast<std::uint8_t>(below(101));
  recipe.enlarge = below(2) == 0;
  if (below(5) != 0) recipe.format = static_cast<ImageFormat>(below(4));
  if (below(2) == 0) {
    const auto byte = [&] { return static_cast<std::uint8_t>(below(3) == 0 ? 255 : below(256)); };
    recipe.background = Color{byte(), byte(), byte(), byte()};
  }
  return recipe;
}

TEST(Recipe, TextIsReadBackAsTheSameCanonicalRecipe) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const Recipe recipe = canonical(random_recipe(random));
    ASSERT_EQ(canonical(recipe), recipe) << to_string(recipe);
    const auto again = parse_recipe(to_string(recipe));
    ASSERT_TRUE(again) << to_string(recipe) << ": " << again.error().message;
    ASSERT_EQ(*again, recipe) << to_string(recipe);
  }
}

TEST(Recipe, VersionChangesWithRecipeAndWithRenderer) {
  const auto version = [](std::string_view parameters, std::string_view renderer) {
    return version_of(parse_recipe(parameters).value(), renderer);
  };
  const auto one = version("w=300&fm=webp", "1");
  EXPECT_EQ(one.size(), 8U);
  EXPECT_TRUE(is_base32(one));
  EXPECT_EQ(version("fm=webp&w=150&dpr=2&q=85", "1"), one);
  EXPECT_EQ((std::set{one, version("w=301&fm=webp", "1"), version("w=300&fm=webp", "2"),
                      version("w=300&fm=avif", "1")}
                 .size()),
            4U);
}

TEST(ImageFormat, NamesAgree) {
  for (const auto format :
       {ImageFormat::jpeg, ImageFormat::png, ImageFormat::webp, ImageFormat::avif}) {
    EXPECT_EQ(parse_image_format(to_string(format)), format);
    EXPECT_EQ(parse_image_format(extension_of(format)), format);
    EXPECT_EQ(format_of_media_type(media_type_of(format)), format);
  }
  EXPECT_FALSE(format_of_media_type("image/tiff"));
  EXPECT_FALSE(parse_image_format("WEBP"));
}

TEST(Accept, ChoosesAsBrowsersAndOthersMeanIt) {
  using enum ImageFormat;
  struct Row {
    std::string_view name, accept;
    std::optional<ImageFormat> original;
    bool has_alpha;
    ImageFormat chosen;
  };
  for (const Row& row : {
           Row{"Chrome", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", jpeg,
               false, avif},
           Row{"Firefox", "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
               png, true, avif},
           Row{"older Safari", "image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", jpeg,
               false, webp},
           Row{"curl", "*/*", jpeg, false, jpeg},
           Row{"curl, png", "*/*", png, false, png},
           Row{"curl, webp", "*/*", webp, false, jpeg},
           Row{"curl, webp with alpha", "*/*", webp, true, png},
           Row{"image/* promises nothing new", "image/*", avif, false, jpeg},
           Row{"no header", "", avif, true, png},
           Row{"none of ours", "text/html", std::nullopt, false, jpeg},
           Row{"avif refused", "image/avif;q=0, image/webp", jpeg, false, webp},
           Row{"both refused", "image/avif;q=0,image/webp;q=0.000,*/*", jpeg, false, jpeg},
           Row{"webp preferred", "image/avif;q=0.5,image/webp;q=0.9", jpeg, false, webp},
           Row{"equal weights", "image/webp;q=0.5,image/avif;q=0.5", jpeg, false, avif},
           Row{"case and space", " IMAGE/WebP ; Q=0.5 ,*/*", jpeg, false, webp},
           Row{"other parameters", "image/webp;a=b;q=0", jpeg, false, jpeg},
           Row{"a comma in quotes", "image/webp;a=\",image/avif\";q=0.5", jpeg, false, webp},
           Row{"an escaped quote", "image/webp;a=\"\\\",image/avif;\"", jpeg, false, webp},
           Row{"malformed weight is passed over", "image/avif;q=x,image/webp;q=2", jpeg, false,
               jpeg},
           Row{"only png", "image/png", jpeg, false, png},
           Row{"only jpeg", "image/jpeg", png, false, jpeg},
           Row{"only jpeg, alpha", "image/jpeg", png, true, png},
           Row{"only commas", ",,;,", jpeg, false, jpeg},
       })
    EXPECT_EQ(negotiate_format(row.accept, row.original, row.has_alpha), row.chosen)
        << row.name << " chose "
        << to_string(negotiate_format(row.accept, row.original, row.has_alpha));
}

}  // namespace
}  // namespace calotype
