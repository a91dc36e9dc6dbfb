// SPDX-License-Identifier: Apache-2.0
// Every format through the real renderer behind its walls: files that the suite makes itself, the
// corpus's where it is there, and all of them damaged, which may cost an answer but never a hang
// nor a call that the sandbox kills.
#include <random>

#include "asset/media.hpp"
#include "render/renderer/own_decoders.hpp"
#include "render/renderer/raw_preview.hpp"
#include "render/renderer/vips_encoders.hpp"
#include "render/test_format_files.hpp"

namespace calotype {
namespace {

using namespace testing_pictures;
using namespace std::string_literals;

class FormatsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    start_vips();
    RenderSettings settings = quick_settings(1);
    settings.render_timeout = 10'000ms;
    settings.inspect_timeout = 10'000ms;
    auto started = RendererPool::start(settings);
    ASSERT_TRUE(started.has_value()) << describe(started.error());
    pool_ = std::move(*started);
  }
  static void TearDownTestSuite() { pool_.reset(); }

  static Inspection inspected(const SourceBytes& source) {
    auto inspection = pool_->inspect(source, soon(), {});
    EXPECT_TRUE(inspection.has_value()) << describe(inspection.error());
    return inspection.value_or(Inspection{});
  }
  /// As the server would: inspected, planned, made.
  static std::string made(const SourceBytes& source, std::string_view parameters) {
    const Inspection inspection = inspected(source);
    const auto plan = plan_render(parse_recipe(parameters).value(), inspection.media, {}, {});
    EXPECT_TRUE(plan.has_value()) << parameters << ": " << plan.error().message;
    if (!plan) return {};
    RenderRequest request = request_for(source, 1, 1);
    request.plan = *plan;
    const auto picture = pool_->render(request, {});
    EXPECT_TRUE(picture.has_value()) << parameters << ": " << describe(picture.error());
    if (!picture) return {};
    if (!plan->plans_again()) {
      EXPECT_EQ((PictureSize{picture->width, picture->height}), finished_size(*plan)) << parameters;
    }
    return picture->bytes;
  }
  static Bitmap shown(const SourceBytes& source, std::string_view parameters) {
    return decoded(made(source, parameters));
  }

  static inline std::unique_ptr<RendererPool> pool_;
};

TEST_F(FormatsTest, WhatIsReadIsKnownByItsBytesAndLooksAsItShould) {
  for (const Made& file : made_files()) {
    const SourceBytes source = source_of(file.bytes);
    const Inspection inspection = inspected(source);
    EXPECT_EQ(inspection.media.media_type, file.media_type) << file.name;
    EXPECT_TRUE(inspection.media.renderable) << file.name;
    EXPECT_EQ(inspection.media.width, 90U) << file.name;
    EXPECT_EQ(inspection.media.height, 60U) << file.name;
    EXPECT_EQ(inspection.media.pages, file.pages) << file.name;
    EXPECT_FALSE(inspection.media.placeholder.empty()) << file.name;
    EXPECT_LT(difference(shown(source, "fm=png"), file.expected), file.difference_max) << file.name;
    EXPECT_LT(difference(shown(source, "w=45&fm=png"), resample(file.expected, {45, 30})),
              file.difference_max + 1)
        << file.name;
  }
  const Bitmap runs = shown(source_of(bmp_of_runs(scene(90, 60))), "fm=png");
  EXPECT_EQ(pixel_at(runs, 40, 30)[0], pixel_at(scene(90, 60), 40, 30)[1]);
}

TEST_F(FormatsTest, ARawFilesPreviewIsTurnedAsTheFileSays) {
  const SourceBytes source = source_of(raw_of(jpeg_of(scene(90, 60)), 6));
  EXPECT_EQ(inspected(source).media.width, 60U);
  EXPECT_LT(difference(shown(source, "fm=png"), upright(scene(90, 60), 6)), 3);
}

