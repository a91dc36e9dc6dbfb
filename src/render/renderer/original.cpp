// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/original.hpp"

#include <algorithm>
#include <cmath>
#include <format>

#include "render/renderer/color.hpp"
#include "render/renderer/heif_gain_map.hpp"
#include "render/renderer/heif_sequence.hpp"
#include "render/renderer/jpeg_codec.hpp"
#include "render/renderer/raw_preview.hpp"
#include "render/renderer/resample.hpp"

namespace calotype {
namespace {

constexpr std::uint64_t direct_bytes_max = 160 << 20;  // larger ones are streamed, by libvips
constexpr std::size_t made_max = 4;

std::uint32_t share_of(std::uint32_t side, int eighths) {
  return static_cast<std::uint32_t>((std::uint64_t{side} * static_cast<unsigned>(eighths) + 7) / 8);
}

/// The smallest scale of the transform that still leaves twice of what is wanted. Scaling in the
/// transform cuts frequencies roughly; from twice the size the kernel decides how the picture
/// looks, and one from the proof is as good as one from the original (docs/benchmarks.md).
int eighths_for(Size stored, Size wanted) {
  for (const int eighths : {1, 2, 4})
    if (share_of(stored.width, eighths) >= 2 * wanted.width &&
        share_of(stored.height, eighths) >= 2 * wanted.height)
      return eighths;
  return 8;
}

/// The rectangle of the stored picture that an upright region is.
Part part_of(const Region& region, Size stored, int orientation) {
  if (region.width == 0) return {0, 0, stored};
  const Size upright = lies_on_side(orientation) ? stored.turned() : stored;
  const std::uint32_t right = upright.width - region.left - region.width;
  const std::uint32_t bottom = upright.height - region.top - region.height;
  const Size size{region.width, region.height};
  switch (orientation) {
    case 2:
      return {right, region.top, size};
    case 3:
      return {right, bottom, size};
    case 4:
      return {region.left, bottom, size};
    case 5:
      return {region.top, region.left, size.turned()};
    case 6:
      return {region.top, right, size.turned()};
    case 7:
      return {bottom, right, size.turned()};
    case 8:
      return {bottom, region.left, size.turned()};
    default:
      return {region.left, region.top, size};
  }
}

}  // namespace

Outcome<void> Original::open_camera_raw(std::uint64_t pixels_max) {
  TRY(RawPreview preview, largest_preview(bytes_));
  TRY(Original inner, open(preview.jpeg, pixels_max, as_));
  if (inner.facts_.format != SourceFormat::jpeg)
    return failed(wire::Status::unsupported, "a camera's raw file without a JPEG");
  *this = std::move(inner);  // a vector that is moved stays where it is
  preview_ = std::move(preview.jpeg);
  if (facts_.orientation == 1) facts_.orientation = preview.orientation;
  facts_.format = SourceFormat::raw;
  return {};
}

Outcome<Original> Original::open(Bytes bytes, std::uint64_t pixels_max, const ReadAs& as) {
  const auto format = source_format_of(bytes);
  if (!format) return failed(wire::Status::unsupported, "not a format that is read");
  Original original;
  original.bytes_ = bytes;
  original.as_ = as;
  if (*format == SourceFormat::raw) {
    TRY_VOID(original.open_camera_raw(pixels_max));
    return original;
  }
  OriginalFacts& facts = original.facts_;
  facts.format = *format;
  bool direct = false;
  if (*format == SourceFormat::jpeg) {
    auto header = read_jpeg_header(bytes);
    if (!header) return std::unexpected(header.error());
    facts.stored = {header->width, header->height};
    facts.orientation = header->orientation;
    facts.channels = static_cast<std::uint8_t>(header->components);
    facts.color_space = header->components == 1 ? "gray" : "srgb";
    facts.icc_profile = std::move(header->icc_profile);
    const bool has_profile = !facts.icc_profile.empty();
    direct = header->is_plain && (!has_profile || header->components == 3) &&
             (!has_profile || is_rgb_profile(facts.icc_profile)) &&
             as.profile == ColorProfile::srgb;
    original.converts_ = has_profile && !is_srgb(facts.icc_profile);
    facts.gain_map = find_gain_map(bytes);
  }
  const auto pixels = std::uint64_t{facts.stored.width} * facts.stored.height;
  if (pixels > pixels_max)
    return failed(wire::Status::input_pixels_max,
                  std::format("{} × {} pixels, and {} are allowed.", facts.stored.width,
                              facts.stored.height, pixels_max));
  if (direct) return original;
  auto general = VipsSource::open(bytes, *format, pixels_max, as);
  if (!general) return std::unexpected(general.error());
  original.general_ = std::move(*general);
  const VipsHeader& header = original.general_->header();
  if (*format != SourceFormat::jpeg) facts.orientation = header.orientation;
  facts.stored = header.size;
  facts.has_alpha = header.has_alpha;
  facts.channels = header.channels;
  facts.bits_per_channel = header.bits_per_channel;
  facts.pages = header.pages;
  facts.color_space = header.color_space;
  facts.icc_profile = header.icc_profile;
  facts.is_sequence = (*format == SourceFormat::avif || *format == SourceFormat::heif) &&
                      original.general_->is_own();
  if ((*format == SourceFormat::avif || *format == SourceFormat::heif) && !facts.is_sequence)
    facts.gain_map = find_gain_map_in_heif(bytes);
  return original;
}

Outcome<Bitmap> Original::make(Size size) {
  const int needed = eighths_for(facts_.stored, size);
  const bool enough = !decoded_.empty() &&
                      decoded_.width() >= share_of(facts_.stored.width, needed) &&
                      decoded_.height() >= share_of(facts_.stored.height, needed);
  if (!general_ && !enough) {
    const std::uint64_t bytes = std::uint64_t{share_of(facts_.stored.width, needed)} *
                                share_of(facts_.stored.height, needed) * Bitmap::channels;
    if (bytes > direct_bytes_max) {
      TRY_VOID(through_vips());
    } else {
      auto decoded = decode_jpeg(bytes_, needed);
      if (!decoded) return decoded;
      decoded_ = std::move(*decoded);
      decoded_eighths_ = needed;
    }
  }
  if (general_) return general_->scaled(size);
  const Extent extent{facts_.stored.width * decoded_eighths_ / 8.0,
                      facts_.stored.height * decoded_eighths_ / 8.0};
  Bitmap picture = resample(decoded_, extent, size);
  if (converts_) convert_to_srgb(picture, facts_.icc_profile);
  return picture;
}

Outcome<const Bitmap*> Original::scaled(Size size) {
  const Bitmap* nearest = nullptr;
  for (const Bitmap& picture : made_) {
    if (picture.width() == size.width && picture.height() == size.height) return &picture;
    if (picture.width() >= 2 * size.width && picture.height() >= 2 * size.height)
      nearest = &picture;
  }
  Bitmap picture;
  if (nearest != nullptr) {
    picture = resample(*nearest, size);
  } else {
    const bool turned = lies_on_side(facts_.orientation);
    auto stored = make(turned ? size.turned() : size);
    if (!stored) return std::unexpected(stored.error());
    picture = upright(std::move(*stored), facts_.orientation);
  }
  if (made_.size() == made_max) made_.pop_back();
  const auto position = std::ranges::find_if(
      made_, [&](const Bitmap& other) { return other.bytes() < picture.bytes(); });
  return &*made_.insert(position, std::move(picture));
}

/// The general path's source, for what the direct one does not do.
Outcome<VipsSource*> Original::through_vips() {
  if (!general_) {
    const bool is_jpeg = facts_.format == SourceFormat::raw;
    TRY(general_,
        VipsSource::open(bytes_, is_jpeg ? SourceFormat::jpeg : facts_.format, UINT64_MAX, as_));
  }
  return general_.get();
}

Outcome<Bitmap> Original::make_part(const Part& part, Size size) {
  if (general_) return general_->scaled_part(part, size);
  // Decoded at the scale that the part alone needs, and cut at its edges to the nearest pixel.
  const double across = static_cast<double>(size.width) / part.size.width;
  const double down = static_cast<double>(size.height) / part.size.height;
  const Size whole{
      std::max(1U, static_cast<std::uint32_t>(std::lround(facts_.stored.width * across))),
      std::max(1U, static_cast<std::uint32_t>(std::lround(facts_.stored.height * down)))};
  const int needed = eighths_for(facts_.stored, whole);
  const std::uint64_t bytes = std::uint64_t{share_of(facts_.stored.width, needed)} *
                              share_of(facts_.stored.height, needed) * Bitmap::channels;
  if (bytes > direct_bytes_max) {
    TRY(VipsSource * source, through_vips());
    return source->scaled_part(part, size);
  }
  if (decoded_.empty() || decoded_.width() < share_of(facts_.stored.width, needed)) {
    TRY(decoded_, decode_jpeg(bytes_, needed));
    decoded_eighths_ = needed;
  }
  const double scale = decoded_eighths_ / 8.0;
  const auto cut = [scale](std::uint32_t start, std::uint32_t length,
                           std::uint32_t end) -> std::pair<std::uint32_t, std::uint32_t> {
    const auto first = std::min(end - 1, static_cast<std::uint32_t>(std::lround(start * scale)));
    const auto count = static_cast<std::uint32_t>(std::lround(length * scale));
    return {first, std::clamp(count, 1U, end - first)};
  };
  const auto [left, width] = cut(part.left, part.size.width, decoded_.width());
  const auto [top, height] = cut(part.top, part.size.height, decoded_.height());
  Bitmap picture = resample(crop(decoded_, left, top, {width, height}), size);
  if (converts_) convert_to_srgb(picture, facts_.icc_profile);
  return picture;
}

Outcome<Bitmap> Original::scaled_region(const Region& region, Size size) {
  const Part part = part_of(region, facts_.stored, facts_.orientation);
  const bool turned = lies_on_side(facts_.orientation);
  TRY(Bitmap stored, make_part(part, turned ? size.turned() : size));
  return upright(std::move(stored), facts_.orientation);
}

Outcome<void> Original::each_frame(std::uint32_t frames,
                                   const std::function<Outcome<void>(Bitmap)>& take_frame) {
  const int orientation = facts_.orientation;
  const auto turn = [&](Bitmap frame) {
    return take_frame(upright(std::move(frame), orientation));
  };
  if (facts_.is_sequence) return each_frame_of_sequence(bytes_, frames, turn);
  TRY(VipsSource * source, through_vips());
  return source->each_frame(frames, turn);
}

Outcome<Timing> Original::timing() {
  if (facts_.is_sequence) return timing_of_sequence(bytes_);
  TRY(VipsSource * source, through_vips());
  return source->timing();
}

Outcome<const VipsSource*> Original::described() {
  return through_vips();
}

Outcome<std::vector<std::uint8_t>> Original::profile_in_force() {
  if (as_.profile == ColorProfile::srgb) return std::vector<std::uint8_t>{};
  TRY(VipsSource * source, through_vips());
  return source->profile_in_force();
}

}  // namespace calotype
