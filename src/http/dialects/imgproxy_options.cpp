// SPDX-License-Identifier: Apache-2.0
// The path's options, a table row each. As in imgproxy an argument that is empty or missing leaves
// its default, and of two options that say the same the later counts.
#include "http/dialects/imgproxy_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "asset/parameter.hpp"
#include "base/encoding.hpp"
#include "http/dialects/imgproxy_arguments.hpp"

namespace calotype {
namespace {

using Text = std::string_view;
using Arguments = ImgproxyArguments;
using Reading = ImgproxyReading;

Result<void> read_size_at(Reading& r, Text name, const Arguments& a, std::size_t at) {
  ImgproxyOptions& o = r.request.options;
  TRY_VOID(read_whole_into(o.width, name, argument(a, at), dimension_max));
  TRY_VOID(read_whole_into(o.height, name, argument(a, at + 1), dimension_max));
  TRY_VOID(read_flag_into(o.enlarge, name, argument(a, at + 2)));
  TRY_VOID(read_flag_into(o.extend, name, argument(a, at + 3)));
  return read_gravity_into(o.extend_gravity, name, a, at + 4, false);
}

Result<void> read_type(Reading& r, Text name, Text value) {
  using enum ImgproxyOptions::Resizing;
  struct Named {
    Text name;
    ImgproxyOptions::Resizing type;
  };
  constexpr std::array<Named, 5> types = {{{"fit", fit},
                                           {"fill", fill},
                                           {"fill-down", fill_down},
                                           {"force", force},
                                           {"auto", automatic}}};
  if (value.empty()) return {};
  const auto place = std::ranges::find(types, value, &Named::name);
  if (place == types.end())
    return refuse(name, one_of({"fit", "fill", "fill-down", "force", "auto"}), value);
  r.request.options.resizing = place->type;
  return {};
}

Result<void> read_resize(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(read_type(r, name, argument(a, 0)));
  return read_size_at(r, name, a, 1);
}

Result<void> read_zoom(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(at_most(name, a, 2));
  ImgproxyOptions& o = r.request.options;
  TRY_VOID(read_number_into(o.zoom_x, name, argument(a, 0), 0, 100));
  o.zoom_y = o.zoom_x;
  TRY_VOID(read_number_into(o.zoom_y, name, argument(a, 1), 0, 100));
  if (o.zoom_x <= 0 || o.zoom_y <= 0) return refuse(name, "greater than 0", argument(a, 0));
  return {};
}

Result<void> read_dpr(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(at_most(name, a, 1));
  TRY_VOID(read_number_into(r.request.options.dpr, name, argument(a, 0), 0, 10));
  if (r.request.options.dpr <= 0) return refuse(name, "greater than 0", argument(a, 0));
  return {};
}

Result<void> read_crop(Reading& r, Text name, const Arguments& a) {
  ImgproxyOptions& o = r.request.options;
  TRY_VOID(read_number_into(o.crop_width, name, argument(a, 0), 0, 10'000'000));
  TRY_VOID(read_number_into(o.crop_height, name, argument(a, 1), 0, 10'000'000));
  if (argument(a, 2).empty()) return {};
  ImgproxyGravity gravity;
  TRY_VOID(read_gravity_into(gravity, name, a, 2, true));
  o.crop_gravity = gravity;
  return {};
}

Result<void> read_trim(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(at_most(name, a, 4));
  double threshold = 10;
  TRY_VOID(read_number_into(threshold, name, argument(a, 0), 0, 254));
  Trim trim{.tolerance = static_cast<std::uint8_t>(std::lround(threshold))};
  TRY_VOID(read_color_into(trim.color, name, argument(a, 1)));
  // imgproxy's word for what is transparent.
  if (trim.color == Color{255, 0, 255, 255}) trim.color = Color{0, 0, 0, 0};
  TRY_VOID(read_flag_into(trim.even_x, name, argument(a, 2)));
  TRY_VOID(read_flag_into(trim.even_y, name, argument(a, 3)));
  r.request.options.trim = trim;
  return {};
}

Result<void> read_padding(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(at_most(name, a, 4));
  Padding& padding = r.request.options.padding;
  TRY_VOID(read_whole_into(padding.top, name, argument(a, 0), padding_max));
  padding.right = padding.bottom = padding.top;
  TRY_VOID(read_whole_into(padding.right, name, argument(a, 1), padding_max));
  TRY_VOID(read_whole_into(padding.bottom, name, argument(a, 2), padding_max));
  padding.left = padding.right;
  return read_whole_into(padding.left, name, argument(a, 3), padding_max);
}

Result<void> read_rotate(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(at_most(name, a, 1));
  const std::string& text = argument(a, 0);
  int angle = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), angle);
  const bool is_number = error == std::errc{} && end == text.data() + text.size();
  if (!text.empty() && (!is_number || angle % 90 != 0))
    return refuse(name, "0, 90, 180, 270 or another multiple of 90", text);
  r.request.options.rotate = static_cast<std::uint16_t>((angle % 360 + 360) % 360);
  return {};
}

