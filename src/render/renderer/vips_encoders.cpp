// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/vips_encoders.hpp"

#include <algorithm>
#include <format>
#include <functional>

#include "render/renderer/heif_sequence.hpp"
#include "render/renderer/vips_bridge.hpp"

namespace calotype {
namespace {

using vips::VError;
using vips::VImage;

int kept_of(const Encoding& encoding) {
  int keep = VIPS_FOREIGN_KEEP_NONE;
  if (encoding.metadata_from != nullptr)
    keep |= VIPS_FOREIGN_KEEP_EXIF | VIPS_FOREIGN_KEEP_XMP | VIPS_FOREIGN_KEEP_IPTC;
  if (!encoding.icc_profile.empty()) keep |= VIPS_FOREIGN_KEEP_ICC;
  return keep;
}

/// The picture with what is to be written beside it.
VImage described(const Bitmap& picture, const Encoding& encoding) {
  VImage image = as_vips(picture);
  if (encoding.metadata_from == nullptr && encoding.icc_profile.empty()) return image;
  image = image.copy();
  if (encoding.metadata_from != nullptr)
    encoding.metadata_from->copy_metadata_to(image.get_image(), encoding.metadata);
  if (!encoding.icc_profile.empty())
    vips_image_set_blob_copy(image.get_image(), VIPS_META_ICC_NAME, encoding.icc_profile.data(),
                             encoding.icc_profile.size());
  return image;
}

/// `colors_bits`: of a palette, for PNG and GIF; 0 or 8 is the most.
std::string save(const VImage& image, const Encoding& encoding, int quality, int colors_bits) {
  vips::VOption* options = VImage::option()->set("keep", kept_of(encoding));
  // Where colours are few for the sake of bytes, dots in between would cost more than they show.
  const bool is_high = encoding.effort == Effort::high;
  const double dither = colors_bits == 0 ? 1.0 : 0.0;
  switch (encoding.format) {
    case ImageFormat::jpeg:
      options->set("Q", quality)->set("optimize_coding", true)->set("interlace", is_high);
      options->set("subsample_mode", VIPS_FOREIGN_SUBSAMPLE_ON);
      return take(image.jpegsave_buffer(options));
    case ImageFormat::png:
      if (colors_bits != 0)
        options->set("palette", true)->set("bitdepth", colors_bits)->set("dither", dither);
      options->set("filter",
                   colors_bits == 0 ? VIPS_FOREIGN_PNG_FILTER_ALL : VIPS_FOREIGN_PNG_FILTER_NONE);
      options->set("compression", colors_bits == 0 && !is_high ? 6 : 9);
      return take(image.pngsave_buffer(options));
    case ImageFormat::webp:
      options->set("Q", quality)
          ->set("effort", is_high ? 6 : 2)
          ->set("lossless", encoding.lossless);
      return take(image.webpsave_buffer(options));
    case ImageFormat::avif:
      options->set("Q", quality)->set("lossless", encoding.lossless);
      options->set("compression", VIPS_FOREIGN_HEIF_COMPRESSION_AV1);
      // libaom speeds 8 and 5: at 5 a photograph takes some ten times as long.
      options->set("encoder", VIPS_FOREIGN_HEIF_ENCODER_AOM)->set("effort", is_high ? 4 : 1);
      options->set("subsample_mode",
                   encoding.lossless ? VIPS_FOREIGN_SUBSAMPLE_OFF : VIPS_FOREIGN_SUBSAMPLE_ON);
      return take(image.heifsave_buffer(options));
    case ImageFormat::gif:
      options->set("effort", is_high ? 9 : 4)->set("bitdepth", colors_bits == 0 ? 8 : colors_bits);
      options->set("dither", dither);
      return take(image.gifsave_buffer(options));
    case ImageFormat::jxl:
      options->set("effort", is_high ? 7 : 3)->set("lossless", encoding.lossless);
      if (!encoding.lossless) options->set("Q", quality);
      return take(image.jxlsave_buffer(options));
  }
  std::unreachable();
}

/// Makes it at the wanted quality and, where that is too long, at the best of a lower one that
/// fits: six more attempts at the most.
Outcome<std::string> within_bytes(const Encoding& encoding, int quality, int quality_min,
                                  const std::function<Outcome<std::string>(int)>& make) {
  TRY(std::string best, make(quality));
  if (encoding.bytes_max == 0 || best.size() <= encoding.bytes_max) return best;
  TRY(best, make(quality_min));
  if (best.size() > encoding.bytes_max)
    return failed(wire::Status::bytes_target_missed,
                  std::format("at its least it has {} bytes", best.size()));
  int fits = quality_min;
  int misses = quality;
  while (misses - fits > 1) {
    const int middle = (fits + misses) / 2;
    TRY(std::string tried, make(middle));
    if (tried.size() <= encoding.bytes_max) {
      fits = middle;
      best = std::move(tried);
    } else {
      misses = middle;
    }
  }
  return best;
}

/// PNG and GIF have no quality but fewer colours: 8, 4, 2, 1 bits of them.
Outcome<std::string> within_colors(const Encoding& encoding,
                                   const std::function<Outcome<std::string>(int)>& make) {
  std::string made;
  for (const int bits : {0, 8, 4, 2, 1}) {
    TRY(made, make(bits));
    if (encoding.bytes_max == 0 || made.size() <= encoding.bytes_max) return made;
  }
  return failed(wire::Status::bytes_target_missed,
                std::format("at its least it has {} bytes", made.size()));
}

Outcome<std::string> save_within(const VImage& image, const Encoding& encoding) {
  const auto make = [&](int quality, int colors_bits) -> Outcome<std::string> {
    try {
      return save(image, encoding, quality, colors_bits);
    } catch (const VError& error) {
      return failure_of(error);
    }
  };
  if (!has_quality(encoding.format))
    return within_colors(encoding, [&](int bits) { return make(0, bits); });
  return within_bytes(encoding, encoding.quality, 1, [&](int quality) { return make(quality, 0); });
}

}  // namespace

Outcome<std::string> encode_still(const Bitmap& picture, const Encoding& encoding) {
  try {
    return save_within(described(picture, encoding), encoding);
  } catch (const VError& error) {
    return failure_of(error);
  }
}

Outcome<std::string> encode_animation(const Animation& animation, const Encoding& encoding) {
  if (encoding.format == ImageFormat::avif)
    return within_bytes(encoding, encoding.quality, 1, [&](int quality) {
      return encode_sequence(animation.strip, animation.frame_height, animation.timing,
                             {quality, encoding.lossless, encoding.icc_profile});
    });
  try {
    VImage strip = described(animation.strip, encoding).copy();
    strip.set(VIPS_META_PAGE_HEIGHT, static_cast<int>(animation.frame_height));
    strip.set("delay", animation.timing.delays_ms);
    strip.set("loop", animation.timing.loops);
    return save_within(strip, encoding);
  } catch (const VError& error) {
    return failure_of(error);
  }
}

Outcome<std::string> encode_png(const Bitmap& picture) {
  return encode_still(picture, {.format = ImageFormat::png, .quality = 0, .icc_profile = {}});
}

Outcome<std::string> encode_avif(const Bitmap& picture, int quality) {
  return encode_still(picture,
                      {.format = ImageFormat::avif, .quality = quality, .icc_profile = {}});
}

}  // namespace calotype
