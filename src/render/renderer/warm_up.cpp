// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/warm_up.hpp"

#include <webp/encode.h>

#include <format>

#include "render/renderer/inspect.hpp"
#include "render/renderer/make_picture.hpp"
#include "render/renderer/media_type.hpp"
#include "render/renderer/metadata.hpp"
#include "render/renderer/vips_pictures.hpp"

namespace calotype {
namespace {

// Raised whenever a change of ours alters what is made, so that variants get new URLs.
constexpr int pixels_version = 1;

Bitmap sample(bool has_alpha) {
  Bitmap picture(64, 48, has_alpha);
  for (std::uint32_t y = 0; y < picture.height(); ++y)
    for (std::uint32_t x = 0; x < picture.width(); ++x) {
      std::uint8_t* pixel = picture.row(y) + std::size_t{x} * Bitmap::channels;
      pixel[0] = static_cast<std::uint8_t>(x * 4);
      pixel[1] = static_cast<std::uint8_t>(y * 5);
      pixel[2] = static_cast<std::uint8_t>(x ^ y);
      pixel[3] = has_alpha ? static_cast<std::uint8_t>(x * y) : 255;
    }
  return picture;
}

RenderPlan small_plan(ImageFormat format) {
  RenderPlan plan;
  plan.scaled_width = plan.kept_width = plan.output_width = 20;
  plan.scaled_height = plan.kept_height = plan.output_height = 15;
  plan.format = format;
  plan.quality = 80;
  return plan;
}

Outcome<void> go_round(ImageFormat format, bool has_alpha) {
  TRY(const std::string encoded, encode(sample(has_alpha), format, 80));
  const Bytes bytes(reinterpret_cast<const std::uint8_t*>(encoded.data()), encoded.size());
  TRY_VOID(inspect_bytes(bytes, 1 << 20));
  TRY(Original original, Original::open(bytes, 1 << 20));
  TRY_VOID(make_picture(original, small_plan(format)));
  return {};
}

}  // namespace

std::string exercise() {
  for (const auto format :
       {ImageFormat::jpeg, ImageFormat::png, ImageFormat::webp, ImageFormat::avif})
    for (const bool has_alpha : {false, true}) {
      if (has_alpha && !has_alpha_channel(format)) continue;
      if (const auto done = go_round(format, has_alpha); !done)
        return std::format("The renderer cannot make {}: {}", to_string(format), done.error().text);
    }
  media_type_of_bytes({});
  return {};
}

std::string start_libraries() {
  if (!start_vips()) return "libvips does not start.";
  if (!start_media_types()) return "libmagic finds no database.";
  start_metadata();
  return exercise();
}

std::string renderer_version() {
  const int webp = WebPGetEncoderVersion();
  return std::format("calotype {}, {}, libwebp {}.{}.{}, {}", pixels_version, vips_version(),
                     webp >> 16, webp >> 8 & 0xff, webp & 0xff, heif_version());
}

}  // namespace calotype
