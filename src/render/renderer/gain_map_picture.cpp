// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/gain_map_picture.hpp"

#include <algorithm>
#include <cmath>

#include "render/renderer/effects.hpp"
#include "render/renderer/heif_gain_map.hpp"
#include "render/renderer/jpeg_codec.hpp"
#include "render/renderer/resample.hpp"

namespace calotype {
namespace {

// What is wrong here is multiplied. AVIF at its number is as good as JPEG at its own.
constexpr int jpeg_quality_min = 85, avif_quality_min = 70;

/// One direction: the whole samples of the map that cover a stretch of the picture, and where the
/// kept pixels lie once these are scaled as the picture is.
struct Stretch {
  std::uint32_t start = 0, length = 0;  // of the map
  std::uint32_t scaled = 0;             // pixels that they become
  std::uint32_t offset = 0;             // of the first that is kept
};

Stretch stretch(std::uint32_t region_start, std::uint32_t region_length, std::uint32_t side,
                std::uint32_t map_side, std::uint32_t scaled, std::uint32_t kept_start,
                std::uint32_t kept) {
  const double share = static_cast<double>(map_side) / side;
  const double scale = static_cast<double>(scaled) / region_length;
  Stretch part;
  part.start = std::min(map_side - 1, static_cast<std::uint32_t>(region_start * share));
  const double end = std::ceil((static_cast<double>(region_start) + region_length) * share);
  part.length = std::clamp(static_cast<std::uint32_t>(end), part.start + 1, map_side) - part.start;
  const double before = std::max(0.0, region_start - part.start / share) * scale;
  part.offset = static_cast<std::uint32_t>(std::lround(before)) + kept_start;
  part.scaled = std::max(part.offset + kept,
                         static_cast<std::uint32_t>(std::lround(part.length / share * scale)));
  return part;
}

std::uint32_t smaller(std::uint32_t side, std::uint32_t map_side, std::uint32_t whole) {
  const double share = std::min(1.0, static_cast<double>(map_side) / whole);
  return std::max(1U, static_cast<std::uint32_t>(std::lround(side * share)));
}

/// Upright, and not much larger than the picture itself.
Outcome<MapSamples> samples_of(const GainMap& map, Size whole, int orientation) {
  const std::uint64_t pixels_max = std::uint64_t{whole.width} * whole.height * 4;
  if (map.item) return decode_gain_map_item(map, pixels_max);
  TRY(const JpegHeader header, read_jpeg_header(map.file));
  if (std::uint64_t{header.width} * header.height > pixels_max)
    return failed(wire::Status::damaged, "a gain map larger than its picture");
  TRY(Bitmap stored, decode_jpeg(map.file, 8));
  return MapSamples{upright(std::move(stored), orientation), header.components == 1};
}

Outcome<std::string> encoded(const MapSamples& map, const RenderPlan& plan) {
  if (plan.format == ImageFormat::avif) {
    const int quality = plan.lossless ? 100 : std::max<int>(plan.quality, avif_quality_min);
    return encode_gain_map_avif(map, quality, plan.effort);
  }
  const int quality = std::max<int>(plan.quality, jpeg_quality_min);
  return map.is_gray ? encode_gray_jpeg(map.picture, quality)
                     : encode_jpeg(map.picture, quality, true);
}

}  // namespace

Outcome<std::string> make_gain_map(const GainMap& map, Size whole, int orientation,
                                   const RenderPlan& plan) {
  TRY(MapSamples samples, samples_of(map, whole, orientation));
  const Bitmap all = std::move(samples.picture);
  Region region = plan.region;
  if (region.width == 0) region = {0, 0, whole.width, whole.height, false};
  const Stretch across = stretch(region.left, region.width, whole.width, all.width(),
                                 plan.scaled_width, plan.left, plan.kept_width);
  const Stretch down = stretch(region.top, region.height, whole.height, all.height(),
                               plan.scaled_height, plan.top, plan.kept_height);
  const Bitmap part = crop(all, across.start, down.start, {across.length, down.length});
  const Bitmap scaled = resample(part, {across.scaled, down.scaled});
  Bitmap picture = crop(scaled, across.offset, down.offset, {plan.kept_width, plan.kept_height});
  picture = resample(picture, {smaller(plan.kept_width, all.width(), whole.width),
                               smaller(plan.kept_height, all.height(), whole.height)});
  Effects shape;
  shape.mirror = plan.effects.mirror;
  shape.rotation = plan.effects.rotation;
  samples.picture = with_effects(std::move(picture), shape, Color{});
  return encoded(samples, plan);
}

}  // namespace calotype
