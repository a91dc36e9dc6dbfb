// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/variant_path.hpp"

#include <gtest/gtest.h>

#include <random>

#include "http/dialects/percent.hpp"

namespace calotype {
namespace {

TEST(Percent, DecodesStrictly) {
  struct Row {
    std::string_view text;
    std::optional<std::string> decoded;
  };
  for (const Row& row :
       {Row{"", ""}, Row{"a%20b", "a b"}, Row{"%c3%A9", "é"}, Row{"a+b", "a+b"}, Row{"%25", "%"},
        Row{"%2541", "%41"}, Row{"%", std::nullopt}, Row{"%4", std::nullopt},
        Row{"%4g", std::nullopt}, Row{"%%41", std::nullopt}, Row{"%00", std::nullopt}})
    EXPECT_EQ(percent_decode(row.text), row.decoded) << row.text;
  EXPECT_EQ(percent_encode("w=1&h=2,é /?#%"), "w=1&h=2,%C3%A9%20%2F%3F%23%25");
}

TEST(VariantPath, ReadsPresetOrParametersVersionAndEnding) {
  struct Row {
    std::string_view segment, name, recipe, version;
    bool negotiate;
  };
  const auto presets = PresetTable::with_defaults();
  for (const Row& row : {
           Row{"thumb.abcdefgh.webp", "thumb", "w=300&fm=webp", "abcdefgh", false},
           Row{"thumb.webp", "thumb", "w=300&fm=webp", "", false},
           Row{"thumb.jpg", "thumb", "w=300&fm=jpeg", "", false},
           Row{"thumb.jpeg", "thumb", "w=300&fm=jpeg", "", false},
           Row{"thumb.auto", "thumb", "w=300", "", true},
           Row{"thumb.22334455.auto", "thumb", "w=300", "22334455", true},
           Row{"original-size.png", "original-size", "fm=png", "", false},
           Row{"w=800.avif", "w=800", "w=800&fm=avif", "", false},
           Row{"w=800.abcdefgh.avif", "w=800", "w=800&fm=avif", "abcdefgh", false},
           Row{"h=600&w=800&fit=crop.webp", "w=800&h=600&fit=cover",
               "w=800&h=600&fit=cover&fm=webp", "", false},
           Row{"w=800,h=600.webp", "w=800&h=600", "w=800&h=600&fm=webp", "", false},
           Row{"w%3D800%26h%3d600.webp", "w=800&h=600", "w=800&h=600&fm=webp", "", false},
           Row{"w=9&bg=%23fff.webp", "w=9&bg=ffffff", "w=9&bg=ffffff&fm=webp", "", false},
           Row{"w=9&fm=webp.webp", "w=9", "w=9&fm=webp", "", false},
           Row{"w=9&fm=auto.webp", "w=9", "w=9&fm=webp", "", false},
           Row{"w=9&q=85.webp", "w=9", "w=9&fm=webp", "", false},
           Row{"w=9&q=85.auto", "w=9&q=85", "w=9&q=85", "", true},
           Row{"q=85.webp", "fm=webp", "fm=webp", "", false},
           Row{"fm=webp.abcdefgh.webp", "fm=webp", "fm=webp", "abcdefgh", false},
           Row{"fm=auto.auto", "fm=auto", "", "", true},
           Row{"w=100&dpr=1.5.webp", "w=150", "w=150&fm=webp", "", false},
           Row{"w=100&dpr=1.5.abcdefgh.webp", "w=150", "w=150&fm=webp", "abcdefgh", false},
           Row{"w=100&dpr=2.22222222.webp", "w=222", "w=222&fm=webp", "", false},
           Row{"dpr=2&w=100.22222222.webp", "w=200", "w=200&fm=webp", "22222222", false},
       }) {
    const auto variant = parse_variant_segment(row.segment, presets);
    ASSERT_TRUE(variant) << row.segment << ": " << variant.error().message;
    EXPECT_EQ(variant->name, row.name) << row.segment;
    EXPECT_EQ(to_string(variant->recipe), row.recipe) << row.segment;
    EXPECT_EQ(variant->version, row.version) << row.segment;
    EXPECT_EQ(variant->negotiate, row.negotiate) << row.segment;
    EXPECT_EQ(variant->recipe, canonical(variant->recipe)) << row.segment;
  }
}

TEST(VariantPath, RefusesNamingWhatIsWrong) {
  struct Row {
    std::string_view segment, message;
  };
  const auto presets = PresetTable::with_defaults();
  const auto ending = [](std::string_view text) {
    return "A variant's name ends in .jpg, .png, .webp, .avif, .gif, .jxl or .auto; “" +
           std::string(text) + "” does not.";
  };
  for (const auto* text : {"", "thumb", "thumb.bmp", "thumb.", "w=1", "w=100&dpr=1.5", "webp"})
    EXPECT_EQ(parse_variant_segment(text, presets).error().message, ending(text)) << text;
  constexpr std::string_view presets_there =
      " is no preset; there are desktop, mobile, original-size, social, thumb, or give parameters "
      "like w=300&fm=webp.";
  for (const Row& row : {
           Row{"w=abc.webp", "w must be a whole number from 1 to 65535, not “abc”."},
           Row{"w=9&fm=avif.webp", "fm is avif, but the name ends in .webp; leave fm out."},
           Row{"w=9&fm=jpeg.auto", "fm is jpeg, but the name ends in .auto; leave fm out."},
           Row{"w=9%.webp",
               "“w=9%.webp” is not percent-encoded properly; % needs two hexadecimal digits."},
           Row{"w=9.ABCDEFGH.webp", "w must be a whole number from 1 to 65535, not “9.ABCDEFGH”."},
       }) {
    const auto variant = parse_variant_segment(row.segment, presets);
    ASSERT_FALSE(variant) << row.segment;
    EXPECT_EQ(variant.error().code, ErrorCode::bad_recipe);
    EXPECT_EQ(variant.error().message, row.message);
  }
  for (const auto& [segment, name] : {std::pair{"tumb.webp", "tumb"},
                                      {".webp", ""},
                                      {"thumb.k3v7q2m.webp", "thumb.k3v7q2m"},
                                      {"..%2F.webp", "../"}})
    EXPECT_EQ(parse_variant_segment(segment, presets).error().message,
              "“" + std::string(name) + "”" + std::string(presets_there));
}

TEST(VariantPath, ReadsANameWithoutVersionAndEnding) {
  const auto presets = PresetTable::with_defaults();
  const auto thumb = parse_variant_name("thumb", presets).value();
  EXPECT_EQ(to_string(thumb.recipe), "w=300&fm=webp");
  EXPECT_FALSE(thumb.negotiate);
  const auto own = parse_variant_name("h=5%26w=4", presets).value();
  EXPECT_EQ(own.name, "w=4&h=5");
  EXPECT_TRUE(own.negotiate);
  EXPECT_FALSE(parse_variant_name("thumb.webp", presets));
}

TEST(VariantPath, WhatIsBuiltIsReadBackAsTheSame) {
  const auto presets = PresetTable::with_defaults();
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 5'000; ++round) {
    Recipe recipe;
    recipe.width = static_cast<std::uint32_t>(random() % 3 == 0 ? 0 : 1 + random() % 9'000);
    recipe.height = static_cast<std::uint32_t>(random() % 3 == 0 ? 0 : 1 + random() % 9'000);
    recipe.fit = static_cast<Fit>(random() % 4);
    recipe.gravity = static_cast<Gravity>(random() % 12);
    recipe.rotation = static_cast<std::uint16_t>(random() % 3 == 0 ? random() % 36'000 : 0);
    recipe.blur = static_cast<std::uint16_t>(random() % 3 == 0 ? random() % 9'000 : 0);
    recipe.quality = static_cast<std::uint8_t>(random() % 101);
    recipe.enlarge = random() % 2 == 0;
    recipe.format = static_cast<ImageFormat>(random() % 6);
    if (random() % 2 == 0)
      recipe.background = Color{0, static_cast<std::uint8_t>(random() % 256), 7,
                                static_cast<std::uint8_t>(random() % 256)};
    recipe = canonical(recipe);
    const auto version = version_of(recipe, "1");
    const auto segment = variant_segment("", recipe, version);
    const auto variant = parse_variant_segment(segment, presets);
    ASSERT_TRUE(variant) << segment << ": " << variant.error().message;
    ASSERT_EQ(variant->recipe, recipe) << segment;
    ASSERT_EQ(variant->version, version) << segment;
    ASSERT_EQ(variant_segment(variant->name, variant->recipe, version), segment);
  }
  const auto thumb = *presets.find("thumb");
  EXPECT_EQ(variant_path("abc", "thumb", thumb, "k3v7q2ma"), "/v/abc/thumb.k3v7q2ma.webp");
}

}  // namespace
}  // namespace calotype
