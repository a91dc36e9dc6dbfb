// SPDX-License-Identifier: Apache-2.0
#include "asset/plan.hpp"

#include <gtest/gtest.h>

#include <random>

namespace calotype {
namespace {

MediaInfo photo(std::uint32_t width, std::uint32_t height) {
  MediaInfo media;
  media.media_type = "image/jpeg";
  media.renderable = true;
  media.width = width;
  media.height = height;
  media.channels = 3;
  return media;
}

/// What inspection makes of it: at most 640 × 1280.
Proof proof_of(const MediaInfo& media) {
  const double scale = std::min(
      {1.0, double{proof_width_max} / media.width, double{proof_height_max} / media.height});
  const auto side = [&](std::uint32_t pixels) {
    return std::max(1U, static_cast<std::uint32_t>(std::lround(pixels * scale)));
  };
  return {"proofs/x", 1, side(media.width), side(media.height)};
}

RenderPlan plan(std::string_view parameters, const MediaInfo& media,
                const std::optional<Proof>& proof = std::nullopt) {
  const auto planned = plan_render(parse_recipe(parameters).value(), media, proof, {});
  EXPECT_TRUE(planned) << parameters << ": " << planned.error().message;
  return planned.value_or(RenderPlan{});
}

struct GeometryRow {
  std::string_view name, parameters;
  std::uint32_t width, height;            // of the original
  std::array<std::uint32_t, 8> expected;  // scaled w h, left top, kept w h, output w h
};

constexpr GeometryRow geometry_rows[] = {
    {"no dimensions", "fm=webp", 4000, 3000, {{4000, 3000, 0, 0, 4000, 3000, 4000, 3000}}},
    {"width", "w=300&fm=webp", 4000, 3000, {{300, 225, 0, 0, 300, 225, 300, 225}}},
    {"height", "h=300&fm=webp", 4000, 3000, {{400, 300, 0, 0, 400, 300, 400, 300}}},
    {"half a pixel rounds up", "w=1&fm=webp", 2, 3, {{1, 2, 0, 0, 1, 2, 1, 2}}},
    {"a strip keeps a pixel", "w=300&fm=webp", 10'000, 3, {{300, 1, 0, 0, 300, 1, 300, 1}}},
    {"not enlarged", "w=300&fm=webp", 100, 50, {{100, 50, 0, 0, 100, 50, 100, 50}}},
    {"enlarged when asked",
     "w=300&enlarge=1&fm=webp",
     100,
     50,
     {{300, 150, 0, 0, 300, 150, 300, 150}}},
    {"inside", "w=300&h=300&fm=webp", 4000, 3000, {{300, 225, 0, 0, 300, 225, 300, 225}}},
    {"inside, upright", "w=300&h=300&fm=webp", 3000, 4000, {{225, 300, 0, 0, 225, 300, 225, 300}}},
    {"outside",
     "w=300&h=300&fit=outside&fm=webp",
     4000,
     3000,
     {{400, 300, 0, 0, 400, 300, 400, 300}}},
    {"outside is not enlarged",
     "w=300&h=300&fit=outside&fm=webp",
     400,
     200,
     {{400, 200, 0, 0, 400, 200, 400, 200}}},
    {"cover", "w=300&h=300&fit=cover&fm=webp", 4000, 3000, {{400, 300, 50, 0, 300, 300, 300, 300}}},
    {"cover, west",
     "w=300&h=300&fit=cover&g=west&fm=webp",
     4000,
     3000,
     {{400, 300, 0, 0, 300, 300, 300, 300}}},
    {"cover, southeast",
     "w=300&h=300&fit=cover&g=southeast&fm=webp",
     4000,
     3000,
     {{400, 300, 100, 0, 300, 300, 300, 300}}},
    {"cover, upright, south",
     "w=300&h=300&fit=cover&g=south&fm=webp",
     3000,
     4000,
     {{300, 400, 0, 100, 300, 300, 300, 300}}},
    {"cover of a small picture keeps the box's shape",
     "w=1200&h=630&fit=cover&fm=webp",
     800,
     600,
     {{800, 600, 0, 90, 800, 420, 800, 420}}},
    {"cover, one side short",
     "w=300&h=300&fit=cover&fm=webp",
     1000,
     200,
     {{1000, 200, 400, 0, 200, 200, 200, 200}}},
    {"cover, enlarged",
     "w=1200&h=630&fit=cover&enlarge=1&fm=webp",
     800,
     600,
     {{1200, 900, 0, 135, 1200, 630, 1200, 630}}},
    {"contain",
     "w=300&h=300&fit=contain&fm=webp",
     4000,
     3000,
     {{300, 225, 0, 0, 300, 225, 300, 300}}},
    {"contain sets a small picture as it is",
     "w=300&h=200&fit=contain&fm=webp",
     100,
     100,
     {{100, 100, 0, 0, 100, 100, 300, 200}}},
    {"contain, enlarged",
     "w=300&h=200&fit=contain&enlarge=1&fm=webp",
     100,
     100,
     {{200, 200, 0, 0, 200, 200, 300, 200}}},
};

TEST(Plan, GivesTheGeometryThatEachFitMeans) {
  for (const GeometryRow& row : geometry_rows) {
    const RenderPlan p = plan(row.parameters, photo(row.width, row.height));
    const std::array<std::uint32_t, 8> got = {p.scaled_width, p.scaled_height, p.left,
                                              p.top,          p.kept_width,    p.kept_height,
                                              p.output_width, p.output_height};
    EXPECT_EQ(got, row.expected) << row.name;
  }
}

TEST(Plan, TakesTheProofForWhatFitsInsideHalfOfIt) {
  struct Row {
    std::string_view name, parameters;
    MediaInfo media;
    RenderSource source;
  };
  using enum RenderSource;
  for (const Row& row : {
           Row{"thumb", "w=300&fm=webp", photo(4000, 3000), proof},
           Row{"just half", "w=320&fm=webp", photo(4000, 3000), proof},
           Row{"half of an odd height", "w=320&fm=webp", photo(4000, 2665), proof},
           Row{"more than half", "w=321&fm=webp", photo(4000, 3000), original},
           Row{"upright thumb", "w=300&fm=webp", photo(3000, 4000), proof},
           Row{"a tall strip's proof is narrow", "w=300&fm=webp", photo(1000, 5000), original},
           Row{"what counts is the scaled whole, not the cut", "w=300&h=300&fit=cover&fm=webp",
               photo(4000, 1000), original},
       })
    EXPECT_EQ(plan(row.parameters, row.media, proof_of(row.media)).source, row.source) << row.name;
}

TEST(Plan, SettlesQualityAndColours) {
  struct Row {
    std::string_view parameters;
    int quality;
    bool flatten;
    Color background;
  };
  for (const Row& row : {
           Row{"fm=webp", 85, false, {0, 0, 0, 0}},
           Row{"fm=avif", 60, false, {0, 0, 0, 0}},
           Row{"fm=png&q=50", 0, false, {0, 0, 0, 0}},
           Row{"fm=jpeg&q=50", 50, true, {255, 255, 255, 255}},
           Row{"fm=jpeg&bg=00000080", 85, true, {127, 127, 127, 255}},
           Row{"fm=png&bg=123456", 0, true, {0x12, 0x34, 0x56, 255}},
           Row{"w=9&h=9&fit=contain&fm=png&bg=12345678", 0, false, {0x12, 0x34, 0x56, 0x78}},
       }) {
    const RenderPlan p = plan(row.parameters, photo(100, 100));
    EXPECT_EQ(p.quality, row.quality) << row.parameters;
    EXPECT_EQ(p.flatten, row.flatten) << row.parameters;
    EXPECT_EQ(p.background, row.background) << row.parameters;
  }
}

TEST(Plan, NamesTheLimitThatIsPassed) {
  struct Row {
    std::string_view name, parameters;
    MediaInfo media;
    std::string_view message;
  };
  MediaInfo animation = photo(2000, 2000);
  animation.media_type = "image/gif";
  animation.pages = 100;
  MediaInfo long_animation = photo(100, 100);
  long_animation.media_type = "image/webp";
  long_animation.pages = 1'001;
  MediaInfo wide_animation = photo(1'100, 1'000);
  wide_animation.media_type = "image/gif";
  wide_animation.pages = 100;
  for (const Row& row : {
           Row{"a bomb", "w=10&fm=webp", photo(65'536, 65'536),
               "The original has 65536 × 65536 pixels; render.input_pixels_max is 200000000."},
           Row{"largest dimensions there are", "w=10&fm=webp", photo(UINT32_MAX, UINT32_MAX),
               "The original has 4294967295 × 4294967295 pixels; render.input_pixels_max is "
               "200000000."},
           Row{"many frames", "w=10&fm=webp", animation,
               "The original has 2000 × 2000 pixels in 100 frames; render.input_pixels_max is "
               "200000000."},
           Row{"too many frames", "w=10&fm=gif", long_animation,
               "The animation has 1001 frames; render.frames_max is 1000."},
           Row{"frames of a large area", "fm=webp", wide_animation,
               "The variant would have 1100 × 1000 pixels in 100 frames; "
               "render.animation_pixels_max is 100000000."},
           Row{"padding is added", "pad=4000&fm=webp", photo(1000, 1000),
               "The variant would have 9000 × 9000 pixels; render.output_side_max is 8192."},
           Row{"turning needs room", "rot=45&fm=webp", photo(6000, 6000),
               "The variant would have 8486 × 8486 pixels; render.output_side_max is 8192."},
           Row{"a long side", "w=8193&enlarge=1&fm=webp", photo(4000, 10),
               "The variant would have 8193 × 20 pixels; render.output_side_max is 8192."},
           Row{"a large area", "fm=webp", photo(8000, 8000),
               "The variant would have 8000 × 8000 pixels; render.output_pixels_max is 40000000."},
           Row{"padding counts", "w=9000&h=10&fit=contain&fm=webp", photo(10, 10),
               "The variant would have 9000 × 10 pixels; render.output_side_max is 8192."},
           Row{"a strip enlarged to cover", "w=8000&h=100&fit=cover&enlarge=1&fm=webp",
               photo(1, 100'000'000),
               "The picture would be enlarged to 8000 × 800000000000 pixels; "
               "render.output_pixels_max is 40000000."},
       }) {
    const auto planned = plan_render(parse_recipe(row.parameters).value(), row.media, {}, {});
    ASSERT_FALSE(planned) << row.name;
    EXPECT_EQ(planned.error().code, ErrorCode::limit_exceeded) << row.name;
    EXPECT_EQ(planned.error().message, row.message);
  }
}

TEST(Plan, TakesPagesAndFramesAsTheOriginalHasThem) {
  struct Row {
    std::string_view name, parameters, media_type;
    std::uint32_t pages, page, frames;
  };
  for (const Row& row : {
           Row{"an animation stays one", "fm=webp", "image/gif", 30, 0, 30},
           Row{"a still of it", "fm=jpeg", "image/gif", 30, 0, 1},
           Row{"a frame of it", "frame=7&fm=webp", "image/gif", 30, 6, 1},
           Row{"the first frame alone", "frame=1&fm=gif", "image/webp", 30, 0, 1},
           Row{"pages are no frames", "fm=webp", "application/pdf", 30, 0, 1},
           Row{"a page", "page=30&fm=webp", "application/pdf", 30, 29, 1},
       }) {
    MediaInfo media = photo(100, 100);
    media.media_type = row.media_type;
    media.pages = row.pages;
    const RenderPlan p = plan(row.parameters, media);
    EXPECT_EQ(p.page, row.page) << row.name;
    EXPECT_EQ(p.frames, row.frames) << row.name;
  }
  MediaInfo media = photo(100, 100);
  EXPECT_EQ(plan_render(parse_recipe("page=2&fm=png").value(), media, {}, {}).error().message,
            "page must be 1 here, not 2.");
  EXPECT_EQ(to_string(settled_for(parse_recipe("page=1&fm=png").value(), media)), "fm=png");
  media.media_type = "image/gif";
  media.pages = 4;
  const auto late = plan_render(parse_recipe("page=5&fm=png").value(), media, {}, {});
  EXPECT_EQ(late.error().code, ErrorCode::bad_recipe);
  EXPECT_EQ(late.error().message, "page must be from 1 to 4 here, not 5.");
  EXPECT_EQ(to_string(settled_for(parse_recipe("page=1&fm=webp").value(), media)),
            "page=1&fm=webp");
  EXPECT_EQ(to_string(settled_for(parse_recipe("page=1&fm=png").value(), media)), "fm=png");
}

TEST(Plan, CutsRegionsBeforeItFits) {
  const MediaInfo media = photo(1000, 800);
  const RenderPlan part = plan("crop=100:200:400:300&w=200&fm=webp", media, proof_of(media));
  EXPECT_EQ(part.region, (Region{100, 200, 400, 300, false}));
  EXPECT_EQ(part.output_width, 200U);
  EXPECT_EQ(part.output_height, 150U);
  EXPECT_EQ(part.source, RenderSource::original);
  EXPECT_EQ(plan("crop=900:700:400:300&fm=webp", media).region,
            (Region{900, 700, 100, 100, false}));
  EXPECT_EQ(plan("crop=50p:25p:50p:50p&fm=webp", media).region,
            (Region{500, 200, 500, 400, false}));
  EXPECT_EQ(plan("crop=0:0:1000:900&fm=webp", media).region, Region{});
  const auto outside = plan_render(parse_recipe("crop=1000:0:5:5&fm=webp").value(), media, {}, {});
  EXPECT_EQ(outside.error().code, ErrorCode::bad_recipe);
  EXPECT_EQ(outside.error().message,
            "crop lies outside of the picture, which has 1000 × 800 pixels.");
}

TEST(Plan, KeepsTheFocalPointInTheMiddleAsFarAsThePictureReaches) {
  const MediaInfo media = photo(4000, 3000);
  const auto left_of = [&](std::string_view gravity) {
    return plan("w=300&h=300&fit=cover&fm=webp&g=" + std::string(gravity), media).left;
  };
  EXPECT_EQ(left_of("0.5:0.5"), 50U);
  EXPECT_EQ(left_of("0:0"), 0U);
  EXPECT_EQ(left_of("0.4:1"), 10U);
  EXPECT_EQ(left_of("1:0.2"), 100U);
  // Of the whole picture, also where only a part of it is shown.
  EXPECT_EQ(plan("crop=2000:0:2000:3000&w=300&h=900&fit=cover&fm=webp&g=0.5:0", media).left, 0U);
  const Recipe plain = parse_recipe("w=3&h=3&fit=cover&fm=webp").value();
  EXPECT_EQ(to_string(with_focal_point(plain, FocalPoint{2'500, 7'000})),
            "w=3&h=3&fit=cover&g=0.25:0.7&fm=webp");
  EXPECT_EQ(with_focal_point(plain, std::nullopt), plain);
  const Recipe north = parse_recipe("w=3&h=3&fit=cover&g=north&fm=webp").value();
  EXPECT_EQ(with_focal_point(north, FocalPoint{1, 1}), north);
}

TEST(Plan, TakesTheGainMapAlongWhereOnlyTheShapeChanges) {
  MediaInfo media = photo(4000, 3000);
  EXPECT_FALSE(plan("w=300&fm=avif", media).keeps_gain_map) << "there is none";
  media.has_gain_map = true;
  const Proof proof = proof_of(media);
  for (const char* kept :
       {"w=300&fm=jpeg", "w=300&fm=avif", "fm=avif&lossless=1", "rot=90&flip=h&fm=avif",
        "w=30&h=30&fit=cover&fm=avif", "trim=10&fm=avif", "crop=10:10:500:500&fm=jpeg"}) {
    EXPECT_TRUE(plan(kept, media, proof).keeps_gain_map) << kept;
    EXPECT_EQ(plan(kept, media, proof).source, RenderSource::original) << kept;
  }
  for (const char* left :
       {"w=300&fm=webp", "w=300&fm=jxl", "w=300&fm=png", "rot=10&fm=avif", "sat=10&fm=avif",
        "pad=5&fm=avif", "w=300&h=300&fit=contain&fm=avif", "max_bytes=9000&fm=avif"})
    EXPECT_FALSE(plan(left, media, proof).keeps_gain_map) << left;
  EXPECT_GT(estimated_bytes(plan("w=300&fm=avif", media), media),
            estimated_bytes(plan("w=300&fm=avif&bri=1", media), media));
  media.has_alpha = true;
  EXPECT_FALSE(plan("fm=jpeg", media).keeps_gain_map) << "white shows through";
  EXPECT_FALSE(plan("fm=avif&bg=ffffff", media).keeps_gain_map);
  EXPECT_TRUE(plan("fm=avif", media).keeps_gain_map);
  media.pages = 2;
  EXPECT_FALSE(plan("page=2&fm=avif", media).keeps_gain_map) << "it is the first one's";
}

TEST(Plan, StandsWhereItIsToldUntilAFaceIsFound) {
  const MediaInfo media = photo(4000, 3000);
  const RenderPlan west = plan("w=300&h=300&fit=cover&fm=webp&g=faces:west", media);
  EXPECT_EQ(west.left, 0U);
  EXPECT_EQ(west.box.gravity, Gravity::faces);
  EXPECT_EQ(west.box.no_face, Gravity::west);
  EXPECT_EQ(plan("w=300&h=300&fit=cover&fm=webp&g=face", media).left, 50U);
}

TEST(Plan, KnowsTheFinishedSize) {
  struct Row {
    std::string_view parameters;
    PictureSize size;
  };
  const MediaInfo media = photo(400, 300);
  for (const Row& row :
       {Row{"fm=png", {400, 300}}, Row{"rot=90&fm=png", {300, 400}},
        Row{"rot=180&fm=png", {400, 300}}, Row{"rot=270&fm=png", {300, 400}},
        Row{"rot=45&fm=png", {495, 495}}, Row{"rot=0.01&fm=png", {401, 301}},
        Row{"pad=1:2:3:4&fm=png", {406, 304}}, Row{"rot=90&pad=10&w=200&fm=png", {170, 220}},
        Row{"w=100&h=100&fit=fill&fm=png", {100, 100}},
        Row{"w=500&h=100&fit=fill&fm=png", {400, 100}}})
    EXPECT_EQ(finished_size(plan(row.parameters, media)), row.size) << row.parameters;
  MediaInfo drawing = photo(24, 24);
  drawing.media_type = "image/svg+xml";
  EXPECT_EQ(finished_size(plan("w=300&fm=png", drawing)), (PictureSize{300, 300}));
}

TEST(Plan, IsRefusedForWhatIsNoPicture) {
  MediaInfo document;
  document.media_type = "application/pdf";
  const auto planned = plan_render(parse_recipe("fm=webp").value(), document, {}, {});
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().code, ErrorCode::not_renderable);
  EXPECT_EQ(planned.error().message, "No picture can be made of application/pdf.");
}

void expect_sound(const RenderPlan& p, const Recipe& recipe, const MediaInfo& media) {
  EXPECT_GT(std::min({p.scaled_width, p.scaled_height, p.kept_width, p.kept_height, p.output_width,
                      p.output_height}),
            0U);
  EXPECT_LE(p.left + p.kept_width, p.scaled_width);
  EXPECT_LE(p.top + p.kept_height, p.scaled_height);
  EXPECT_LE(p.kept_width, p.output_width);
  EXPECT_LE(p.kept_height, p.output_height);
  if (!recipe.enlarge) {
    EXPECT_LE(p.scaled_width, media.width);
    EXPECT_LE(p.scaled_height, media.height);
  }
  const bool has_box = recipe.width != 0 && recipe.height != 0;
  if (has_box && recipe.fit != Fit::outside) {
    EXPECT_LE(p.output_width, recipe.width);
    EXPECT_LE(p.output_height, recipe.height);
  }
  if (has_box && (recipe.fit == Fit::contain || (recipe.fit == Fit::cover && recipe.enlarge))) {
    EXPECT_EQ(p.output_width, recipe.width);
    EXPECT_EQ(p.output_height, recipe.height);
  }
}

TEST(Plan, IsSoundForAnySizesAndTheSameFromProofAndOriginal) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  // Small and large sides are equally likely, so that strips and boxes of every shape come up.
  const auto side = [&](int bits) {
    return static_cast<std::uint32_t>(1 + random() % (1ULL << (1 + random() % bits)));
  };
  int planned_count = 0;
  int from_proof = 0;
  for (int round = 0; round < 50'000; ++round) {
    const MediaInfo media = photo(side(15), side(15));
    Recipe recipe;
    if (random() % 4 != 0) recipe.width = side(13);
    if (random() % 4 != 0) recipe.height = side(13);
    recipe.fit = static_cast<Fit>(random() % 5);
    recipe.gravity = static_cast<Gravity>(random() % 12);
    recipe.enlarge = random() % 2 == 0;
    recipe.format = static_cast<ImageFormat>(random() % 6);
    const auto planned = plan_render(recipe, media, std::nullopt, {});
    const auto proofed = plan_render(recipe, media, proof_of(media), {});
    ASSERT_EQ(planned.has_value(), proofed.has_value());
    if (!planned) continue;
    ++planned_count;
    from_proof += proofed->source == RenderSource::proof;
    expect_sound(*planned, recipe, media);
    EXPECT_EQ(proofed->output_width, planned->output_width);
    EXPECT_EQ(proofed->output_height, planned->output_height);
    EXPECT_LE(estimated_bytes(*proofed, media) / 2, estimated_bytes(*planned, media) + (8 << 20));
    if (HasFailure()) {
      FAIL() << media.width << " × " << media.height << " by " << to_string(recipe);
    }
  }
  EXPECT_GT(planned_count, 25'000);
  EXPECT_GT(from_proof, 1'000);
}

TEST(Plan, EstimateGrowsWithPixelsSamplesAndOutput) {
  const MediaInfo small = photo(1000, 1000);
  MediaInfo deep = small;
  deep.bits_per_channel = 16;
  const RenderPlan thumb = plan("w=300&fm=webp", small);
  EXPECT_LT(estimated_bytes(thumb, small), estimated_bytes(thumb, photo(4000, 3000)));
  EXPECT_LT(estimated_bytes(thumb, small), estimated_bytes(thumb, deep));
  EXPECT_LT(estimated_bytes(thumb, small), estimated_bytes(plan("w=900&fm=webp", small), small));
  const MediaInfo large = photo(4000, 3000);
  EXPECT_LT(estimated_bytes(plan("w=300&fm=webp", large, proof_of(large)), large),
            estimated_bytes(plan("w=300&fm=webp", large), large) / 2);
}

}  // namespace
}  // namespace calotype