TEST_F(FormatsTest, DrawingsAreDrawnAtTheSizeThatIsWantedWithTheirText) {
  const auto samples = make_samples(scene(8, 8)).value();
  for (const Sample& sample : samples) {
    const bool is_svg = sample.name == "SVG"s;
    if (!is_svg && sample.name != "PDF"s) continue;
    const SourceBytes source = source_of(sample.bytes);
    const Inspection inspection = inspected(source);
    EXPECT_EQ(inspection.media.media_type, is_svg ? "image/svg+xml" : "application/pdf");
    EXPECT_EQ(inspection.media.has_alpha, is_svg);
    EXPECT_EQ(inspection.media.width, is_svg ? 90U : 188U);  // a page's points at 150 to the inch
    // Never seen by this process before the walls went up: letters of other sizes.
    const Bitmap large = shown(source, "w=900&bg=fff&fm=png");
    EXPECT_EQ(large.width(), 900U);
    int dark = 0;
    for (std::uint32_t y = 0; y < large.height(); ++y)
      for (std::uint32_t x = 0; x < large.width(); ++x) {
        const auto pixel = pixel_at(large, x, y);
        dark += pixel[0] < 60 && pixel[1] < 60 && pixel[2] < 60;
      }
    EXPECT_GT(dark, 5'000) << sample.name;
  }
}

TEST_F(FormatsTest, ADrawingReachesNothingOutsideItself) {
  const auto painted = [&](const std::string& inside, const std::string& before = "") {
    const std::string svg = before +
                            "<svg xmlns='http://www.w3.org/2000/svg' "
                            "xmlns:xlink='http://www.w3.org/1999/xlink' width='64' height='64'>" +
                            inside + "</svg>";
    const auto source = source_of(svg);
    RenderRequest request = request_for(source, 64, 64);
    const auto picture = pool_->render(request, {});
    if (!picture) return std::array<int, 4>{-1, -1, -1, -1};
    return pixel_at(decoded(picture->bytes), 32, 32);
  };
  const std::array<int, 4> nothing{0, 0, 0, 0};
  EXPECT_EQ(painted("<rect width='64' height='64' fill='red'/>"),
            (std::array<int, 4>{255, 0, 0, 255}));
  for (const char* reference :
       {"file:///usr/share/pixmaps/debian-logo.png", "/etc/passwd", "http://127.0.0.1:1/x.png"})
    EXPECT_EQ(painted("<image width='64' height='64' xlink:href='"s + reference + "'/>"), nothing)
        << reference;
  EXPECT_EQ(painted("<script>document.documentElement.innerHTML=''</script>"), nothing);
  // Refused, or without the text.
  EXPECT_LE(painted("<text y='40' font-size='40'>&file;</text>",
                    "<!DOCTYPE svg [<!ENTITY file SYSTEM 'file:///etc/passwd'>]>")[3],
            0);
}

TEST_F(FormatsTest, AnimationsKeepTheirTimingAndLoops) {
  Animation animation;
  animation.frame_height = 30;
  animation.timing = {{40, 200, 70}, 3};
  animation.strip = Bitmap(40, 90, false);
  for (std::uint32_t y = 0; y < 90; ++y)
    for (std::uint32_t x = 0; x < 40; ++x) {
      std::uint8_t* pixel = animation.strip.row(y) + std::size_t{x} * 4;
      pixel[0] = y < 30 ? 255 : 0;
      pixel[1] = y >= 30 && y < 60 ? 255 : 0;
      pixel[2] = y >= 60 ? 255 : 0;
      pixel[3] = 255;
    }
  const std::array<std::array<int, 3>, 3> colors = {{{255, 0, 0}, {0, 255, 0}, {0, 0, 255}}};
  const auto is_near = [&](const Bitmap& picture, std::size_t frame) {
    const auto pixel = pixel_at(picture, picture.width() / 2, picture.height() / 2);
    for (std::size_t c = 0; c < 3; ++c)
      if (std::abs(pixel[c] - colors[frame][c]) > 40) return false;
    return true;
  };
  for (const auto from : image_formats) {
    if (!has_frames(from)) continue;
    const auto encoded =
        encode_animation(animation, {.format = from, .quality = 90, .icc_profile = {}});
    ASSERT_TRUE(encoded) << to_string(from) << encoded.error().text;
    const SourceBytes source = source_of(*encoded);
    const Inspection inspection = inspected(source);
    EXPECT_EQ(inspection.media.pages, 3U) << to_string(from);
    EXPECT_TRUE(is_animated(inspection.media));
    EXPECT_FALSE(inspection.fingerprint) << "one frame would say too little";
    for (const auto to : image_formats) {
      if (!has_frames(to)) continue;
      const std::string name = std::format("{} to {}", to_string(from), to_string(to));
      const std::string moved = made(source, std::format("w=20&fm={}", to_string(to)));
      auto original = Original::open(bytes_of(moved), 1 << 20);
      ASSERT_TRUE(original) << name;
      EXPECT_EQ(original->facts().pages, 3U) << name;
      EXPECT_EQ(original->facts().stored, (Size{20, 15})) << name;
      const auto timing = original->timing();
      ASSERT_TRUE(timing) << name;
      EXPECT_EQ(timing->delays_ms, animation.timing.delays_ms) << name;
      EXPECT_EQ(timing->loops, 3) << name;
      std::size_t frame = 0;
      const auto looked = original->each_frame(3, [&](Bitmap picture) -> Outcome<void> {
        EXPECT_TRUE(is_near(picture, frame)) << name << ", frame " << frame;
        ++frame;
        return {};
      });
      EXPECT_TRUE(looked) << name;
    }
    EXPECT_TRUE(is_near(shown(source, "fm=jpeg"), 0)) << to_string(from);
    EXPECT_TRUE(is_near(shown(source, "frame=3&fm=png"), 2)) << to_string(from);
    EXPECT_TRUE(is_near(shown(source, "frame=2&fm=webp"), 1)) << to_string(from);
  }
}

TEST_F(FormatsTest, DamageGetsAnAnswerAndCostsNoMore) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::vector<Made> files = made_files();
  const auto samples = make_samples(scene(40, 30)).value();
  for (const Sample& sample : samples)
    files.push_back({sample.name, sample.bytes, "", scene(1, 1), 0, 1});
  for (const auto format : image_formats)
    files.push_back({std::string(to_string(format)), encode(scene(90, 60), format, 80).value(), "",
                     scene(1, 1), 0, 1});
  const auto try_one = [&](const std::string& name, const std::string& bytes) {
    const auto source = source_of(bytes);
    const auto inspection = pool_->inspect(source, soon(), {});
    const auto picture = pool_->render(request_for(source, 9, 6), {});
    for (const auto& error : {inspection ? std::optional<Error>() : inspection.error(),
                              picture ? std::optional<Error>() : picture.error()}) {
      if (!error) continue;
      EXPECT_TRUE(error->code == ErrorCode::not_renderable ||
                  error->code == ErrorCode::limit_exceeded)
          << name << ": " << describe(*error);
      EXPECT_FALSE(error->message.contains("_timeout")) << name;
      EXPECT_FALSE(error->message.empty()) << name;
    }
  };
  for (const Made& file : files) {
    for (const std::size_t length : {std::size_t{1}, std::size_t{20}, file.bytes.size() / 4,
                                     file.bytes.size() / 2, file.bytes.size() - 1})
      try_one(std::format("{} cut at {}", file.name, length), file.bytes.substr(0, length));
    for (int round = 0; round < 6; ++round) {
      std::string flipped = file.bytes;
      for (int i = 0; i < 1 + round; ++i)
        flipped[random() % std::min<std::size_t>(flipped.size(), round % 2 == 0 ? 200 : 1 << 20)] ^=
            static_cast<char>(1 << random() % 8);
      try_one(std::format("{} flipped {}", file.name, round), flipped);
    }
  }
}

