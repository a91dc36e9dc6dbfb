// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/vips_pictures.hpp"

#include <libheif/heif.h>

#include <algorithm>
#include <format>
#include <ranges>
#include <string_view>
#include <vips/vips8>

#include "render/renderer/sandbox.hpp"

namespace calotype {
namespace {

using vips::VError;
using vips::VImage;

constexpr std::uint64_t kept_bytes_max = 96 << 20;

std::unexpected<Failure> failure_of(const VError& error) {
  // A line for each part that noticed; the seeks are the loader's own soundings.
  std::string text;
  for (const auto line : std::views::split(std::string_view(error.what()), '\n')) {
    const std::string_view said(line);
    if (said.empty() || said.contains("bad seek") || text.contains(said)) continue;
    text += text.empty() ? "" : "; ";
    text += said;
  }
  vips_error_clear();
  const bool memory = text.contains("out of memory") || text.contains("OutOfMemory") ||
                      text.contains("Memory allocation");
  return failed(memory ? wire::Status::process_memory_max : wire::Status::damaged, text);
}

VipsBlob* blob_of(Bytes bytes) {
  return vips_blob_new(nullptr, bytes.data(), bytes.size());
}

/// Sequential: each picture is read once from top to bottom, so that it need not be whole in
/// memory.
VImage load(Bytes bytes, ImageFormat format, double share) {
  VipsBlob* blob = blob_of(bytes);
  vips::VOption* options = VImage::option()
                               ->set("access", VIPS_ACCESS_SEQUENTIAL)
                               ->set("fail_on", VIPS_FAIL_ON_TRUNCATED);
  VImage image;
  try {
    switch (format) {
      case ImageFormat::jpeg:
        options->set("shrink", share <= 0.125 ? 8 : share <= 0.25 ? 4 : share <= 0.5 ? 2 : 1);
        image = VImage::jpegload_buffer(blob, options);
        break;
      case ImageFormat::png:
        image = VImage::pngload_buffer(blob, options);
        break;
      case ImageFormat::webp:
        options->set("scale", share);
        image = VImage::webpload_buffer(blob, options);
        break;
      case ImageFormat::avif:
        image = VImage::heifload_buffer(blob, options);
        break;
    }
  } catch (...) {
    vips_area_unref(VIPS_AREA(blob));
    throw;
  }
  vips_area_unref(VIPS_AREA(blob));
  return image;
}

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

VipsHeader header_of(const VImage& image, ImageFormat format) {
  VipsHeader header;
  header.size = {static_cast<std::uint32_t>(image.width()),
                 static_cast<std::uint32_t>(image.height())};
  header.orientation = std::clamp(vips_image_get_orientation(image.get_image()), 1, 8);
  header.has_alpha = image.has_alpha();
  header.channels = static_cast<std::uint8_t>(image.bands());
  header.bits_per_channel = static_cast<std::uint8_t>(
      8 * vips_format_sizeof_unsafe(static_cast<VipsBandFormat>(image.format())));
  if (image.get_typeof("bits-per-sample") == G_TYPE_INT)
    header.bits_per_channel = static_cast<std::uint8_t>(image.get_int("bits-per-sample"));
  if (format == ImageFormat::webp && image.get_typeof(VIPS_META_N_PAGES) == G_TYPE_INT)
    header.pages = static_cast<std::uint32_t>(std::max(1, image.get_int(VIPS_META_N_PAGES)));
  header.color_space = name_of(image.interpretation());
  if (image.get_typeof(VIPS_META_ICC_NAME) == VIPS_TYPE_BLOB) {
    std::size_t length = 0;
    const auto* profile =
        static_cast<const std::uint8_t*>(image.get_blob(VIPS_META_ICC_NAME, &length));
    header.icc_profile.assign(profile, profile + length);
  }
  return header;
}

/// Any colour space to eight bits of sRGB, by the embedded profile where it is one that can be
/// used.
VImage to_srgb(const VImage& image) {
  if (image.get_typeof(VIPS_META_ICC_NAME) == VIPS_TYPE_BLOB) {
    try {
      return image.icc_transform("srgb", VImage::option()
                                             ->set("embedded", true)
                                             ->set("depth", 8)
                                             ->set("intent", VIPS_INTENT_RELATIVE)
                                             ->set("black_point_compensation", true));
    } catch (const VError&) {
      vips_error_clear();  // a broken profile: the picture is shown without it
    }
  }
  return image.colourspace(VIPS_INTERPRETATION_sRGB);
}

VImage resize_to(const VImage& image, Size size) {
  const double across = static_cast<double>(size.width) / image.width();
  const double down = static_cast<double>(size.height) / image.height();
  if (across == 1 && down == 1) return image;
  const auto resize = [&](const VImage& from) {
    return from.resize(across,
                       VImage::option()->set("vscale", down)->set("kernel", VIPS_KERNEL_LANCZOS3));
  };
  if (!image.has_alpha()) return resize(image);
  return resize(image.premultiply())
      .unpremultiply()
      .cast(static_cast<VipsBandFormat>(image.format()));
}

Outcome<Bitmap> to_bitmap(const VImage& image, Size size) {
  const bool has_alpha = image.bands() == 4;
  VImage rgba = image.cast(VIPS_FORMAT_UCHAR);
  if (!has_alpha) rgba = rgba.bandjoin_const({255});
  if (rgba.bands() != 4) return failed(wire::Status::damaged, "not a colour picture");
  Bitmap picture(size.width, size.height, has_alpha);
  const VImage target =
      VImage::new_from_memory(picture.row(0), picture.bytes(), static_cast<int>(size.width),
                              static_cast<int>(size.height), 4, VIPS_FORMAT_UCHAR);
  if (rgba.width() != target.width() || rgba.height() != target.height())
    return failed(wire::Status::refused, "libvips made another size");
  if (vips_image_write(rgba.get_image(), target.get_image()) != 0) throw VError();
  return picture;
}

VImage as_vips(const Bitmap& picture) {
  const VImage image =
      VImage::new_from_memory(const_cast<std::uint8_t*>(picture.row(0)), picture.bytes(),
                              static_cast<int>(picture.width()), static_cast<int>(picture.height()),
                              4, VIPS_FORMAT_UCHAR)
          .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
  return picture.has_alpha() ? image : image.extract_band(0, VImage::option()->set("n", 3));
}

std::string take(VipsBlob* blob) {
  std::size_t length = 0;
  const auto* bytes = static_cast<const char*>(vips_blob_get(blob, &length));
  std::string text(bytes, length);
  vips_area_unref(VIPS_AREA(blob));
  return text;
}

/// GLib ends the program when it finds no memory; the server learns why by the exit code.
void on_log(const gchar*, GLogLevelFlags level, const gchar*, gpointer) {
  if ((level & G_LOG_LEVEL_ERROR) != 0) ::_exit(wire::exit_out_of_memory);
}

}  // namespace

struct VipsSource::State {
  Bytes bytes;
  ImageFormat format = ImageFormat::png;
  VipsHeader header;
  VImage kept;  // decoded, in memory
  double kept_share = 0;
};

VipsSource::VipsSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
VipsSource::~VipsSource() = default;
const VipsHeader& VipsSource::header() const {
  return state_->header;
}

Outcome<std::unique_ptr<VipsSource>> VipsSource::open(Bytes bytes, ImageFormat format,
                                                      std::uint64_t pixels_max) {
  auto state = std::make_unique<State>();
  state->bytes = bytes;
  state->format = format;
  try {
    const VImage image = load(bytes, format, 1);
    if (format == ImageFormat::avif && image.get_typeof("heif-compression") != 0 &&
        std::string_view(image.get_string("heif-compression")) != "av1")
      return failed(wire::Status::unsupported, "a HEIF container without AV1");
    state->header = header_of(image, format);
  } catch (const VError& error) {
    return failure_of(error);
  }
  const Size size = state->header.size;
  if (std::uint64_t{size.width} * size.height > pixels_max)
    return failed(wire::Status::input_pixels_max, std::format("{} × {} pixels, and {} are allowed.",
                                                              size.width, size.height, pixels_max));
  return std::unique_ptr<VipsSource>(new VipsSource(std::move(state)));
}

Outcome<Bitmap> VipsSource::scaled(Size size) {
  State& state = *state_;
  // Twice what is wanted, so that the kernel still has something to weigh.
  const double share =
      std::min(1.0, 2.0 * std::max(static_cast<double>(size.width) / state.header.size.width,
                                   static_cast<double>(size.height) / state.header.size.height));
  try {
    VImage image = state.kept;
    if (state.kept_share < share) {
      image = load(state.bytes, state.format, share);
      if (VIPS_IMAGE_SIZEOF_IMAGE(image.get_image()) <= kept_bytes_max) {
        image = image.copy_memory();
        state.kept = image;
        state.kept_share = share;
      }
    }
    // CMYK cannot be resized where inks mix differently than light; the rest is cheaper converted
    // when it is small.
    if (image.interpretation() == VIPS_INTERPRETATION_CMYK)
      return to_bitmap(resize_to(to_srgb(image), size), size);
    return to_bitmap(to_srgb(resize_to(image, size)), size);
  } catch (const VError& error) {
    return failure_of(error);
  }
}

Outcome<std::string> encode_png(const Bitmap& picture) {
  try {
    return take(as_vips(picture).pngsave_buffer(VImage::option()
                                                    ->set("compression", 6)
                                                    ->set("keep", VIPS_FOREIGN_KEEP_NONE)
                                                    ->set("filter", VIPS_FOREIGN_PNG_FILTER_ALL)));
  } catch (const VError& error) {
    return failure_of(error);
  }
}

Outcome<std::string> encode_avif(const Bitmap& picture, int quality) {
  try {
    return take(
        as_vips(picture).heifsave_buffer(VImage::option()
                                             ->set("Q", quality)
                                             ->set("compression", VIPS_FOREIGN_HEIF_COMPRESSION_AV1)
                                             ->set("encoder", VIPS_FOREIGN_HEIF_ENCODER_AOM)
                                             ->set("effort", 1)  // libaom speed 8
                                             ->set("subsample_mode", VIPS_FOREIGN_SUBSAMPLE_ON)
                                             ->set("keep", VIPS_FOREIGN_KEEP_NONE)));
  } catch (const VError& error) {
    return failure_of(error);
  }
}

bool start_vips() {
  g_log_set_default_handler(on_log, nullptr);
  if (vips_init("calotype-renderer") != 0) return false;
  vips_concurrency_set(1);
  vips_cache_set_max(0);
  vips_block_untrusted_set(TRUE);
  return true;
}

std::string vips_version() {
  return std::format("libvips {}", vips_version_string());
}

std::string heif_version() {
  return std::format("libheif {}", heif_get_version());
}

}  // namespace calotype