Result<void> read_flip(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(at_most(name, a, 2));
  TRY_VOID(read_flag_into(r.request.options.flip_x, name, argument(a, 0)));
  return read_flag_into(r.request.options.flip_y, name, argument(a, 1));
}

Result<void> read_background(Reading& r, Text name, const Arguments& a) {
  std::optional<Color>& background = r.request.options.background;
  if (a.size() < 3) {
    TRY_VOID(at_most(name, a, 1));
    background.reset();
    return read_color_into(background, name, argument(a, 0));
  }
  TRY_VOID(at_most(name, a, 3));
  Color color;
  TRY_VOID(read_whole_into(color.red, name, a[0], 255));
  TRY_VOID(read_whole_into(color.green, name, a[1], 255));
  TRY_VOID(read_whole_into(color.blue, name, a[2], 255));
  background = color;
  return {};
}

Result<void> read_watermark(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(at_most(name, a, 5));
  ImgproxyOptions& o = r.request.options;
  TRY_VOID(read_number_into(o.watermark_opacity, name, argument(a, 0), 0, 1));
  const std::string& position = argument(a, 1);
  o.watermark_tiled = position == "re";
  const auto known = parse_compass(position);
  if (!known && !o.watermark_tiled && !position.empty())
    return refuse(name, "ce, no, so, ea, we, noea, nowe, soea, sowe or re (ch is of imgproxy Pro)",
                  position);
  o.watermark_position = known.value_or(Gravity::center);
  TRY_VOID(read_number_into(o.watermark_x, name, argument(a, 2), -8'192, 8'192));
  TRY_VOID(read_number_into(o.watermark_y, name, argument(a, 3), -8'192, 8'192));
  TRY_VOID(read_number_into(o.watermark_scale, name, argument(a, 4), 0, 1));
  if (o.watermark_opacity > 0 && !r.rules.watermark)
    return fail(ErrorCode::bad_recipe,
                "watermark needs imgproxy.watermark, the asset that is laid over.");
  return {};
}

Result<void> read_format_quality(Reading& r, Text name, const Arguments& a) {
  if (a.size() % 2 != 0)
    return refuse(name, "formats and qualities in turn, such as webp:70:avif:50", argument(a, 0));
  for (std::size_t i = 0; i < a.size(); i += 2) {
    std::optional<ImageFormat> format;
    TRY_VOID(read_format_into(format, name, a[i]));
    std::uint8_t quality = 0;
    TRY_VOID(read_whole_into(quality, name, a[i + 1], 100));
    r.request.options.format_quality[*format] = quality;
  }
  return {};
}

Result<void> read_expires(Reading& r, Text name, const Arguments& a) {
  const std::string& text = argument(a, 0);
  std::int64_t moment = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), moment);
  if (error != std::errc{} || end != text.data() + text.size() || moment < 0 || a.size() > 1)
    return refuse(name, "seconds since 1970", text);
  if (moment != 0) r.request.delivery.expires = moment;
  return {};
}

Result<void> read_file_name(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(at_most(name, a, 2));
  bool is_encoded = false;
  TRY_VOID(read_flag_into(is_encoded, name, argument(a, 1)));
  std::string file_name = argument(a, 0);
  if (is_encoded) {
    while (file_name.ends_with('=')) file_name.pop_back();
    const auto bytes = from_base64url(file_name);
    if (!bytes) return refuse(name, "base64 of the URL alphabet", argument(a, 0));
    file_name = std::string(as_text(*bytes));
  }
  r.request.delivery.file_name = std::move(file_name);
  return {};
}

Result<void> read_presets(Reading& r, Text name, const Arguments& a) {
  for (const std::string& preset : a) {
    const auto ours = r.rules.presets.find(preset);
    if (ours != r.rules.presets.end()) {
      if (!r.presets_used.insert(preset).second)
        return fail(ErrorCode::bad_recipe, "The preset " + in_quotes(preset) + " is used twice.");
      TRY_VOID(apply_imgproxy_preset(r, ours->second));
      continue;
    }
    const Recipe* native = r.presets.find(preset);
    if (native == nullptr) {
      std::string known;
      for (const auto& [one, options] : r.rules.presets) known += one + ", ";
      return refuse(name, "one of " + known + r.presets.names(), preset);
    }
    r.request.options.preset = *native;
  }
  return {};
}

