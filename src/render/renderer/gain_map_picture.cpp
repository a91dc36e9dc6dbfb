// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/gain_map_picture.hpp"

#include <algorithm>
#include <cmath>

#include "render/renderer/effects.hpp"
#include "render/renderer/jpeg_codec.hpp"
#include "render/renderer/resample.hpp"

namespace calotype {
namespace {

constexpr int quality_min = 85;  // what is wrong here is multiplied

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

}  // namespace

Outcome<std::string> make_gain_map(const GainMap& map, Size whole, int orientation,
                                   const RenderPlan& plan) {
  TRY(const JpegHeader header, read_jpeg_header(map.jpeg));
  const std::uint64_t pixels = std::uint64_t{header.width} * header.height;
  if (pixels > std::uint64_t{whole.width} * whole.height * 4)
    return failed(wire::Status::damaged, "a gain map larger than its picture");
  TRY(Bitmap stored, decode_jpeg(map.jpeg, 8));
  const Bitmap all = upright(std::move(stored), orientation);
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
  picture = with_effects(std::move(picture), shape, Color{});
  const int quality = std::max<int>(plan.quality, quality_min);
  return header.components == 1 ? encode_gray_jpeg(picture, quality)
                                : encode_jpeg(picture, quality, true);
}

}  // namespace calotype
