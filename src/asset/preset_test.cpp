// SPDX-License-Identifier: Apache-2.0
#include "asset/preset.hpp"

#include <gtest/gtest.h>

namespace calotype {
namespace {

TEST(PresetTable, HasTheFiveThatEveryInstallationHas) {
  const auto table = PresetTable::with_defaults();
  struct Row {
    std::string_view name, text;
  };
  for (const Row& row :
       {Row{"thumb", "w=300&fm=webp"}, Row{"mobile", "w=1200&fm=webp"},
        Row{"desktop", "w=1200&fm=webp"}, Row{"social", "w=1200&h=630&fit=cover&fm=webp"},
        Row{"original-size", "fm=webp"}}) {
    ASSERT_NE(table.find(row.name), nullptr) << row.name;
    EXPECT_EQ(to_string(*table.find(row.name)), row.text);
  }
  EXPECT_EQ(table.all().size(), 5U);
  EXPECT_EQ(table.find("Thumb"), nullptr);
  EXPECT_EQ(table.names(), "desktop, mobile, original-size, social, thumb");
}

TEST(PresetTable, ReplacesAndAddsAndRefusesByName) {
  auto table = PresetTable::with_defaults();
  ASSERT_TRUE(table.set("thumb", "w=200&fm=auto"));
  EXPECT_EQ(to_string(*table.find("thumb")), "w=200");
  ASSERT_TRUE(table.set("a-1", "h=5"));
  const auto bad = table.set("hero", "w=abc");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message,
            "Preset hero: w must be a whole number from 1 to 65535, not “abc”.");
  for (const auto* name :
       {"", "A", "a_b", "w=1", "a.b", "a/b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})
    EXPECT_FALSE(table.set(name, "w=1")) << name;
  EXPECT_TRUE(table.set(std::string(40, 'a'), "w=1"));
}

TEST(PresetTable, ResolvesPresetsAndParameters) {
  const auto table = PresetTable::with_defaults();
  EXPECT_EQ(to_string(resolve_recipe("thumb", table).value()), "w=300&fm=webp");
  EXPECT_EQ(to_string(resolve_recipe("w=300&fm=webp", table).value()), "w=300&fm=webp");
  const auto unknown = resolve_recipe("tumb", table);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::bad_recipe);
  EXPECT_EQ(unknown.error().message,
            "“tumb” is no preset; there are desktop, mobile, original-size, social, thumb, or give "
            "parameters like w=300&fm=webp.");
}

TEST(WithFormat, DropsAQualityThatWasMeantForAnother) {
  const auto recipe = parse_recipe("w=9&q=70&fm=webp").value();
  EXPECT_EQ(to_string(with_format(recipe, ImageFormat::avif)), "w=9&fm=avif");
  EXPECT_EQ(to_string(with_format(recipe, ImageFormat::webp)), "w=9&q=70&fm=webp");
  EXPECT_EQ(to_string(with_format(recipe, std::nullopt)), "w=9");
  EXPECT_EQ(to_string(with_format(parse_recipe("q=70").value(), ImageFormat::avif)),
            "q=70&fm=avif");
}

}  // namespace
}  // namespace calotype