Result<void> allow_security(const Reading& r, Text name) {
  if (r.rules.allows_security_options || r.in_preset) return {};
  return fail(ErrorCode::bad_recipe, std::string(name) +
                                         " is a security option; imgproxy.allow_security_options "
                                         "has to let URLs say it.");
}

using Read = Result<void> (*)(Reading&, Text, const Arguments&);

/// Of options with one argument.
template <auto Member>
Result<void> read_option_flag(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(at_most(name, a, 1));
  return read_flag_into(r.request.options.*Member, name, argument(a, 0));
}
template <auto Member, std::uint32_t Max>
Result<void> read_option_whole(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(at_most(name, a, 1));
  return read_whole_into(r.request.options.*Member, name, argument(a, 0), Max);
}
template <auto Member, std::uint16_t Max>
Result<void> read_option_hundredths(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(at_most(name, a, 1));
  return read_hundredths_into(r.request.options.*Member, name, argument(a, 0), Max);
}
template <auto Member>
Result<void> read_security_whole(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(allow_security(r, name));
  return read_option_whole<Member, UINT32_MAX>(r, name, a);
}
template <auto Member>
Result<void> read_megapixels(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(allow_security(r, name));
  TRY_VOID(at_most(name, a, 1));
  return read_number_into(r.request.options.*Member, name, argument(a, 0), 0, 1'000'000);
}
template <auto Member>
Result<void> read_delivery_flag(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(at_most(name, a, 1));
  return read_flag_into(r.request.delivery.*Member, name, argument(a, 0));
}
template <auto Member, auto Option>
Result<void> read_extend(Reading& r, Text name, const Arguments& a) {
  TRY_VOID(read_flag_into(r.request.options.*Member, name, argument(a, 0)));
  return read_gravity_into(r.request.options.*Option, name, a, 1, false);
}

using O = ImgproxyOptions;
struct Option {
  std::array<Text, 3> names;  // with its aliases
  Read read;
};
constexpr Option options[] = {
    {{"resize", "rs"}, read_resize},
    {{"size", "s"},
     [](Reading& r, Text n, const Arguments& a) { return read_size_at(r, n, a, 0); }},
    {{"resizing_type", "rt"},
     [](Reading& r, Text n, const Arguments& a) { return read_type(r, n, argument(a, 0)); }},
    {{"width", "w"}, read_option_whole<&O::width, dimension_max>},
    {{"height", "h"}, read_option_whole<&O::height, dimension_max>},
    {{"min-width", "mw"}, read_option_whole<&O::min_width, dimension_max>},
    {{"min-height", "mh"}, read_option_whole<&O::min_height, dimension_max>},
    {{"zoom", "z"}, read_zoom},
    {{"dpr"}, read_dpr},
    {{"enlarge", "el"}, read_option_flag<&O::enlarge>},
    {{"extend", "ex"}, read_extend<&O::extend, &O::extend_gravity>},
    {{"extend_aspect_ratio", "extend_ar", "exar"},
     read_extend<&O::extend_ratio, &O::extend_ratio_gravity>},
    {{"gravity", "g"},
     [](Reading& r, Text n, const Arguments& a) {
       return read_gravity_into(r.request.options.gravity, n, a, 0, true);
     }},
    {{"crop", "c"}, read_crop},
    {{"trim", "t"}, read_trim},
    {{"padding", "pd"}, read_padding},
    {{"auto_rotate", "ar"}, read_option_flag<&O::auto_rotate>},
    {{"rotate", "rot"}, read_rotate},
    {{"flip", "fl"}, read_flip},
    {{"background", "bg"}, read_background},
    {{"blur", "bl"}, read_option_hundredths<&O::blur, blur_max>},
    {{"sharpen", "sh"}, read_option_hundredths<&O::sharpen, sharpen_max>},
    {{"pixelate", "pix"}, read_option_whole<&O::pixelate, pixelate_max>},
    {{"watermark", "wm"}, read_watermark},
    {{"strip_metadata", "sm"}, read_option_flag<&O::strip_metadata>},
    {{"keep_copyright", "kcr"}, read_option_flag<&O::keep_copyright>},
    {{"strip_color_profile", "scp"}, read_option_flag<&O::strip_color_profile>},
    {{"preserve_hdr", "ph"}, read_option_flag<&O::preserve_hdr>},
    {{"enforce_thumbnail", "eth"},
     [](Reading&, Text n, const Arguments& a) -> Result<void> {
       bool unused = false;  // only where imgproxy takes its pixels from
       TRY_VOID(at_most(n, a, 1));
       return read_flag_into(unused, n, argument(a, 0));
     }},
    {{"quality", "q"}, read_option_whole<&O::quality, 100>},
    {{"format_quality", "fq"}, read_format_quality},
    {{"max_bytes", "mb"}, read_option_whole<&O::bytes_max, 1U << 30>},
    {{"format", "f", "ext"},
     [](Reading& r, Text n, const Arguments& a) {
       return read_format_into(r.request.options.format, n, argument(a, 0));
     }},
    {{"skip_processing", "skp"},
     [](Reading& r, Text, const Arguments& a) -> Result<void> {
       r.request.delivery.skip_processing = a;
       return {};
     }},
    {{"raw"}, read_delivery_flag<&ImgproxyDelivery::raw>},
    {{"cachebuster", "cb"}, [](Reading&, Text, const Arguments&) -> Result<void> { return {}; }},
    {{"expires", "exp"}, read_expires},
    {{"filename", "fn"}, read_file_name},
    {{"return_attachment", "att"}, read_delivery_flag<&ImgproxyDelivery::is_attachment>},
    {{"preset", "pr"}, read_presets},
    {{"max_src_resolution", "msr"}, read_megapixels<&O::source_megapixels_max>},
    {{"max_src_file_size", "msfs"}, read_security_whole<&O::source_bytes_max>},
    {{"max_animation_frames", "maf"}, read_security_whole<&O::frames_max>},
    {{"max_animation_frame_resolution", "mafr"}, read_megapixels<&O::frame_megapixels_max>},
    {{"max_result_dimension", "mrd"}, read_security_whole<&O::result_side_max>},
};
static_assert(std::size(options) == 45, "as many as the open-source imgproxy has");

