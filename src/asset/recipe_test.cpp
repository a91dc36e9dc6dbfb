// SPDX-License-Identifier: Apache-2.0
// What is read, what it is written back as, and what is refused in which words. The round trip is
// held over random recipes too, whose seed is printed.
#include "asset/recipe.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

#include "asset/media.hpp"
#include "asset/parameter.hpp"
#include "base/encoding.hpp"

namespace calotype {
namespace {

struct CanonicalRow {
  std::string_view name, given, text;
};

void expect_canonical(std::initializer_list<CanonicalRow> rows) {
  for (const CanonicalRow& row : rows) {
    const auto recipe = parse_recipe(row.given);
    ASSERT_TRUE(recipe) << row.name << ": " << recipe.error().message;
    EXPECT_EQ(to_string(*recipe), row.text) << row.name;
    EXPECT_EQ(canonical(*recipe), *recipe) << row.name;
    const auto again = parse_recipe(row.text);
    ASSERT_TRUE(again) << row.name;
    EXPECT_EQ(*again, *recipe) << row.name;
  }
}

TEST(Recipe, HasOneCanonicalText) {
  expect_canonical({
      {"nothing", "", ""},
      {"one dimension", "w=300", "w=300"},
      {"comma for ampersand", "w=300,h=200", "w=300&h=200"},
      {"fixed order", "fm=webp&h=2&w=1", "w=1&h=2&fm=webp"},
      {"ratio multiplied in", "w=400&dpr=2", "w=800"},
      {"ratio to the nearest pixel", "w=101&h=99&dpr=1.5", "w=152&h=149"},
      {"ratio of many digits", "w=100&dpr=1.3312500715255737", "w=133"},
      {"never less than a pixel", "w=1&dpr=0.1", "w=1"},
      {"ratio without a dimension", "dpr=3", ""},
      {"ratio of one", "dpr=1&w=7", "w=7"},
      {"leading zeros", "w=0300", "w=300"},
      {"fit without a box", "w=400&dpr=2&fit=cover", "w=800"},
      {"gravity without a choice", "w=4&h=3&fit=fill&g=north", "w=4&h=3&fit=fill"},
      {"gravity where there is room", "w=4&h=3&fit=contain&g=north", "w=4&h=3&fit=contain&g=north"},
      {"room has no point", "w=4&h=3&fit=contain&g=attention", "w=4&h=3&fit=contain"},
      {"gravity of the middle", "w=4&h=3&fit=cover&g=center", "w=4&h=3&fit=cover"},
      {"gravity kept", "g=southwest&w=4&h=3&fit=cover", "w=4&h=3&fit=cover&g=southwest"},
      {"crop is cover", "fit=crop&h=630&w=1200", "w=1200&h=630&fit=cover"},
      {"inside is the default", "w=4&h=3&fit=inside", "w=4&h=3"},
      {"outside", "w=4&h=3&fit=outside", "w=4&h=3&fit=outside"},
      {"default quality of webp", "q=85&fm=webp", "fm=webp"},
      {"default quality of avif", "q=60&fm=avif", "fm=avif"},
      {"default quality of jpeg", "q=85&fm=jpeg", "fm=jpeg"},
      {"quality without a format", "q=85", "q=85"},
      {"png has no quality", "q=30&fm=png", "fm=png"},
      {"jpg is jpeg", "fm=jpg&q=84", "q=84&fm=jpeg"},
      {"auto is no format", "w=5&fm=auto", "w=5"},
      {"short colour", "bg=fA0&fm=webp", "bg=ffaa00&fm=webp"},
      {"short colour with alpha", "w=4&h=3&fit=contain&bg=#fa08&fm=png",
       "w=4&h=3&fit=contain&bg=ffaa0088&fm=png"},
      {"opaque alpha", "bg=102030ff&fm=webp", "bg=102030&fm=webp"},
      {"transparent is none", "bg=transparent&w=5", "w=5"},
      {"alpha of nought is none", "bg=ff000000&w=5&fm=jpeg", "w=5&fm=jpeg"},
      {"white is jpeg's default", "bg=fff&fm=jpeg", "fm=jpeg"},
      {"white is not webp's default", "bg=fff&fm=webp", "bg=ffffff&fm=webp"},
      {"translucent over white in jpeg", "bg=00000080&fm=jpeg", "bg=7f7f7f&fm=jpeg"},
      {"translucent white in jpeg", "bg=ffffff80&fm=jpeg", "fm=jpeg"},
      {"translucent without padding", "bg=00000080&fm=webp", "fm=webp"},
      {"translucent, format unknown", "bg=00000080", "bg=00000080"},
      {"enlarge", "w=9&enlarge=true", "w=9&enlarge=1"},
      {"enlarge by one", "w=9&enlarge=1", "w=9&enlarge=1"},
      {"not enlarged", "w=9&enlarge=false", "w=9"},
      {"not enlarged by nought", "enlarge=0&w=9", "w=9"},
      {"enlarge without a dimension", "enlarge=1", ""},
      {"largest", "w=65535&h=65535", "w=65535&h=65535"},
      {"largest by ratio", "w=6553&dpr=10", "w=65530"},
  });
}

TEST(Recipe, HasOneCanonicalTextOfItsOperations) {
  expect_canonical({
      {"a point", "g=0.30:0.7&w=4&h=3&fit=cover", "w=4&h=3&fit=cover&g=0.3:0.7"},
      {"a point without cover", "g=0.3:0.7&w=4", "w=4"},
      {"attention", "w=4&h=3&fit=cover&g=attention", "w=4&h=3&fit=cover&g=attention"},
      {"distorted", "w=4&h=3&fit=fill", "w=4&h=3&fit=fill"},
      {"frame is page", "frame=3", "page=3"},
      {"region", "crop=10:20:300:200", "crop=10:20:300:200"},
      {"region in percent", "crop=10p:0p:50.50p:100p", "crop=10p:0p:50.5p:100p"},
      {"region of everything", "crop=0p:0p:100p:100p", ""},
      {"turned round", "rot=360", ""},
      {"turned back", "rot=-90", "rot=270"},
      {"degrees", "rot=12.50", "rot=12.5"},
      {"mirrored", "flip=h", "flip=h"},
      {"upside down", "flip=v", "rot=180&flip=h"},
      {"upside down and turned", "flip=v&rot=180", "flip=h"},
      {"both ways", "flip=hv", "rot=180"},
      {"both ways and turned", "rot=180&flip=hv", ""},
      {"without colour", "sat=-100", "tone=gray"},
      {"gray has no saturation", "tone=gray&sat=20", "tone=gray"},
      {"tones", "sat=-20&con=5&bri=-100", "bri=-100&con=5&sat=-20"},
      {"no change", "bri=0&con=0&sat=0&blur=0&sharp=0&radius=0&pad=0&tone=color", ""},
      {"blur by ratio", "blur=1.25&dpr=2&w=1", "w=2&blur=2.5"},
      {"padding", "pad=1:2", "pad=1:2:1:2"},
      {"even padding", "pad=5:5:5:5", "pad=5"},
      {"padding by ratio", "pad=5&dpr=3", "pad=15"},
      {"round", "radius=max&dpr=2", "radius=max"},
      {"trim", "trim=10", "trim=10"},
      {"trim to a colour", "trim=10:F00", "trim=10:ff0000"},
      {"trim evenly", "trim=0:auto:x", "trim=0:auto:x"},
      {"trim to a colour evenly", "trim=254:00000000:xy", "trim=254:00000000:xy"},
      {"border", "border=5:F00", "border=5:ff0000"},
      {"black border", "border=5", "border=5:000000"},
      {"border inside", "border=5:ffffff80:in", "border=5:ffffff80:in"},
      {"no border", "border=0:fff:in", ""},
      {"border inside that nobody sees", "border=5:transparent:in", ""},
      {"border that only makes room", "border=5:transparent", "border=5:00000000"},
      {"border by ratio", "border=5:fff&dpr=3", "border=15:ffffff"},
      {"squares", "pix=8", "pix=8"},
      {"squares of a pixel", "pix=1", ""},
      {"squares by ratio", "pix=8&dpr=2", "pix=16"},
      {"opacity", "opacity=40", "opacity=40"},
      {"opaque", "opacity=100", ""},
      {"translucent over translucent", "opacity=40&bg=00000080&fm=webp",
       "bg=00000080&opacity=40&fm=webp"},
      {"copyright", "meta=copyright", "meta=copyright"},
      {"watermark of its own size", "mark=aaaaaaaaaaaaaaaaaaaaaaaaaa&mark-w=0",
       "mark=aaaaaaaaaaaaaaaaaaaaaaaaaa&mark-w=0"},
      {"watermark all over", "mark=aaaaaaaaaaaaaaaaaaaaaaaaaa&mark-g=north&mark-tile=1&mark-x=3",
       "mark=aaaaaaaaaaaaaaaaaaaaaaaaaa&mark-x=3&mark-tile=1"},
      {"translucent padding", "pad=1&bg=00000080&fm=webp", "bg=00000080&pad=1&fm=webp"},
      {"translucent corners of a turn", "rot=1&bg=00000080&fm=webp", "bg=00000080&rot=1&fm=webp"},
      {"watermark",
       "mark-w=25,mark-o=50,mark-x=4,dpr=2,mark=aaaaaaaaaaaaaaaaaaaaaaaaaa,mark-g="
       "southeast",
       "mark=aaaaaaaaaaaaaaaaaaaaaaaaaa&mark-o=50&mark-x=8"},
      {"metadata", "meta=strip", ""},
      {"metadata kept", "meta=keep&icc=keep", "meta=keep&icc=keep"},
      {"gif carries neither", "meta=keep&icc=p3&fm=gif", "fm=gif"},
      {"png is lossless", "lossless=1&fm=png&q=4", "fm=png"},
      {"lossless has no quality", "lossless=1&fm=webp&q=4", "lossless=1&fm=webp"},
      {"default quality of jxl", "q=80&fm=jxl", "fm=jxl"},
      {"target size", "max_bytes=20000&fm=jpeg", "max_bytes=20000&fm=jpeg"},
  });
}

TEST(Recipe, SaysWhatIsKeptWhereThereIsNoFace) {
  expect_canonical({
      {"faces", "w=4&h=3&fit=cover&g=faces", "w=4&h=3&fit=cover&g=faces"},
      {"the usual without a face", "w=4&h=3&fit=cover&g=face:attention",
       "w=4&h=3&fit=cover&g=face"},
      {"another without a face", "w=4&h=3&fit=cover&g=faces:center",
       "w=4&h=3&fit=cover&g=faces:center"},
      {"faces where nothing is cut", "w=4&h=3&g=faces:north", "w=4&h=3"},
  });
  for (const auto* value : {"faces:face", "faces:0.3:0.7", "north:faces", "faces:", "face:focal"}) {
    const auto recipe = parse_recipe("w=4&h=3&fit=cover&g=" + std::string(value));
    ASSERT_FALSE(recipe) << value;
    EXPECT_TRUE(recipe.error().message.starts_with("g must be center, north, ")) << value;
  }
}

struct RefusedRow {
  std::string_view given;
  std::string message;
};

void expect_refused(const std::vector<RefusedRow>& rows) {
  for (const RefusedRow& row : rows) {
    const auto recipe = parse_recipe(row.given);
    ASSERT_FALSE(recipe) << row.given;
    EXPECT_EQ(recipe.error().code, ErrorCode::bad_recipe) << row.given;
    EXPECT_EQ(recipe.error().message, row.message);
  }
}

TEST(Recipe, RefusesWhatItCannotReadInPlainWords) {
  const auto unknown = [](std::string_view name) {
    return "“" + std::string(name) +
           "” is no parameter; allowed are w, h, fit, g, dpr, q, bg, enlarge, page, frame, trim, "
           "crop, rot, flip, tone, bri, con, sat, blur, sharp, pix, radius, border, opacity, pad, "
           "mark, "
           "mark-g, mark-w, mark-o, mark-x, mark-y, mark-tile, meta, icc, lossless, max_bytes and "
           "fm.";
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
  expect_refused(
      {{"h=none", "h must be a whole number from 1 to 65535, not “none”."},
       {"q=0", "q must be a whole number from 1 to 100, not “0”."},
       {"q=101", "q must be a whole number from 1 to 100, not “101”."},
       {"dpr=0", "dpr must be a number from 0.1 to 10, not “0”."},
       {"dpr=0.09", "dpr must be a number from 0.1 to 10, not “0.09”."},
       {"dpr=10.01", "dpr must be a number from 0.1 to 10, not “10.01”."},
       {"dpr=1e0", "dpr must be a number from 0.1 to 10, not “1e0”."},
       {"dpr=.5", "dpr must be a number from 0.1 to 10, not “.5”."},
       {"dpr=2.", "dpr must be a number from 0.1 to 10, not “2.”."},
       {"dpr=nan", "dpr must be a number from 0.1 to 10, not “nan”."},
       {"dpr=1.2.3", "dpr must be a number from 0.1 to 10, not “1.2.3”."},
       {"w=6554&dpr=10", "w times dpr must be at most 65535 pixels, not 65540."},
       {"dpr=2&h=40000", "h times dpr must be at most 65535 pixels, not 80000."},
       {"fit=scale", "fit must be inside, outside, cover, crop, contain or fill, not “scale”."},
       {"bg=12345",
        "bg must be a colour as rgb, rrggbb or rrggbbaa in hexadecimal, or transparent, not "
        "“12345”."},
       {"bg=white",
        "bg must be a colour as rgb, rrggbb or rrggbbaa in hexadecimal, or transparent, not "
        "“white”."},
       {"enlarge=yes", "enlarge must be 1, true, 0 or false, not “yes”."},
       {"fm=tiff", "fm must be jpeg, png, webp, avif, gif, jxl or auto, not “tiff”."},
       {"w=1&w=1", "w is given twice."},
       {"fm=auto&fm=webp", "fm is given twice."},
       {"sepia=3", unknown("sepia")},
       {"W=3", unknown("W")},
       {"=3", unknown("")},
       {"thumb", "A recipe is parameters like w=300&fm=webp; “thumb” is none."},
       {"w=1&", "A recipe is parameters like w=300&fm=webp; “” is none."},
       {"&w=1", "A recipe is parameters like w=300&fm=webp; “” is none."},
       {"w=\n\xff", "w must be a whole number from 1 to 65535, not “??”."}});
}

TEST(Recipe, RefusesOperationsThatItCannotReadInPlainWords) {
  const std::string gravities =
      "g must be center, north, northeast, east, southeast, south, southwest, west, northwest, "
      "attention, entropy, face, faces, one of these two with what to keep where there is no face, "
      "such as faces:center or a point such as 0.3:0.7, not ";
  const std::string region =
      "crop must be left:top:width:height in pixels, such as 10:20:300:200, or in percent, such as "
      "5p:5p:90p:90p, not ";
  const std::string border =
      "border must be pixels from 0 to 2048, a colour and perhaps in, such as 5:ff0000 or "
      "5:fff:in, not ";
  const std::string trim =
      "trim must be a tolerance from 0 to 254, with a colour after a colon (or auto), and x, y or "
      "xy after another for sides that are trimmed evenly, not ";
  const std::string padding =
      "pad must be 1, 2 or 4 numbers of pixels (all; vertical:horizontal; "
      "top:right:bottom:left), each from 0 to 8192, not ";
  expect_refused(
      {{"pix=8193", "pix must be a whole number from 0 to 8192, not “8193”."},
       {"border=5:red", border + "“5:red”."},
       {"border=5:fff:out", border + "“5:fff:out”."},
       {"border=2049:fff", border + "“2049:fff”."},
       {"border=", border + "“”."},
       {"opacity=0", "opacity must be a whole number from 1 to 100, not “0”."},
       {"mark-tile=1", "mark-tile needs mark, the watermark's asset."},
       {"g=top", gravities + "“top”."},
       {"g=0.5", gravities + "“0.5”."},
       {"g=0.5:1.1", gravities + "“0.5:1.1”."},
       {"g=0.5:0.5:0.5", gravities + "“0.5:0.5:0.5”."},
       {"g=focal", gravities + "“focal”."},
       {"page=0", "page must be a whole number from 1 to 1000000, not “0”."},
       {"page=1&page=1", "page is given twice."},
       {"trim=255", trim + "“255”."},
       {"trim=1:red", trim + "“1:red”."},
       {"trim=1:auto:yx", trim + "“1:auto:yx”."},
       {"trim=1:auto:x:y", trim + "“1:auto:x:y”."},
       {"crop=1:2:3", region + "“1:2:3”."},
       {"crop=1:2:3:0", region + "“1:2:3:0”."},
       {"crop=1:2:3:4:5", region + "“1:2:3:4:5”."},
       {"crop=1p:2:3p:4p", region + "“1p:2:3p:4p”."},
       {"crop=0p:0p:101p:100p", region + "“0p:0p:101p:100p”."},
       {"rot=361", "rot must be degrees from -360 to 360, not “361”."},
       {"rot=--90", "rot must be degrees from -360 to 360, not “--90”."},
       {"flip=x", "flip must be h, v or hv, not “x”."},
       {"tone=sepia", "tone must be color, gray or bitonal, not “sepia”."},
       {"bri=101", "bri must be a whole number from -100 to 100, not “101”."},
       {"con=-101", "con must be a whole number from -100 to 100, not “-101”."},
       {"sat=", "sat must be a whole number from -100 to 100, not “”."},
       {"blur=250.1", "blur must be a number from 0 to 250, not “250.1”."},
       {"sharp=21", "sharp must be a number from 0 to 20, not “21”."},
       {"radius=9000",
        "radius must be a whole number of pixels from 0 to 8192, or max, not “9000”."},
       {"pad=1:2:3", padding + "“1:2:3”."},
       {"pad=9000", padding + "“9000”."},
       {"mark=thumb", "mark must be an asset's id, not “thumb”."},
       {"mark-w=5", "mark-w needs mark, the watermark's asset."},
       {"mark-g=attention",
        "mark-g must be center, north, northeast, east, southeast, south, southwest, west "
        "or northwest, not “attention”."},
       {"meta=yes", "meta must be strip, copyright or keep, not “yes”."},
       {"icc=cmyk", "icc must be srgb, p3 or keep, not “cmyk”."},
       {"lossless=1&fm=jpeg", "lossless needs webp, avif, jxl or png; JPEG cannot be."},
       {"lossless=1&max_bytes=5000&fm=webp",
        "lossless and max_bytes exclude each other: only quality makes room."},
       {"max_bytes=99", "max_bytes must be a whole number from 100 to 1073741824, not “99”."}});
}

TEST(Recipe, LongValuesAreCutInMessages) {
  const auto recipe = parse_recipe("w=" + std::string(100'000, 'x'));
  ASSERT_FALSE(recipe);
  EXPECT_LT(recipe.error().message.size(), 200U);
}

void add_operations(Recipe& recipe, const auto& below) {
  const auto maybe = [&](std::uint64_t bound) { return below(3) == 0 ? below(bound) : 0; };
  recipe.page = static_cast<std::uint32_t>(maybe(100));
  const auto byte = [&] { return static_cast<std::uint8_t>(below(256)); };
  if (below(3) == 0) {
    recipe.trim = Trim{.tolerance = static_cast<std::uint8_t>(below(255)),
                       .even_x = below(2) == 0,
                       .even_y = below(2) == 0};
    if (below(2) == 0) recipe.trim->color = Color{byte(), byte(), byte(), byte()};
  }
  recipe.region.is_relative = below(2) == 0;
  for (auto* side :
       {&recipe.region.left, &recipe.region.top, &recipe.region.width, &recipe.region.height})
    *side = static_cast<std::uint32_t>(1 + below(10'000));
  if (below(2) == 0) recipe.region = {};
  recipe.mirror = below(2) == 0;
  recipe.rotation = static_cast<std::uint16_t>(maybe(36'000));
  recipe.tone = static_cast<Tone>(maybe(3));
  for (auto* percent : {&recipe.brightness, &recipe.contrast, &recipe.saturation})
    *percent = static_cast<std::int8_t>(static_cast<int>(below(201)) - 100);
  recipe.blur = static_cast<std::uint16_t>(maybe(blur_max + 1));
  recipe.sharpen = static_cast<std::uint16_t>(maybe(sharpen_max + 1));
  recipe.corner_radius =
      below(9) == 0 ? radius_max : static_cast<std::uint16_t>(maybe(padding_max + 1));
  recipe.pixelate = static_cast<std::uint16_t>(maybe(pixelate_max + 1));
  recipe.border = {static_cast<std::uint16_t>(maybe(border_max + 1)),
                   Color{byte(), byte(), byte(), byte()}, below(2) == 0};
  recipe.opacity_percent = static_cast<std::uint8_t>(100 - maybe(100));
  const auto side = [&] { return static_cast<std::uint16_t>(maybe(9)); };
  recipe.padding = {side(), side(), side(), side()};
  if (below(3) == 0)
    recipe.watermark = Watermark{AssetId::parse("abcdefghijklmnopqrstuvwxyz").value(),
                                 static_cast<Gravity>(below(9)),
                                 static_cast<std::uint8_t>(below(101)),
                                 static_cast<std::uint8_t>(1 + below(100)),
                                 side(),
                                 side(),
                                 below(2) == 0};
  recipe.metadata = static_cast<Metadata>(below(3));
  recipe.profile = static_cast<ColorProfile>(below(3));
  if (below(4) == 0)
    recipe.bytes_max = static_cast<std::uint32_t>(bytes_max_min + below(1'000'000));
  else
    recipe.lossless = below(2) == 0 && recipe.format != ImageFormat::jpeg;
}

Recipe random_recipe(std::mt19937_64& random) {
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  Recipe recipe;
  if (below(4) != 0) recipe.width = static_cast<std::uint32_t>(1 + below(dimension_max));
  if (below(3) != 0) recipe.height = static_cast<std::uint32_t>(1 + below(dimension_max));
  recipe.fit = static_cast<Fit>(below(5));
  recipe.gravity = static_cast<Gravity>(below(12));
  const auto part = [&] { return static_cast<std::uint16_t>(below(10'001)); };
  recipe.focus = {part(), part()};
  recipe.quality = static_cast<std::uint8_t>(below(101));
  recipe.enlarge = below(2) == 0;
  if (below(5) != 0) recipe.format = static_cast<ImageFormat>(below(image_formats.size()));
  if (below(2) == 0) {
    const auto byte = [&] { return static_cast<std::uint8_t>(below(3) == 0 ? 255 : below(256)); };
    recipe.background = Color{byte(), byte(), byte(), byte()};
  }
  if (below(2) == 0) add_operations(recipe, below);
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
  for (const auto format : image_formats) {
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
    EXPECT_EQ(negotiate_format(row.accept, {row.original, row.has_alpha}), row.chosen)
        << row.name << " chose "
        << to_string(negotiate_format(row.accept, {row.original, row.has_alpha}));
}

}  // namespace
}  // namespace calotype
