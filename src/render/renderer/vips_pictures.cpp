// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/vips_pictures.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <format>
#include <string_view>

#include "render/renderer/own_decoders.hpp"
#include "render/renderer/vips_bridge.hpp"
#include "render/renderer/vips_color.hpp"

namespace calotype {
namespace {

using vips::VError;
using vips::VImage;

constexpr std::uint64_t kept_bytes_max = 96 << 20;
constexpr double pdf_dots_per_inch = 150;  // of a page's own size
constexpr double svg_dots_per_inch = 72;   // at which libvips takes a unit for a pixel

struct Loading {
  Bytes bytes;
  SourceFormat format = SourceFormat::png;
  std::uint32_t page = 0;
  double share = 1;         // of the size; the loader may give more
  bool all_frames = false;  // one below the other
};

vips::VOption* options_of(const Loading& loading) {
  // Sequential: each picture is read once from top to bottom, so that it need not be whole in
  // memory.
  vips::VOption* options = VImage::option()
                               ->set("access", VIPS_ACCESS_SEQUENTIAL)
                               ->set("fail_on", VIPS_FAIL_ON_TRUNCATED);
  const auto with_pages = [&] {
    options->set("page", loading.all_frames ? 0 : static_cast<int>(loading.page));
    options->set("n", loading.all_frames ? -1 : 1);
  };
  switch (loading.format) {
    case SourceFormat::jpeg: {
      const double share = loading.share;
      options->set("shrink", share <= 0.125 ? 8 : share <= 0.25 ? 4 : share <= 0.5 ? 2 : 1);
      break;
    }
    case SourceFormat::webp:
      if (!loading.all_frames) options->set("scale", loading.share);
      with_pages();
      break;
    case SourceFormat::gif:
    case SourceFormat::tiff:
    case SourceFormat::heif:
    case SourceFormat::jxl:
      with_pages();
      break;
    case SourceFormat::svg:
      options->set("scale", loading.share)->set("dpi", svg_dots_per_inch);
      break;
    case SourceFormat::pdf:
      with_pages();
      options->set("scale", loading.share)->set("dpi", pdf_dots_per_inch);
      break;
    default:
      break;
  }
  return options;
}

VImage load_blob(VipsBlob* blob, const Loading& loading) {
  vips::VOption* options = options_of(loading);
  switch (loading.format) {
    case SourceFormat::jpeg:
      return VImage::jpegload_buffer(blob, options);
    case SourceFormat::png:
      return VImage::pngload_buffer(blob, options);
    case SourceFormat::webp:
      return VImage::webpload_buffer(blob, options);
    case SourceFormat::avif:
    case SourceFormat::heif:
      return VImage::heifload_buffer(blob, options);
    case SourceFormat::gif:
      return VImage::gifload_buffer(blob, options);
    case SourceFormat::tiff:
      return VImage::tiffload_buffer(blob, options);
    case SourceFormat::jxl:
      return VImage::jxlload_buffer(blob, options);
    case SourceFormat::jp2:
      return VImage::jp2kload_buffer(blob, options);
    case SourceFormat::svg:
      return VImage::svgload_buffer(blob, options);
    case SourceFormat::pdf:
      // White paper; alpha goes.
      return VImage::pdfload_buffer(blob, options)
          .flatten(VImage::option()->set("background", std::vector<double>{255}));
    case SourceFormat::bmp:
    case SourceFormat::ico:
    case SourceFormat::psd:
    case SourceFormat::raw:
      break;
  }
  require(false, "a format that libvips reads");
  std::unreachable();
}

VImage load(const Loading& loading) {
  VipsBlob* blob = vips_blob_new(nullptr, loading.bytes.data(), loading.bytes.size());
  VImage image;
  try {
    image = load_blob(blob, loading);
  } catch (...) {
    vips_area_unref(VIPS_AREA(blob));
    throw;
  }
  vips_area_unref(VIPS_AREA(blob));
  return image;
}

/// The pixels are not copied.
VImage image_of(const DecodedPicture& decoded) {
  const bool is_wide = decoded.bits_per_channel == 16;
  VipsInterpretation interpretation = VIPS_INTERPRETATION_sRGB;
  switch (decoded.space) {
    case DecodedPicture::Space::gray:
      interpretation = is_wide ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_B_W;
      break;
    case DecodedPicture::Space::rgb:
      if (is_wide) interpretation = VIPS_INTERPRETATION_RGB16;
      break;
    case DecodedPicture::Space::cmyk:
      interpretation = VIPS_INTERPRETATION_CMYK;
      break;
    case DecodedPicture::Space::lab:
      interpretation = VIPS_INTERPRETATION_LAB;
      break;
  }
  VImage image = VImage::new_from_memory(const_cast<std::uint8_t*>(decoded.pixels.data()),
                                         decoded.pixels.size(), static_cast<int>(decoded.width),
                                         static_cast<int>(decoded.height), decoded.channels,
                                         is_wide ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR)
                     .copy(VImage::option()->set("interpretation", interpretation));
  if (decoded.space == DecodedPicture::Space::lab) {
    // Photoshop's bytes: lightness 0 to 255, a and b from −128.
    const int extra = decoded.channels - 3;
    std::vector<double> scale = {100.0 / 255, 1, 1};
    std::vector<double> shift = {0, -128, -128};
    for (int i = 0; i < extra; ++i) {
      scale.push_back(1);
      shift.push_back(0);
    }
    image = image.linear(scale, shift)
                .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_LAB));
  }
  if (!decoded.icc_profile.empty())
    vips_image_set_blob_copy(image.get_image(), VIPS_META_ICC_NAME, decoded.icc_profile.data(),
                             decoded.icc_profile.size());
  return image;
}

