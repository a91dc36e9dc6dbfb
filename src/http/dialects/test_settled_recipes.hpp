// SPDX-License-Identifier: Apache-2.0
// For tests of dialects whose recipe depends on the original's size: tables of what is said and
// what it means.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "asset/media.hpp"

namespace calotype::test {

inline MediaInfo photograph(std::uint32_t width, std::uint32_t height) {
  MediaInfo media;
  media.media_type = "image/jpeg";
  media.renderable = true;
  media.width = width;
  media.height = height;
  return media;
}

/// The dialect's words, of a photograph, as a recipe.
using Settle = Result<Recipe> (*)(const std::string& words, const MediaInfo& media);

struct Meant {
  std::string words, recipe;
  std::uint32_t width = 1'000, height = 500;
};

inline void expect_recipes(Settle settle, std::initializer_list<Meant> rows) {
  for (const Meant& row : rows) {
    const auto recipe = settle(row.words, photograph(row.width, row.height));
    ASSERT_TRUE(recipe) << row.words << ": " << recipe.error().message;
    EXPECT_EQ(to_string(*recipe), row.recipe) << row.words;
    EXPECT_EQ(canonical(*recipe), *recipe) << row.words;
  }
}

struct Refused {
  std::string words, message;  // what the message begins with
  ErrorCode code = ErrorCode::bad_recipe;
};

inline void expect_refused(Settle settle, std::initializer_list<Refused> rows) {
  for (const Refused& row : rows) {
    const auto recipe = settle(row.words, photograph(1'000, 500));
    ASSERT_FALSE(recipe) << row.words;
    EXPECT_EQ(recipe.error().code, row.code) << row.words;
    EXPECT_TRUE(recipe.error().message.starts_with(row.message))
        << row.words << ": " << recipe.error().message;
  }
}

}  // namespace calotype::test
