// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/gain_map_numbers.hpp"

#include <gtest/gtest.h>

#include <format>

namespace calotype {
namespace {

std::string packet(std::string_view attributes, std::string_view elements = {}) {
  return std::format(
      "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF "
      "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description "
      "xmlns:hdrgm=\"http://ns.adobe.com/hdr-gain-map/1.0/\" {}>{}</rdf:Description></rdf:RDF>"
      "</x:xmpmeta>",
      attributes, elements);
}

std::string number(std::uint32_t value) {
  std::string out;
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

std::string fraction(std::int64_t numerator, std::uint32_t denominator) {
  return number(static_cast<std::uint32_t>(numerator)) + number(denominator);
}

struct IsoRow {
  const char* name;
  std::int64_t least = 0, most = 7;
  std::uint32_t gain_below = 2;
  std::uint32_t gamma = 1, gamma_below = 1;
  std::int64_t offset = 1;
  std::uint32_t offset_below = 64;
  std::uint32_t headroom = 7, headroom_below = 2;
  char version = 0;
  std::size_t cut = 0;
};

std::string iso_of(const IsoRow& row) {
  std::string iso{'\0', row.version, '\0', '\0', '\x40'};
  iso += fraction(0, 1) + fraction(row.headroom, row.headroom_below);
  iso += fraction(row.least, row.gain_below) + fraction(row.most, row.gain_below);
  iso += fraction(row.gamma, row.gamma_below) + fraction(row.offset, row.offset_below);
  iso += fraction(1, 64);
  return iso.substr(0, iso.size() - row.cut);
}

TEST(GainMapNumbers, AreReadFromIso) {
  const auto numbers = gain_map_numbers_of_iso(iso_of(IsoRow{"usual"}));
  ASSERT_TRUE(numbers);
  EXPECT_TRUE(numbers->uses_base_colors);
  EXPECT_TRUE(numbers->brightens());
  EXPECT_EQ(numbers->alternate_headroom.value(), 3.5);
  for (const GainMapChannel& channel : numbers->channels) {
    EXPECT_EQ(channel.most, (Fraction{7, 2}));
    EXPECT_EQ(channel.base_offset, (Fraction{1, 64}));
  }
}

TEST(GainMapNumbers, OfAFileThatIsHostileAreNone) {
  const IsoRow rows[] = {{.name = "nought below a gain", .gain_below = 0},
                         {.name = "nought below the gamma", .gamma_below = 0},
                         {.name = "nought below an offset", .offset_below = 0},
                         {.name = "nought below a headroom", .headroom_below = 0},
                         {.name = "no gamma", .gamma = 0},
                         {.name = "a huge gamma", .gamma = 0xffffffff},
                         {.name = "the most below the least", .least = 8},
                         {.name = "a huge gain", .most = 0x7fffffff, .gain_below = 1},
                         {.name = "a gain far below", .least = -0x80000000LL, .gain_below = 1},
                         {.name = "a huge offset", .offset = 0x7fffffff, .offset_below = 1},
                         {.name = "a huge headroom", .headroom = 0xffffffff},
                         {.name = "no range between", .headroom = 0},
                         {.name = "a version to come", .version = 1},
                         {.name = "cut off by a byte", .cut = 1},
                         {.name = "cut off", .cut = 60}};
  for (const IsoRow& row : rows) EXPECT_FALSE(gain_map_numbers_of_iso(iso_of(row))) << row.name;
  EXPECT_FALSE(gain_map_numbers_of_iso({}));
  EXPECT_FALSE(gain_map_numbers_of_iso(std::string(62, '\0')));
  EXPECT_FALSE(gain_map_numbers_of_iso(std::string(142, '\xff')));
}

TEST(GainMapNumbers, MayHaveOneDenominator) {
  std::string iso{'\0', '\0', '\0', '\0', '\x48'};
  iso += number(1000) + number(0) + number(3500);
  iso += number(0) + number(3500) + number(1000) + number(15) + number(16);
  const auto numbers = gain_map_numbers_of_iso(iso);
  ASSERT_TRUE(numbers);
  EXPECT_EQ(numbers->channels[2].most.value(), 3.5);
  EXPECT_EQ(numbers->channels[0].alternate_offset, (Fraction{16, 1000}));
}

TEST(GainMapNumbers, AreReadFromXmp) {
  const auto numbers = gain_map_numbers_of_xmp(
      packet("hdrgm:Version=\"1.0\" hdrgm:GainMapMin=\"-0.5\" hdrgm:GainMapMax=\"6.64386\""
             " hdrgm:Gamma=\"1.2\" hdrgm:OffsetSDR=\"0\" hdrgm:HDRCapacityMin=\"0\""
             " hdrgm:HDRCapacityMax=\"6.64386\" hdrgm:BaseRenditionIsHDR=\"False\""));
  ASSERT_TRUE(numbers);
  EXPECT_EQ(numbers->channels[0].least, (Fraction{-500'000, 1'000'000}));
  EXPECT_EQ(numbers->channels[1].most, (Fraction{6'643'860, 1'000'000}));
  EXPECT_EQ(numbers->channels[2].gamma, (Fraction{1'200'000, 1'000'000}));
  EXPECT_EQ(numbers->channels[0].base_offset.value(), 0);
  EXPECT_EQ(numbers->channels[0].alternate_offset.value(), 1.0 / 64) << "where nothing is said";
  EXPECT_EQ(numbers->alternate_headroom.value(), 6.64386);
}

TEST(GainMapNumbers, MayDifferByChannel) {
  const std::string xmp =
      packet("hdrgm:Version=\"1.0\" hdrgm:HDRCapacityMax=\"4\"",
             "<hdrgm:GainMapMax><rdf:Seq><rdf:li>3</rdf:li><rdf:li>3.25</rdf:li><rdf:li>3.5"
             "</rdf:li></rdf:Seq></hdrgm:GainMapMax><hdrgm:Gamma>2</hdrgm:Gamma>");
  const auto numbers = gain_map_numbers_of_xmp(xmp);
  ASSERT_TRUE(numbers);
  EXPECT_EQ(numbers->channels[1].most.value(), 3.25);
  EXPECT_EQ(numbers->channels[2].gamma.value(), 2);
}

TEST(GainMapNumbers, OfABaseThatIsTheBrighterOneAreSwapped) {
  const auto numbers = gain_map_numbers_of_xmp(
      packet("hdrgm:Version=\"1.0\" hdrgm:HDRCapacityMax=\"3\" hdrgm:OffsetSDR=\"0.5\""
             " hdrgm:BaseRenditionIsHDR=\"True\""));
  ASSERT_TRUE(numbers);
  EXPECT_FALSE(numbers->brightens());
  EXPECT_EQ(numbers->base_headroom.value(), 3);
  EXPECT_EQ(numbers->channels[0].alternate_offset.value(), 0.5);
}

TEST(GainMapNumbers, OfXmpThatMeansNothingAreNone) {
  for (const char* attributes :
       {"hdrgm:GainMapMax=\"3\"", "hdrgm:Version=\"1.0\" hdrgm:GainMapMax=\"nan\"",
        "hdrgm:Version=\"1.0\" hdrgm:GainMapMax=\"inf\"",
        "hdrgm:Version=\"1.0\" hdrgm:GainMapMax=\"1e300\"",
        "hdrgm:Version=\"1.0\" hdrgm:GainMapMax=\"3,5\"",
        "hdrgm:Version=\"1.0\" hdrgm:GainMapMax=\"\"", "hdrgm:Version=\"1.0\" hdrgm:Gamma=\"0\"",
        "hdrgm:Version=\"1.0\" hdrgm:HDRCapacityMax=\"-1\"",
        "hdrgm:Version=\"1.0\" hdrgm:GainMapMin=\"2\""})
    EXPECT_FALSE(gain_map_numbers_of_xmp(packet(attributes))) << attributes;
  EXPECT_FALSE(gain_map_numbers_of_xmp(""));
  EXPECT_FALSE(gain_map_numbers_of_xmp("http://ns.adobe.com/hdr-gain-map/1.0/ <<<"));
}

TEST(GainMapNumbers, AreReadAsTheyWereWritten) {
  GainMapNumbers numbers;
  numbers.alternate_headroom = {6'643'860, 1'000'000};
  for (GainMapChannel& channel : numbers.channels) channel.most = {6'643'860, 1'000'000};
  EXPECT_EQ(iso_of(numbers).size(), 61U);
  EXPECT_EQ(gain_map_numbers_of_iso(iso_of(numbers)), numbers);
  numbers.channels[1].most = {-3, 7};
  numbers.channels[1].least = {-4, 7};
  numbers.uses_base_colors = false;
  EXPECT_EQ(iso_of(numbers).size(), 141U);
  EXPECT_EQ(gain_map_numbers_of_iso(iso_of(numbers)), numbers);
  const auto by_xmp = gain_map_numbers_of_xmp(xmp_of(numbers));
  ASSERT_TRUE(by_xmp);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(by_xmp->channels[i].least.value(), numbers.channels[i].least.value(), 1e-6);
    EXPECT_NEAR(by_xmp->channels[i].most.value(), numbers.channels[i].most.value(), 1e-6);
  }
  EXPECT_EQ(by_xmp->alternate_headroom, numbers.alternate_headroom);
}

}  // namespace
}  // namespace calotype