/// So that the refusal says more than that there is none of the name.
constexpr Text pro_options[] = {"resizing_algorithm",
                                "ra",
                                "objects_position",
                                "obj_pos",
                                "op",
                                "crop_aspect_ratio",
                                "crop_ar",
                                "car",
                                "background_alpha",
                                "bga",
                                "adjust",
                                "a",
                                "brightness",
                                "br",
                                "contrast",
                                "co",
                                "saturation",
                                "sa",
                                "monochrome",
                                "mc",
                                "duotone",
                                "dt",
                                "unsharp_masking",
                                "ush",
                                "blur_areas",
                                "ba",
                                "progressive_blur",
                                "pbl",
                                "blur_detections",
                                "bd",
                                "draw_detections",
                                "dd",
                                "crop_objects",
                                "colorize",
                                "col",
                                "gradient",
                                "gr",
                                "watermark_url",
                                "wmu",
                                "watermark_text",
                                "wmt",
                                "watermark_size",
                                "wms",
                                "watermark_rotate",
                                "wm_rot",
                                "wmr",
                                "watermark_shadow",
                                "wmsh",
                                "style",
                                "st",
                                "dpi",
                                "color_profile",
                                "cp",
                                "icc",
                                "autoquality",
                                "aq",
                                "jpeg_options",
                                "jpgo",
                                "png_options",
                                "pngo",
                                "webp_options",
                                "webpo",
                                "avif_options",
                                "avifo",
                                "page",
                                "pg",
                                "pages",
                                "pgs",
                                "disable_animation",
                                "da",
                                "video_thumbnail_second",
                                "vts",
                                "video_thumbnail_keyframes",
                                "vtk",
                                "video_thumbnail_tile",
                                "vtt",
                                "video_thumbnail_animation",
                                "vta",
                                "fallback_image_url",
                                "fiu",
                                "bypass_cache",
                                "bc",
                                "cache_tags",
                                "ct",
                                "hashsum",
                                "hs"};

}  // namespace

Result<void> apply_imgproxy_option(ImgproxyReading& reading, std::string_view name,
                                   const ImgproxyArguments& arguments) {
  for (const Option& option : options)
    if (std::ranges::find(option.names, name) != option.names.end())
      return option.read(reading, name, arguments);
  if (std::ranges::find(pro_options, name) != std::end(pro_options))
    return fail(ErrorCode::bad_recipe,
                in_quotes(name) + " is an option of imgproxy Pro, which is not supported here.");
  return fail(ErrorCode::bad_recipe, in_quotes(name) +
                                         " is no processing option; docs/dialects.md lists the 45 "
                                         "that there are.");
}

}  // namespace calotype
