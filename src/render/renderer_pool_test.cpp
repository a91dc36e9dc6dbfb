// SPDX-License-Identifier: Apache-2.0
// The pool and real renderers, from a request to pixels, with pictures that the suite makes and,
// where they are there, the real ones of the corpus.
#include "render/renderer_pool.hpp"

#include <lcms2.h>

#include <algorithm>
#include <random>
#include <thread>

#include "base/json.hpp"
#include "render/renderer/media_type.hpp"
#include "render/renderer/pdq.hpp"
#include "render/test_pictures.hpp"

namespace calotype::testing_pictures {

std::filesystem::path corpus() {
  return std::filesystem::path(CALOTYPE_SOURCE_DIR) / "../shared/corpus";
}

}  // namespace calotype::testing_pictures

namespace calotype {
namespace {

using namespace testing_pictures;

class RendererPoolTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = RendererPool::start(quick_settings(2));
    ASSERT_TRUE(started.has_value()) << describe(started.error());
    pool_ = std::move(*started);
  }
  static void TearDownTestSuite() { pool_.reset(); }

  static std::string made(const RenderRequest& request) {
    auto picture = pool_->render(request, {});
    EXPECT_TRUE(picture.has_value()) << describe(picture.error());
    return picture ? picture->bytes : std::string();
  }
  static Inspection inspected(const SourceBytes& source) {
    auto inspection = pool_->inspect(source, soon(), {});
    EXPECT_TRUE(inspection.has_value()) << describe(inspection.error());
    return inspection.value_or(Inspection{});
  }

  static inline std::unique_ptr<RendererPool> pool_;
};

TEST_F(RendererPoolTest, EveryFormatGoesInAndOut) {
  for (const auto from : image_formats) {
    const std::string original = encode(scene(400, 300), from, 92).value();
    for (const auto to : image_formats) {
      const std::string picture = made(request_for(source_of(original), 100, 75, to));
      EXPECT_EQ(
          sniff_media_type({reinterpret_cast<const std::uint8_t*>(picture.data()), picture.size()}),
          media_type_of(to));
      EXPECT_LT(difference(decoded(picture), scene(100, 75)), to == ImageFormat::gif ? 7 : 5)
          << to_string(from) << " to " << to_string(to);
    }
  }
}

TEST_F(RendererPoolTest, HighEffortGivesTheSamePictureInFewerBytes) {
  // Grain, so that there is something to look for.
  Bitmap grainy = scene(640, 480);
  std::minstd_rand random(1);
  for (std::uint32_t y = 0; y < 480; ++y)
    for (std::uint32_t i = 0; i < 640 * 4; ++i)
      if (i % 4 != 3) {
        std::uint8_t& level = grainy.row(y)[i];
        level = static_cast<std::uint8_t>(
            std::clamp(level + static_cast<int>(random() % 17) - 8, 0, 255));
      }
  const std::string original = encode(grainy, ImageFormat::png, 0).value();
  for (const auto to :
       {ImageFormat::jpeg, ImageFormat::png, ImageFormat::webp, ImageFormat::avif}) {
    RenderRequest request = request_for(source_of(original), 320, 240, to);
    const std::string quick = made(request);
    request.plan.effort = Effort::high;
    request.render_class = RenderClass::upkeep;
    const std::string high = made(request);
    if (to == ImageFormat::png)  // of grain there is nothing to be saved without loss
      EXPECT_LT(high.size(), quick.size() + 64);
    else
      EXPECT_LT(high.size(), quick.size()) << to_string(to);
    EXPECT_LT(difference(decoded(high), decoded(quick)), to == ImageFormat::png ? 0.001 : 4)
        << to_string(to);
  }
}