bool has_pages(SourceFormat format) {
  switch (format) {
    case SourceFormat::webp:
    case SourceFormat::gif:
    case SourceFormat::tiff:
    case SourceFormat::heif:
    case SourceFormat::jxl:
    case SourceFormat::pdf:
      return true;
    default:
      return false;
  }
}

VipsHeader header_of(const VImage& image, SourceFormat format) {
  VipsHeader header;
  header.size = {static_cast<std::uint32_t>(image.width()),
                 static_cast<std::uint32_t>(image.height())};
  header.orientation = std::clamp(vips_image_get_orientation(image.get_image()), 1, 8);
  header.has_alpha = image.has_alpha();
  header.channels = static_cast<std::uint8_t>(std::min(image.bands(), 255));
  header.bits_per_channel = static_cast<std::uint8_t>(
      8 * vips_format_sizeof_unsafe(static_cast<VipsBandFormat>(image.format())));
  if (image.get_typeof("bits-per-sample") == G_TYPE_INT)
    header.bits_per_channel = static_cast<std::uint8_t>(image.get_int("bits-per-sample"));
  if (has_pages(format) && image.get_typeof(VIPS_META_N_PAGES) == G_TYPE_INT)
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

/// One pixel more or less is the rounding of what was drawn to size.
bool is_nearly(const VImage& image, Size size) {
  return std::abs(image.width() - static_cast<int>(size.width)) <= 1 &&
         std::abs(image.height() - static_cast<int>(size.height)) <= 1;
}

VImage resize_to(const VImage& image, Size size, bool is_drawn_to_size) {
  const double across = static_cast<double>(size.width) / image.width();
  const double down = static_cast<double>(size.height) / image.height();
  if (across == 1 && down == 1) return image;
  if (is_drawn_to_size && is_nearly(image, size))
    return image.embed(0, 0, static_cast<int>(size.width), static_cast<int>(size.height),
                       VImage::option()->set("extend", VIPS_EXTEND_COPY));
  const auto resize = [&](const VImage& from) {
    return from.resize(across,
                       VImage::option()->set("vscale", down)->set("kernel", VIPS_KERNEL_LANCZOS3));
  };
  if (!image.has_alpha()) return resize(image);
  return resize(image.premultiply())
      .unpremultiply()
      .cast(static_cast<VipsBandFormat>(image.format()));
}

/// Four bands of bytes.
VImage as_pixels(const VImage& image) {
  const VImage bytes = image.cast(VIPS_FORMAT_UCHAR);
  return bytes.bands() == 3 ? bytes.bandjoin_const({255}) : bytes;
}

Outcome<Bitmap> to_bitmap(const VImage& image, Size size) {
  const bool has_alpha = image.bands() == 4;
  const VImage rgba = as_pixels(image);
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

/// The rectangle of the decoded image, which may be smaller or larger than the stored one.
VImage cut(const VImage& image, const Part& part, Size stored) {
  if (part.size == stored) return image;
  const double across = static_cast<double>(image.width()) / stored.width;
  const double down = static_cast<double>(image.height()) / stored.height;
  const auto start = [](std::uint32_t at, double scale, int end) {
    return std::clamp(static_cast<int>(std::lround(at * scale)), 0, end - 1);
  };
  const int left = start(part.left, across, image.width());
  const int top = start(part.top, down, image.height());
  const auto length = [](std::uint32_t side, double scale, int rest) {
    return std::clamp(static_cast<int>(std::lround(side * scale)), 1, rest);
  };
  return image.extract_area(left, top, length(part.size.width, across, image.width() - left),
                            length(part.size.height, down, image.height() - top));
}

/// libvips shows a text as "value (value, ASCII, 6 components, 6 bytes)".
std::string exif_value(std::string_view shown) {
  std::string_view value = shown;
  for (auto at = shown.find(" ("); at != std::string_view::npos; at = shown.find(" (", at + 1)) {
    const auto rest = shown.substr(at + 2);
    if (!rest.starts_with(shown.substr(0, at)) || !rest.substr(at).starts_with(", ")) continue;
    value = shown.substr(0, at);
    break;
  }
  while (value.ends_with(' ')) value.remove_suffix(1);
  return std::string(value);
}

struct Unref {
  void operator()(VipsRegion* region) const { g_object_unref(region); }
};

}  // namespace

struct VipsSource::State {
  Bytes bytes;
  SourceFormat format = SourceFormat::png;
  ReadAs as;
  VipsHeader header;
  VImage described;        // not decoded: for what stands beside the pixels
  DecodedPicture decoded;  // by our own decoders
  VImage kept;             // decoded, in memory
  double kept_share = 0;

  bool is_own() const { return !decoded.pixels.empty(); }
  VImage load(double share, bool all_frames = false) const {
    if (is_own()) return image_of(decoded);
    return calotype::load({bytes, format, as.page, share, all_frames});
  }
};

VipsSource::VipsSource(std::unique_ptr<State> state) : state_(std::move(state)) {}
VipsSource::~VipsSource() = default;
const VipsHeader& VipsSource::header() const {
  return state_->header;
}

bool VipsSource::is_own() const {
  return state_->is_own();
}

Outcome<std::unique_ptr<VipsSource>> VipsSource::open(Bytes bytes, SourceFormat format,
                                                      std::uint64_t pixels_max, const ReadAs& as) {
  auto state = std::make_unique<State>();
  state->bytes = bytes;
  state->format = format;
  state->as = as;
  if (has_own_decoder(bytes, format)) {
    TRY(state->decoded, decode_ourselves(bytes, format, as.page, pixels_max));
  }
  try {
    state->described = state->load(1);
    const VImage& image = state->described;
    if (format == SourceFormat::avif && !state->is_own() &&
        image.get_typeof("heif-compression") != 0 &&
        std::string_view(image.get_string("heif-compression")) != "av1")
      return failed(wire::Status::unsupported, "a HEIF container without AV1");
    state->header = header_of(image, format);
    if (state->is_own()) state->header.pages = state->decoded.pages;
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
  return scaled_part({0, 0, state_->header.size}, size);
}

Outcome<Bitmap> VipsSource::scaled_part(const Part& part, Size size) {
  State& state = *state_;
  const double needed = std::max(static_cast<double>(size.width) / part.size.width,
                                 static_cast<double>(size.height) / part.size.height);
  const bool drawn = is_drawn(state.format);
  // Twice what is wanted, so that the kernel still has something to weigh.
  const double share = drawn ? needed : std::min(1.0, 2.0 * needed);
  try {
    VImage image = state.kept;
    if (state.kept_share < share || (drawn && state.kept_share != share)) {
      image = state.load(share);
      if (!state.is_own() && VIPS_IMAGE_SIZEOF_IMAGE(image.get_image()) <= kept_bytes_max) {
        image = image.copy_memory();
        state.kept = image;
        state.kept_share = share;
      }
    }
    image = cut(image, part, state.header.size);
    // CMYK cannot be resized where inks mix differently than light; the rest is cheaper converted
    // when it is small.
    const auto converted = [&](const VImage& from) { return in_profile(from, state.as.profile); };
    if (image.interpretation() == VIPS_INTERPRETATION_CMYK)
      return to_bitmap(resize_to(converted(image), size, drawn), size);
    return to_bitmap(converted(resize_to(image, size, drawn)), size);
  } catch (const VError& error) {
    return failure_of(error);
  }
}

Outcome<void> VipsSource::each_frame(std::uint32_t frames,
                                     const std::function<Outcome<void>(Bitmap)>& take_frame) {
  const State& state = *state_;
  const Size size = state.header.size;
  try {
    const VImage strip = in_profile(state.load(1, true), state.as.profile);
    const bool has_alpha = strip.bands() == 4;
    const VImage pixels = as_pixels(strip);
    if (pixels.bands() != 4 || pixels.width() != static_cast<int>(size.width) ||
        static_cast<std::uint64_t>(pixels.height()) < std::uint64_t{frames} * size.height)
      return failed(wire::Status::damaged, "frames of another size than the first");
    const std::unique_ptr<VipsRegion, Unref> region(vips_region_new(pixels.get_image()));
    for (std::uint32_t i = 0; i < frames; ++i) {
      const VipsRect frame{0, static_cast<int>(i * size.height), static_cast<int>(size.width),
                           static_cast<int>(size.height)};
      if (vips_region_prepare(region.get(), &frame) != 0) throw VError();
      Bitmap picture(size.width, size.height, has_alpha);
      for (std::uint32_t y = 0; y < size.height; ++y)
        std::memcpy(picture.row(y),
                    VIPS_REGION_ADDR(region.get(), 0, frame.top + static_cast<int>(y)),
                    picture.row_bytes());
      TRY_VOID(take_frame(std::move(picture)));
    }
  } catch (const VError& error) {
    return failure_of(error);
  }
  return {};
}

Timing VipsSource::timing() const {
  Timing timing;
  const VImage& image = state_->described;
  if (image.get_typeof("delay") == VIPS_TYPE_ARRAY_INT)
    timing.delays_ms = image.get_array_int("delay");
  if (image.get_typeof("loop") == G_TYPE_INT) timing.loops = image.get_int("loop");
  return timing;
}

void VipsSource::copy_metadata_to(VipsImage* image, Metadata kept) const {
  if (kept == Metadata::copyright) {
    for (const char* name : {"exif-ifd0-Copyright", "exif-ifd0-Artist"}) {
      const char* text = nullptr;
      if (state_->described.get_typeof(name) == 0 ||
          vips_image_get_string(state_->described.get_image(), name, &text) != 0)
        continue;
      vips_image_set_string(image, name, exif_value(text).c_str());
    }
    return;
  }
  const auto copy_field = [](VipsImage*, const char* name, GValue* value, void* to) -> void* {
    const std::string_view field(name);
    // Of EXIF also what libvips has read of it: it writes what it knows, and drops the rest.
    const bool is_wanted =
        field.starts_with("exif-") || field == VIPS_META_XMP_NAME || field == VIPS_META_IPTC_NAME;
    if (is_wanted) vips_image_set(static_cast<VipsImage*>(to), name, value);
    return nullptr;
  };
  vips_image_map(state_->described.get_image(), copy_field, image);
  vips_image_set_int(image, VIPS_META_ORIENTATION, 1);
}

std::vector<std::uint8_t> VipsSource::profile_in_force() const {
  if (state_->as.profile == ColorProfile::keep && can_keep_profile(state_->described))
    return state_->header.icc_profile;
  if (state_->as.profile != ColorProfile::p3) return {};
  VipsBlob* blob = nullptr;
  if (vips_profile_load("p3", &blob, nullptr) != 0 || blob == nullptr) return {};
  const std::string bytes = take(blob);
  return {bytes.begin(), bytes.end()};
}

}  // namespace calotype
