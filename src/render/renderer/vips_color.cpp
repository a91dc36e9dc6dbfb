// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/vips_color.hpp"

#include <string_view>

namespace calotype {
namespace {

using vips::VError;
using vips::VImage;

bool has_profile(const VImage& image) {
  return image.get_typeof(VIPS_META_ICC_NAME) == VIPS_TYPE_BLOB;
}

/// Floating point and 32-bit values, which TIFF allows, as the nearest that has a meaning.
VImage in_usual_numbers(const VImage& image) {
  switch (image.format()) {
    case VIPS_FORMAT_FLOAT:
    case VIPS_FORMAT_DOUBLE: {
      const bool is_lab = image.interpretation() == VIPS_INTERPRETATION_LAB;
      const bool is_linear = image.interpretation() == VIPS_INTERPRETATION_scRGB;
      if (is_lab || is_linear) return image;
      // Nought to one, as everybody writes it.
      return (image * 255.0)
          .cast(VIPS_FORMAT_UCHAR)
          .copy(VImage::option()->set("interpretation", image.bands() < 3
                                                            ? VIPS_INTERPRETATION_B_W
                                                            : VIPS_INTERPRETATION_sRGB));
    }
    case VIPS_FORMAT_UINT:
      return image.cast(VIPS_FORMAT_USHORT, VImage::option()->set("shift", true))
          .copy(VImage::option()->set("interpretation", image.bands() < 3
                                                            ? VIPS_INTERPRETATION_GREY16
                                                            : VIPS_INTERPRETATION_RGB16));
    default:
      return image;
  }
}

/// Of more bands than the colour space and one for alpha have, those that it has.
VImage without_extra_bands(const VImage& image) {
  const int colors = image.interpretation() == VIPS_INTERPRETATION_CMYK ? 4
                     : image.interpretation() == VIPS_INTERPRETATION_B_W ||
                             image.interpretation() == VIPS_INTERPRETATION_GREY16
                         ? 1
                         : 3;
  return image.bands() > colors + 1 ? image.extract_band(0, VImage::option()->set("n", colors))
                                    : image;
}

}  // namespace

std::string name_of(VipsInterpretation interpretation) {
  switch (interpretation) {
    case VIPS_INTERPRETATION_B_W:
      return "gray";
    case VIPS_INTERPRETATION_GREY16:
      return "gray16";
    case VIPS_INTERPRETATION_RGB16:
      return "rgb16";
    case VIPS_INTERPRETATION_CMYK:
      return "cmyk";
    case VIPS_INTERPRETATION_LAB:
    case VIPS_INTERPRETATION_LABS:
      return "lab";
    default:
      return "srgb";
  }
}

bool can_keep_profile(const VImage& image) {
  if (!has_profile(image) || image.bands() < 3) return false;
  switch (image.interpretation()) {
    case VIPS_INTERPRETATION_sRGB:
    case VIPS_INTERPRETATION_RGB:
    case VIPS_INTERPRETATION_RGB16:
      return image.format() == VIPS_FORMAT_UCHAR || image.format() == VIPS_FORMAT_USHORT;
    default:
      return false;
  }
}

VImage in_profile(const VImage& given, ColorProfile profile) {
  if (profile == ColorProfile::keep && can_keep_profile(given)) {
    const VImage image = without_extra_bands(given);
    return image.format() == VIPS_FORMAT_USHORT
               ? image.cast(VIPS_FORMAT_UCHAR, VImage::option()->set("shift", true))
               : image;
  }
  const char* const target = profile == ColorProfile::p3 ? "p3" : "srgb";
  const VImage image = without_extra_bands(in_usual_numbers(given));
  const auto transform = [&](const VImage& from, bool embedded) {
    return from.icc_transform(target, VImage::option()
                                          ->set("embedded", embedded)
                                          ->set("depth", 8)
                                          ->set("intent", VIPS_INTENT_RELATIVE)
                                          ->set("black_point_compensation", true));
  };
  if (has_profile(image)) {
    try {
      return transform(image, true);
    } catch (const VError&) {
      vips_error_clear();  // a broken profile: the picture is shown without it
    }
  }
  const VImage srgb = image.colourspace(VIPS_INTERPRETATION_sRGB);
  if (profile != ColorProfile::p3) return srgb;
  VImage plain = srgb.copy();
  plain.remove(VIPS_META_ICC_NAME);
  return plain.icc_transform("p3", VImage::option()
                                       ->set("input_profile", "srgb")
                                       ->set("depth", 8)
                                       ->set("intent", VIPS_INTENT_RELATIVE));
}

}  // namespace calotype