TEST_F(RendererPoolTest, InspectionSaysWhatAPictureIs) {
  const Inspection jpeg = inspected(source_of(with_orientation(jpeg_of(scene(1'400, 1'000)), 6)));
  EXPECT_EQ(jpeg.media.media_type, "image/jpeg");
  EXPECT_TRUE(jpeg.media.renderable);
  EXPECT_EQ(jpeg.media.width, 1'000U);
  EXPECT_EQ(jpeg.media.height, 1'400U);
  EXPECT_EQ(jpeg.media.orientation, 6);
  EXPECT_EQ(jpeg.media.placeholder.empty(), false);
  ASSERT_TRUE(jpeg.proof.has_value());
  EXPECT_EQ(jpeg.proof->width, 640U);
  EXPECT_EQ(jpeg.proof->height, 896U);
  EXPECT_LT(
      difference(decoded(jpeg.proof->bytes), resample(upright(scene(1'400, 1'000), 6), {640, 896})),
      3);
  const Inspection alpha = inspected(source_of(encode_png(scene(1'400, 1'000, true)).value()));
  EXPECT_TRUE(alpha.media.has_alpha);
  EXPECT_FALSE(alpha.proof.has_value());
  EXPECT_FALSE(inspected(source_of(jpeg_of(scene(700, 500)))).proof.has_value());
}

TEST_F(RendererPoolTest, InspectionSaysWhatAPictureLooksLike) {
  const Bitmap picture = scene(300, 200);
  const Inspection small = inspected(source_of(encode_png(picture).value()));
  EXPECT_EQ(small.fingerprint, pdq_fingerprint(picture)) << "of its own pixels";
  const Inspection large = inspected(source_of(with_orientation(jpeg_of(scene(1'400, 900)), 3)));
  ASSERT_TRUE(large.fingerprint);
  const auto wanted = pdq_fingerprint(resample(upright(scene(1'400, 900), 3), pdq_box));
  EXPECT_LE(distance(large.fingerprint->whole, wanted->whole), 20U);
  EXPECT_EQ(large.fingerprint->crops.size(), wanted->crops.size());
  EXPECT_FALSE(inspected(source_of(encode_png(scene(300, 4)).value())).fingerprint);
  EXPECT_FALSE(inspected(source_of(std::string("Just a few words.\n"))).fingerprint);
}

TEST_F(RendererPoolTest, BytesThatAreNoPictureAreNoError) {
  const Inspection text = inspected(source_of(std::string("Just a few words, no picture.\n")));
  EXPECT_EQ(text.media.media_type, "text/plain");
  EXPECT_FALSE(text.media.renderable);
  EXPECT_EQ(
      inspected(source_of(std::string("PK\x05\x06", 4) + std::string(18, '\0'))).media.media_type,
      "application/zip");
  EXPECT_FALSE(inspected(source_of(std::string())).media.renderable);
}

TEST_F(RendererPoolTest, ADamagedPictureIsNamedAsSuch) {
  for (const auto format :
       {ImageFormat::jpeg, ImageFormat::png, ImageFormat::webp, ImageFormat::avif}) {
    std::string whole = encode(scene(300, 200), format, 90).value();
    const auto cut = source_of(whole.substr(0, whole.size() * 2 / 3));
    const auto inspection = pool_->inspect(cut, soon(), {});
    ASSERT_FALSE(inspection.has_value()) << to_string(format);
    EXPECT_EQ(inspection.error().code, ErrorCode::not_renderable) << describe(inspection.error());
    EXPECT_FALSE(pool_->render(request_for(cut, 50, 33), {}).has_value());
  }
}

TEST_F(RendererPoolTest, AllEightOrientationsComeOutTheSameWayUp) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    // Stored so that the orientation makes it upright again: 6 and 8 undo one another.
    const int inverse = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
    const std::string stored =
        with_orientation(jpeg_of(upright(scene(400, 300), inverse)), orientation);
    const Inspection inspection = inspected(source_of(stored));
    EXPECT_EQ(inspection.media.width, 400U);
    const std::string picture = made(request_for(source_of(stored), 120, 90));
    EXPECT_LT(difference(decoded(picture), scene(120, 90)), 4) << "orientation " << orientation;
  }
}

TEST_F(RendererPoolTest, TheCorpussOrientationsComeOutTheSameWayUp) {
  if (!std::filesystem::exists(corpus() / "orientation")) GTEST_SKIP() << "no corpus here";
  const auto thumb = [&](int number) {
    return decoded(made(request_for(
        source_of(corpus() / "orientation" / std::format("landscape-{}.jpg", number)), 180, 120)));
  };
  const Bitmap upright_one = thumb(1);
  // The files differ in the figure that is written on them, and by one more JPEG encoding.
  for (int number = 0; number <= 8; ++number)
    EXPECT_LT(difference(thumb(number), upright_one), 6) << number;
}

TEST_F(RendererPoolTest, CutFlattenedAndPaddedAsPlanned) {
  RenderRequest cover = request_for(source_of(jpeg_of(scene(400, 300))), 200, 150);
  cover.plan.left = 50;
  cover.plan.kept_width = cover.plan.output_width = 100;
  EXPECT_LT(difference(decoded(made(cover)), crop(scene(200, 150), 50, 0, {100, 150})), 4);

  RenderRequest contain = request_for(source_of(jpeg_of(scene(400, 300))), 100, 75);
  contain.plan.output_height = 135;
  contain.plan.background = {10, 200, 30, 255};
  const Bitmap padded = decoded(made(contain));
  EXPECT_EQ(pixel_at(padded, 50, 5), (std::array{10, 200, 30, 255}));
  EXPECT_LT(difference(crop(padded, 0, 30, {100, 75}), scene(100, 75)), 4);

  const SourceBytes alpha = source_of(encode_png(scene(200, 150, true)).value());
  const Bitmap kept = decoded(made(request_for(alpha, 100, 75)));
  EXPECT_TRUE(kept.has_alpha());
  EXPECT_NEAR(pixel_at(kept, 50, 60)[3], 255 * (1 - 60.5 / 75), 4);
  RenderRequest flat = request_for(alpha, 100, 75, ImageFormat::jpeg);
  flat.plan.flatten = true;
  flat.plan.background = {0, 0, 255, 255};
  const Bitmap flattened = decoded(made(flat));
  EXPECT_FALSE(flattened.has_alpha());
  EXPECT_GT(pixel_at(flattened, 50, 73)[2], 240);
}

/// A matrix profile with Display P3's primaries and sRGB's curve.
std::string display_p3() {
  const cmsCIExyY white{0.3127, 0.3290, 1};
  const cmsCIExyYTRIPLE primaries{{0.680, 0.320, 1}, {0.265, 0.690, 1}, {0.150, 0.060, 1}};
  const cmsFloat64Number parameters[] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
  cmsToneCurve* curve = cmsBuildParametricToneCurve(nullptr, 4, parameters);
  cmsToneCurve* curves[] = {curve, curve, curve};
  cmsHPROFILE profile = cmsCreateRGBProfile(&white, &primaries, curves);
  cmsUInt32Number length = 0;
  cmsSaveProfileToMem(profile, nullptr, &length);
  std::string bytes(length, '\0');
  cmsSaveProfileToMem(profile, bytes.data(), &length);
  cmsCloseProfile(profile);
  cmsFreeToneCurve(curve);
  return bytes;
}

TEST_F(RendererPoolTest, ColoursAreConvertedByTheirProfile) {
  Bitmap plain(64, 64, false);
  for (std::size_t i = 0; i < plain.bytes(); i += 4) {
    const std::uint8_t pixel[] = {200, 100, 80, 255};
    std::ranges::copy(pixel, plain.row(0) + i);
  }
  const std::string icc = std::string("ICC_PROFILE\0\x01\x01", 14) + display_p3();
  const std::string tagged = with_segment(jpeg_of(plain, 100), '\xe2', icc);
  const auto pixel = pixel_at(decoded(made(request_for(source_of(tagged), 32, 32))), 16, 16);
  // P3 (200,100,80) to linear, by the two standards' matrices to sRGB, and back to the curve.
  const auto linear = [](double v) {
    v /= 255;
    return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  };
  const auto curved = [](double v) {
    return 255 * (v <= 0.0031308 ? v * 12.92 : 1.055 * std::pow(v, 1 / 2.4) - 0.055);
  };
  const double r = linear(200), g = linear(100), b = linear(80);
  EXPECT_NEAR(pixel[0], curved(1.2249401 * r - 0.2249402 * g), 2);
  EXPECT_NEAR(pixel[1], curved(-0.0420569 * r + 1.0420571 * g), 2);
  EXPECT_NEAR(pixel[2], curved(-0.0196376 * r - 0.0786361 * g + 1.0982735 * b), 2);
  const Inspection inspection = inspected(source_of(tagged));
  EXPECT_EQ(inspection.media.color_space, "srgb");
}

TEST_F(RendererPoolTest, TheCorpussColoursComeOutRight) {
  if (!std::filesystem::exists(corpus() / "formats")) GTEST_SKIP() << "no corpus here";
  const auto first_pixel = [&](const char* name, std::uint32_t side) {
    return pixel_at(decoded(made(request_for(source_of(corpus() / "formats" / name), side, side))),
                    0, 0);
  };
  // Display P3's red is out of sRGB's reach: full red, nothing else.
  const auto red = first_pixel("display-p3.png", 8);
  EXPECT_GT(red[0], 250);
  EXPECT_LT(red[1], 10);
  EXPECT_LT(red[2], 10);
  const Bitmap cmyk =
      decoded(made(request_for(source_of(corpus() / "formats/cmyk.jpg"), 250, 166)));
  const Bitmap bare =
      decoded(made(request_for(source_of(corpus() / "formats/cmyk-no-profile.jpg"), 250, 166)));
  EXPECT_LT(difference(cmyk, bare), 30);  // the same picture, guessed at without its profile
}

TEST_F(RendererPoolTest, LimitsAreNamed) {
  RenderSettings settings = quick_settings();
  settings.limits.input_pixels_max = 10'000;
  settings.limits.output_side_max = 100;
  auto pool = RendererPool::start(settings);
  ASSERT_TRUE(pool.has_value()) << describe(pool.error());
  for (const auto format :
       {ImageFormat::jpeg, ImageFormat::png, ImageFormat::webp, ImageFormat::avif}) {
    const auto large =
        (*pool)->inspect(source_of(encode(scene(200, 200), format, 80).value()), soon(), {});
    ASSERT_FALSE(large.has_value());
    EXPECT_EQ(large.error().code, ErrorCode::limit_exceeded);
    EXPECT_TRUE(large.error().message.contains("render.input_pixels_max"));
  }
  const auto wide = (*pool)->render(request_for(source_of(jpeg_of(scene(90, 90))), 200, 200), {});
  ASSERT_FALSE(wide.has_value());
  EXPECT_TRUE(wide.error().message.contains("render.output_side_max"));
}

TEST_F(RendererPoolTest, TheCorpussBrokenFilesAreRefusedInTheirWay) {
  if (!std::filesystem::exists(corpus() / "broken")) GTEST_SKIP() << "no corpus here";
  struct Row {
    const char* file;
    std::optional<ErrorCode> code;  // nothing: no picture of ours, and no error
  };
  const Row rows[] = {{"65536-uint32-limit.png", ErrorCode::limit_exceeded},
                      {"giant-dimensions.jpg", ErrorCode::limit_exceeded},
                      {"corrupt-header.jpg", ErrorCode::not_renderable},
                      {"truncated.jpg", ErrorCode::not_renderable},
                      {"truncated.png", ErrorCode::not_renderable},
                      {"invalid-illuminant.icc", std::nullopt}};
  for (const auto& [file, code] : rows) {
    const auto inspection = pool_->inspect(source_of(corpus() / "broken" / file), soon(), {});
    EXPECT_EQ(inspection.has_value(), !code) << file;
    if (!inspection) {
      EXPECT_EQ(inspection.error().code, *code) << file;
    }
    if (inspection) {
      EXPECT_FALSE(inspection->media.renderable) << file;
    }
  }
  // Others crashed on it; it is a picture all the same.
  EXPECT_EQ(inspected(source_of(corpus() / "broken/crash-test.gif")).media.width, 800U);
}

TEST_F(RendererPoolTest, EveryPhotographOfTheCorpusIsRead) {
  if (!std::filesystem::exists(corpus() / "photos")) GTEST_SKIP() << "no corpus here";
  for (const auto& entry : std::filesystem::directory_iterator(corpus() / "photos")) {
    const Inspection inspection = inspected(source_of(entry.path()));
    EXPECT_TRUE(inspection.media.renderable) << entry.path();
    EXPECT_TRUE(inspection.proof.has_value()) << entry.path();
    const auto metadata = parse_json(inspection.media.metadata_json);
    ASSERT_TRUE(metadata.has_value());
    if (entry.path().filename() == "apple-iphone-4s.jpg") {
      EXPECT_EQ(metadata->at_pointer("/exif/Image/Make").as_string(), "Apple");
      EXPECT_TRUE(metadata->at_pointer("/exif/Photo/FNumber").is_number());
    }
  }
}

TEST_F(RendererPoolTest, ABatchGivesTheSamePicturesAsOneByOne) {
  const SourceBytes source = source_of(jpeg_of(scene(2'600, 1'950)));
  const std::uint32_t widths[] = {160, 320, 640, 960, 1'280};
  std::array<std::string, std::size(widths)> together;
  {
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < std::size(widths); ++i)
      callers.emplace_back([&, i] {
        RenderRequest request = request_for(source, widths[i], widths[i] * 3 / 4);
        request.batch_key = "scene";
        together[i] = made(request);
      });
  }
  for (std::size_t i = 0; i < std::size(widths); ++i) {
    const std::string alone = made(request_for(source, widths[i], widths[i] * 3 / 4));
    EXPECT_LT(difference(decoded(together[i]), decoded(alone)), 1.5) << widths[i];
  }
}

TEST_F(RendererPoolTest, WhoHasGoneOrRunOutOfTimeIsToldSo) {
  const SourceBytes source = source_of(jpeg_of(scene(64, 48)));
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = pool_->render(request_for(source, 8, 6), stop.get_token());
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  RenderRequest late = request_for(source, 8, 6);
  late.deadline = std::chrono::steady_clock::now() - 1ms;
  const auto timed_out = pool_->render(late, {});
  ASSERT_FALSE(timed_out.has_value());
  EXPECT_EQ(timed_out.error().code, ErrorCode::timeout);
}

TEST_F(RendererPoolTest, ASourceOpenForWritingIsNeverHandedOver) {
  auto writable = std::make_shared<UniqueFd>(make_output().value());
  const auto result = pool_->inspect({writable, 0}, soon(), {});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::internal);
}

TEST(RendererPool, AFullQueueRefusesAtOnceAndACancelledRequestLeavesIt) {
  RenderSettings settings = faulty_settings();
  settings.queue_max = 2;
  settings.render_timeout = 2s;
  auto pool = RendererPool::start(settings);
  ASSERT_TRUE(pool.has_value()) << describe(pool.error());
  const SourceBytes hanging = source_of(with_fault("loop"));
  const SourceBytes good = source_of(jpeg_of(scene(64, 48)));
  std::jthread hung([&] { (void)(*pool)->render(request_for(hanging, 8, 6), {}); });
  while ((*pool)->depth().running == 0) std::this_thread::sleep_for(5ms);
  std::stop_source stop;
  std::atomic<int> cancelled{0};
  std::jthread first([&] {
    const auto result = (*pool)->render(request_for(good, 8, 6), stop.get_token());
    if (!result && result.error().code == ErrorCode::cancelled) ++cancelled;
  });
  RenderRequest later = request_for(good, 9, 6);
  later.render_class = RenderClass::upkeep;
  std::atomic<int> shed{0};
  std::jthread second([&] {
    const auto result = (*pool)->render(later, {});
    if (!result && result.error().code == ErrorCode::overloaded) ++shed;
  });
  while ((*pool)->depth().waiting < 2) std::this_thread::sleep_for(5ms);
  const auto began = std::chrono::steady_clock::now();
  const auto refused = (*pool)->render(later, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::overloaded);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 200ms);
  // Somebody who waits takes the place of upkeep.
  std::jthread third(
      [&] { EXPECT_TRUE((*pool)->render(request_for(good, 10, 6), {}).has_value()); });
  second.join();
  EXPECT_EQ(shed, 1);
  stop.request_stop();
  first.join();
  EXPECT_EQ(cancelled, 1);
}

TEST(RendererPool, OneUnderWayIsKilledOnlyWhenNobodyElsesIsInItsBatch) {
  RenderSettings settings = faulty_settings();
  settings.render_timeout = 30s;
  auto pool = RendererPool::start(settings);
  ASSERT_TRUE(pool.has_value()) << describe(pool.error());
  const SourceBytes hanging = source_of(with_fault("loop"));
  std::stop_source stop;
  std::jthread caller([&] { (void)(*pool)->render(request_for(hanging, 8, 6), stop.get_token()); });
  while ((*pool)->depth().running == 0) std::this_thread::sleep_for(5ms);
  const pid_t before = (*pool)->memory().at(0).pid;
  stop.request_stop();
  caller.join();
  // Long before the time-out, another one serves.
  const auto picture = (*pool)->render(request_for(source_of(jpeg_of(scene(64, 48))), 8, 6), {});
  ASSERT_TRUE(picture.has_value()) << describe(picture.error());
  EXPECT_NE((*pool)->memory().at(0).pid, before);
}

TEST(RendererPool, UpkeepThatTakesLongGivesWayToWhoWaitsAndToNobodyElse) {
  RenderSettings settings = faulty_settings();
  settings.render_timeout = 30s;
  auto pool = RendererPool::start(settings);
  ASSERT_TRUE(pool.has_value()) << describe(pool.error());
  std::optional<Error> ended;
  std::jthread upkeep([&] {
    RenderRequest request = request_for(source_of(with_fault("loop")), 8, 6);
    request.render_class = RenderClass::upkeep;
    const auto result = (*pool)->render(request, {});
    if (!result) ended = result.error();
  });
  while ((*pool)->depth().running == 0) std::this_thread::sleep_for(5ms);
  const pid_t before = (*pool)->memory().at(0).pid;
  std::this_thread::sleep_for(1'500ms);
  EXPECT_EQ((*pool)->depth().running, 1) << "nobody waits";
  EXPECT_EQ((*pool)->memory().at(0).pid, before);
  const auto picture = (*pool)->render(request_for(source_of(jpeg_of(scene(64, 48))), 8, 6), {});
  ASSERT_TRUE(picture.has_value()) << describe(picture.error());
  upkeep.join();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, ErrorCode::timeout) << describe(*ended);
}

TEST(RendererPool, AProcessIsReplacedAfterItsShareOfRendersWithoutAPause) {
  RenderSettings settings = quick_settings();
  settings.renders_per_process = 10;
  auto pool = RendererPool::start(settings);
  ASSERT_TRUE(pool.has_value()) << describe(pool.error());
  const SourceBytes source = source_of(jpeg_of(scene(64, 48)));
  std::vector<pid_t> pids;
  for (int i = 0; i < 400; ++i) {
    ASSERT_TRUE((*pool)->render(request_for(source, 8, 6), {}).has_value());
    const pid_t pid = (*pool)->memory().at(0).pid;
    if (pids.empty() || pids.back() != pid) pids.push_back(pid);
    if (pids.size() > 2) break;
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_GT(pids.size(), 1U);
}

TEST(RendererPool, SettingsThatMakeNoSenseAreNamed) {
  RenderSettings settings;
  settings.process_memory_max = 1;
  ASSERT_FALSE(settings.validate().has_value());
  EXPECT_TRUE(settings.validate().error().message.contains("process_memory_max"));
  EXPECT_EQ(RendererPool::start(settings).error().code, ErrorCode::bad_config);
}

}  // namespace
}  // namespace calotype
