// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/warm_up.hpp"

#include <webp/encode.h>

#include <format>

#include "render/renderer/fonts.hpp"
#include "render/renderer/inspect.hpp"
#include "render/renderer/make_picture.hpp"
#include "render/renderer/media_type.hpp"
#include "render/renderer/metadata.hpp"
#include "render/renderer/samples.hpp"
#include "render/renderer/vips_pictures.hpp"

namespace calotype {
namespace {

// Raised whenever a change of ours alters what is made, so that variants get new URLs.
constexpr int pixels_version = 3;

/// Small: what takes time here is what libraries do once.
Bitmap sample(bool has_alpha) {
  Bitmap picture(24, 18, has_alpha);
  for (std::uint32_t y = 0; y < picture.height(); ++y)
    for (std::uint32_t x = 0; x < picture.width(); ++x) {
      std::uint8_t* pixel = picture.row(y) + std::size_t{x} * Bitmap::channels;
      pixel[0] = static_cast<std::uint8_t>(x * 10);
      pixel[1] = static_cast<std::uint8_t>(y * 14);
      pixel[2] = static_cast<std::uint8_t>(x ^ y);
      pixel[3] = has_alpha ? static_cast<std::uint8_t>(x * y) : 255;
    }
  return picture;
}

RenderPlan small_plan(ImageFormat format) {
  RenderPlan plan;
  plan.scaled_width = plan.kept_width = plan.output_width = 12;
  plan.scaled_height = plan.kept_height = plan.output_height = 9;
  plan.format = format;
  plan.quality = 80;
  return plan;
}

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Read and made into a small picture.
Outcome<void> read_through(Bytes bytes, ImageFormat format) {
  TRY(Original original, Original::open(bytes, 1 << 20));
  TRY_VOID(make_picture(original, small_plan(format)));
  return {};
}

/// With alpha where the format has it: that goes through all that an opaque one does.
Outcome<void> go_round(ImageFormat format) {
  TRY(const std::string encoded, encode(sample(has_alpha_channel(format)), format, 80));
  return read_through(bytes_of(encoded), format);
}

template <class Try>
std::string problem_of(const char* verb, std::string_view what, const Try& done) {
  return done ? std::string()
              : std::format("The renderer cannot {} {}: {}", verb, what, done.error().text);
}

}  // namespace

std::string exercise() {
  std::string problem;
  for (const auto format : image_formats)
    if (problem.empty()) problem = problem_of("make", to_string(format), go_round(format));
  if (!problem.empty()) return problem;
  const auto samples = make_samples(sample(false));
  if (!samples) return problem_of("make", "samples", samples);
  for (const Sample& each : *samples)
    if (problem.empty())
      problem = problem_of("read", each.name, read_through(bytes_of(each.bytes), ImageFormat::png));
  if (!problem.empty()) return problem;
  const auto jpeg = encode(sample(false), ImageFormat::jpeg, 80);
  if (!jpeg) return problem_of("make", "jpeg", jpeg);
  media_type_of_bytes({});
  return problem_of("inspect", "jpeg", inspect_bytes(bytes_of(*jpeg), 1 << 20));
}

std::string start_libraries() {
  if (!start_vips()) return "libvips does not start.";
  if (!start_media_types()) return "libmagic finds no database.";
  start_metadata();
  open_fonts();
  return exercise();
}

std::string renderer_version() {
  const int webp = WebPGetEncoderVersion();
  return std::format("calotype {}, {}, libwebp {}.{}.{}, {}", pixels_version, vips_version(),
                     webp >> 16, webp >> 8 & 0xff, webp & 0xff, heif_version());
}

}  // namespace calotype
