// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/original.hpp"

#include <algorithm>
#include <format>

#include "render/renderer/color.hpp"
#include "render/renderer/jpeg_codec.hpp"
#include "render/renderer/media_type.hpp"
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

}  // namespace

std::optional<ImageFormat> sniff_format(Bytes bytes) {
  return format_of_media_type(sniff_media_type(bytes).value_or(""));
}

Outcome<Original> Original::open(Bytes bytes, std::uint64_t pixels_max) {
  const auto format = sniff_format(bytes);
  if (!format) return failed(wire::Status::unsupported, "not JPEG, PNG, WebP or AVIF");
  Original original;
  original.bytes_ = bytes;
  OriginalFacts& facts = original.facts_;
  facts.format = *format;
  bool direct = false;
  if (*format == ImageFormat::jpeg) {
    auto header = read_jpeg_header(bytes);
    if (!header) return std::unexpected(header.error());
    facts.stored = {header->width, header->height};
    facts.orientation = header->orientation;
    facts.channels = static_cast<std::uint8_t>(header->components);
    facts.color_space = header->components == 1 ? "gray" : "srgb";
    facts.icc_profile = std::move(header->icc_profile);
    const bool has_profile = !facts.icc_profile.empty();
    direct = header->is_plain && (!has_profile || header->components == 3) &&
             (!has_profile || is_rgb_profile(facts.icc_profile));
    original.converts_ = has_profile && !is_srgb(facts.icc_profile);
  }
  const auto pixels = std::uint64_t{facts.stored.width} * facts.stored.height;
  if (pixels > pixels_max)
    return failed(wire::Status::input_pixels_max,
                  std::format("{} × {} pixels, and {} are allowed.", facts.stored.width,
                              facts.stored.height, pixels_max));
  if (direct) return original;
  auto general = VipsSource::open(bytes, *format, pixels_max);
  if (!general) return std::unexpected(general.error());
  original.general_ = std::move(*general);
  const VipsHeader& header = original.general_->header();
  if (*format != ImageFormat::jpeg) facts.orientation = header.orientation;
  facts.stored = header.size;
  facts.has_alpha = header.has_alpha;
  facts.channels = header.channels;
  facts.bits_per_channel = header.bits_per_channel;
  facts.pages = header.pages;
  facts.color_space = header.color_space;
  facts.icc_profile = header.icc_profile;
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
      auto general = VipsSource::open(bytes_, facts_.format, UINT64_MAX);
      if (!general) return std::unexpected(general.error());
      general_ = std::move(*general);
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

}  // namespace calotype