TEST_F(FormatsTest, BombsMeetALimit) {
  std::string laughs = "<!DOCTYPE svg [<!ENTITY a0 'ha'>";
  for (int i = 1; i < 12; ++i) {
    laughs += std::format("<!ENTITY a{} '", i);
    for (int k = 0; k < 10; ++k) laughs += std::format("&a{};", i - 1);
    laughs += "'>";
  }
  laughs +=
      "]><svg xmlns='http://www.w3.org/2000/svg' width='90' height='60'><text>&a11;</text></svg>";
  const std::string filter =
      "<svg xmlns='http://www.w3.org/2000/svg' width='20000' height='9000'><filter id='f'>"
      "<feGaussianBlur stdDeviation='900'/><feMorphology operator='dilate' radius='500'/></filter>"
      "<rect width='20000' height='9000' filter='url(#f)'/></svg>";
  const std::string huge = "<svg xmlns='http://www.w3.org/2000/svg' width='9e9' height='9e9'/>";
  std::string uses =
      "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' "
      "width='90' height='60'><g id='u0'><rect width='9' height='9'/></g>";
  for (int i = 1; i < 20; ++i) {
    uses += std::format("<g id='u{}'>", i);
    for (int k = 0; k < 10; ++k) uses += std::format("<use xlink:href='#u{}'/>", i - 1);
    uses += "</g>";
  }
  uses += "</svg>";
  const std::string gif = "GIF89a" + little(65'535, 2) + little(65'535, 2) +
                          "\x80\0\0\0\0\0\xff\xff\xff"s + ",\0\0\0\0"s + little(65'535, 2) +
                          little(65'535, 2) + "\0\2\2\x4c\1\0;"s;
  const std::string pdf =
      "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]"
      "/Count 1>>endobj 3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 900000 900000]>>endobj\n"
      "trailer<</Root 1 0 R>>";
  for (const auto& [name, bytes] :
       {std::pair{"laughs"s, laughs},
        {"filter"s, filter},
        {"huge"s, huge},
        {"uses"s, uses},
        {"gif"s, gif},
        {"pdf"s, pdf},
        {"bmp"s, bmp_of(scene(2, 2), 24).replace(18, 8, little(200'000, 4) + little(200'000, 4))},
        {"psd"s, psd_of(scene(2, 2), 8, true).replace(14, 8, big(200'000, 4) + big(200'000, 4))}}) {
    const auto began = std::chrono::steady_clock::now();
    const auto inspection = pool_->inspect(source_of(bytes), soon(), {});
    if (inspection) {
      EXPECT_FALSE(inspection->media.renderable && name != "filter" && name != "uses") << name;
      continue;
    }
    const Error& error = inspection.error();
    EXPECT_TRUE(error.code == ErrorCode::limit_exceeded || error.code == ErrorCode::not_renderable)
        << name << ": " << describe(error);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 40s) << name;
  }
}

TEST_F(FormatsTest, RecipesDoWhatTheySay) {
  const SourceBytes photo = source_of(jpeg_of(scene(400, 300)));
  const auto same = [&](std::string_view a, std::string_view b, double most = 2) {
    EXPECT_LT(difference(shown(photo, a), shown(photo, b)), most) << a << " and " << b;
  };
  EXPECT_LT(difference(shown(photo, "crop=100:50:200:200&fm=png"),
                       crop(scene(400, 300), 100, 50, {200, 200})),
            3);
  EXPECT_LT(difference(shown(photo, "rot=90&fm=png"), upright(scene(400, 300), 6)), 3);
  EXPECT_LT(difference(shown(photo, "flip=h&fm=png"), upright(scene(400, 300), 2)), 3);
  same("w=100&h=100&fit=cover&fm=png", "w=100&h=100&fit=cover&g=0.5:0.5&fm=png");
  same("w=100&h=100&fit=cover&g=0:0&fm=png", "w=100&h=100&fit=cover&g=west&fm=png");
  same("lossless=1&fm=webp", "fm=png", 0.01);
  same("lossless=1&fm=jxl", "fm=png", 0.01);
  same("lossless=1&fm=avif", "fm=png", 1);
  EXPECT_EQ(shown(photo, "w=200&h=40&fit=fill&fm=png").height(), 40U);
  EXPECT_TRUE(shown(photo, "radius=40&fm=webp").has_alpha());
  EXPECT_FALSE(shown(photo, "radius=40&fm=jpeg").has_alpha());
  EXPECT_EQ(pixel_at(shown(photo, "radius=40&bg=00f&fm=png"), 0, 0),
            (std::array<int, 4>{0, 0, 255, 255}));
  EXPECT_EQ(shown(photo, "pad=10:20&bg=f00&fm=png").width(), 440U);
  for (const auto format : image_formats) {
    const auto at_most = std::format("max_bytes=3500&fm={}", to_string(format));
    EXPECT_LE(made(photo, at_most).size(), 3'500U) << at_most;
  }
  const Inspection inspection = inspected(photo);
  const auto plan =
      plan_render(parse_recipe("max_bytes=100&fm=webp").value(), inspection.media, {}, {});
  RenderRequest request = request_for(photo, 1, 1);
  request.plan = plan.value();
  const auto impossible = pool_->render(request, {});
  ASSERT_FALSE(impossible);
  EXPECT_EQ(impossible.error().code, ErrorCode::limit_exceeded);
  EXPECT_TRUE(impossible.error().message.starts_with("max_bytes cannot be kept: at its least"))
      << impossible.error().message;
}

TEST_F(FormatsTest, BordersGoBeforeThePictureIsFitted) {
  Bitmap framed = set_on_canvas(scene(200, 100), {300, 180}, {255, 255, 255, 255});
  const SourceBytes source = source_of(encode_png(framed).value());
  const std::string trimmed = made(source, "trim=10&w=100&fm=png");
  EXPECT_LT(difference(decoded(trimmed), scene(100, 50)), 12);
}

TEST_F(FormatsTest, AWatermarkIsLaidOver) {
  const SourceBytes photo = source_of(jpeg_of(scene(400, 300)));
  Bitmap red(20, 10, false);
  for (std::uint32_t y = 0; y < 10; ++y)
    for (std::uint32_t x = 0; x < 20; ++x) {
      const std::uint8_t color[] = {255, 0, 0, 255};
      std::copy_n(color, 4, red.row(y) + std::size_t{x} * 4);
    }
  RenderRequest request = request_for(photo, 1, 1);
  request.plan =
      plan_render(parse_recipe("mark=aaaaaaaaaaaaaaaaaaaaaaaaaa&mark-g=northwest&fm=png").value(),
                  inspected(photo).media, {}, {})
          .value();
  request.overlay = source_of(encode_png(red).value());
  const auto picture = pool_->render(request, {});
  ASSERT_TRUE(picture) << describe(picture.error());
  EXPECT_EQ(pixel_at(decoded(picture->bytes), 50, 20), (std::array<int, 4>{255, 0, 0, 255}));
  EXPECT_NE(pixel_at(decoded(picture->bytes), 110, 60), (std::array<int, 4>{255, 0, 0, 255}));
  request.overlay = source_of("not a picture at all"s);
  const auto refused = pool_->render(request, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::not_renderable);
}

TEST_F(FormatsTest, MetadataAndProfilesStayWhereTheyAreAskedFor) {
  if (!std::filesystem::exists(corpus() / "photos")) GTEST_SKIP() << "no corpus here";
  const SourceBytes photo = source_of(corpus() / "photos/nikon-d90.jpg");
  for (const auto* format : {"jpeg", "webp", "png", "avif", "jxl"}) {
    const auto kept =
        inspected(source_of(made(photo, std::format("w=300&meta=keep&fm={}", format))));
    EXPECT_TRUE(kept.media.metadata_json.contains("NIKON")) << format << kept.media.metadata_json;
    EXPECT_EQ(kept.media.orientation, 1) << format;
    const auto bare = inspected(source_of(made(photo, std::format("w=300&fm={}", format))));
    EXPECT_FALSE(bare.media.metadata_json.contains("NIKON")) << format;
  }
  const SourceBytes wide = source_of(corpus() / "formats/display-p3.png");
  for (const auto* parameters : {"icc=keep&fm=jpeg", "icc=p3&fm=webp", "icc=p3&fm=avif"}) {
    const auto kept = inspected(source_of(made(wide, parameters)));
    EXPECT_TRUE(kept.media.icc_profile.contains("P3")) << parameters << kept.media.icc_profile;
    EXPECT_LT(difference(shown(wide, "fm=png"), decoded(made(wide, parameters))), 8) << parameters;
  }
  EXPECT_EQ(inspected(source_of(made(wide, "fm=jpeg"))).media.icc_profile, "");
}

}  // namespace
}  // namespace calotype
