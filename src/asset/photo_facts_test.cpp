// SPDX-License-Identifier: Apache-2.0
#include "asset/photo_facts.hpp"

#include <gtest/gtest.h>

#include <format>

namespace calotype {
namespace {

std::string photo(std::string_view tags) {
  return std::format(R"({{"exif":{{"Photo":{{{}}}}}}})", tags);
}

TEST(PhotoFacts, TimeIsReadWithItsOffsetOrNotAtAll) {
  struct Row {
    std::string_view tags;
    std::string_view taken;  // empty: nothing
  };
  const Row rows[] = {
      {R"("DateTimeOriginal":"2026:11:28 13:40:05")", "2026-11-28T13:40:05.000Z"},
      {R"("DateTimeOriginal":"2026:11:28 13:40:05","OffsetTimeOriginal":"+02:00")",
       "2026-11-28T11:40:05.000Z"},
      {R"("DateTimeOriginal":"2026:01:01 00:30:00","OffsetTimeOriginal":"-05:30")",
       "2026-01-01T06:00:00.000Z"},
      {R"("DateTimeOriginal":"2026:11:28 13:40:05","OffsetTimeOriginal":"Berlin")",
       "2026-11-28T13:40:05.000Z"},
      {R"("DateTimeDigitized":"1969:07:20 20:17:40")", "1969-07-20T20:17:40.000Z"},
      {R"("DateTimeOriginal":"    :  :     :  :  ","DateTimeDigitized":"2001:02:03 04:05:06")",
       "2001-02-03T04:05:06.000Z"},
      {R"("DateTimeOriginal":"0000:00:00 00:00:00")", ""},
      {R"("DateTimeOriginal":"2026:02:30 00:00:00")", ""},
      {R"("DateTimeOriginal":"2026:11:28 24:00:00")", ""},
      {R"("DateTimeOriginal":"2026-11-28 13:40:05")", ""},
      {R"("DateTimeOriginal":"2026:11:28")", ""},
      {R"("DateTimeOriginal":2026)", ""},
      {R"("DateTimeOriginal":["2026:11:28 13:40:05"])", ""},
  };
  for (const Row& row : rows) {
    const auto taken = photo_facts(photo(row.tags)).taken_at;
    EXPECT_EQ(taken ? to_rfc3339(*taken) : "", row.taken) << row.tags;
  }
}

TEST(PhotoFacts, WhatIsNoMetadataSaysNothing) {
  for (const std::string_view text : {"", "{", "[]", "null", R"({"exif":[]})", R"({"exif":1})"}) {
    const PhotoFacts facts = photo_facts(text);
    EXPECT_FALSE(facts.taken_at) << text;
    EXPECT_EQ(camera_name(facts), "") << text;
  }
}

TEST(PhotoFacts, CameraNamesItsMakerOnce) {
  const auto name = [](std::string_view make, std::string_view model) {
    return camera_name(photo_facts(
        std::format(R"({{"exif":{{"Image":{{"Make":"{}","Model":"{}"}}}}}})", make, model)));
  };
  EXPECT_EQ(name("Canon", "Canon EOS 5D"), "Canon EOS 5D");
  EXPECT_EQ(name("Apple", " iPhone 12 "), "Apple iPhone 12");
  EXPECT_EQ(name("NIKON CORPORATION", "NIKON D90"), "NIKON D90");
  EXPECT_EQ(name("", "X100"), "X100");
  EXPECT_EQ(name("Leica", ""), "Leica");
  EXPECT_EQ(name(" ", ""), "");
}

}  // namespace
}  // namespace calotype
