// SPDX-License-Identifier: Apache-2.0
// Native parameters, read: one table row each. What several mean together is settled at the end, so
// that their order never matters.
#include <array>
#include <cmath>
#include <utility>

#include "asset/parameter.hpp"
#include "asset/recipe.hpp"

namespace calotype {
namespace {

/// A watermark's parameters come in any order, before or after the asset that they are about.
struct MarkReading {
  std::optional<AssetId> asset;
  Gravity gravity = Gravity::southeast;
  std::uint8_t width_percent = 25, opacity_percent = 100;
  std::uint16_t margin_x = 0, margin_y = 0;
  bool is_tiled = false;
  std::string_view first;  // of its parameters
};

struct Reading {
  Recipe recipe;
  MarkReading mark;
  double pixel_ratio = 1;
  bool flips_vertically = false;
};

using Text = std::string_view;

/// Whole numbers of a field's own width.
template <class Number>
Result<void> read_whole_into(Number& to, Text name, Text value, std::uint32_t min,
                             std::uint32_t max) {
  const auto number = parse_whole(value, min, max);
  if (!number)
    return refuse(name, "a whole number from " + std::to_string(min) + " to " + std::to_string(max),
                  value);
  to = static_cast<Number>(*number);
  return {};
}

Result<void> read_percent_into(std::int8_t& to, Text name, Text value) {
  const bool is_negative = value.starts_with('-');
  const auto number = parse_whole(is_negative ? value.substr(1) : value, 0, 100);
  if (!number) return refuse(name, "a whole number from -100 to 100", value);
  to = static_cast<std::int8_t>(is_negative ? -static_cast<int>(*number) : *number);
  return {};
}

Result<void> read_hundredths_into(std::uint16_t& to, Text name, Text value, std::uint16_t max) {
  const auto number = parse_decimal(value, 0, max / 100.0);
  if (!number) return refuse(name, "a number from 0 to " + std::to_string(max / 100), value);
  to = static_cast<std::uint16_t>(std::lround(*number * 100));
  return {};
}

/// The parts between colons; more than four are one too many.
std::pair<std::array<Text, 4>, std::size_t> split(Text value) {
  std::array<Text, 4> parts;
  std::size_t count = 0;
  for (bool more = true; more; ++count) {
    if (count == parts.size()) return {parts, count + 1};
    const auto end = value.find(':');
    parts[count] = value.substr(0, end);
    more = end != Text::npos;
    if (more) value.remove_prefix(end + 1);
  }
  return {parts, count};
}

Result<void> read_gravity(Reading& reading, Text name, Text value) {
  if (const auto gravity = parse_gravity(value)) {
    reading.recipe.gravity = *gravity;
    return {};
  }
  const auto [parts, count] = split(value);
  const auto faces = parse_gravity(parts[0]);
  if (const auto otherwise = parse_gravity(parts[1]);
      count == 2 && faces && finds_faces(*faces) && otherwise && !finds_faces(*otherwise)) {
    reading.recipe.gravity = *faces;
    reading.recipe.no_face = *otherwise;
    return {};
  }
  const auto x = parse_decimal(parts[0], 0, 1);
  const auto y = parse_decimal(parts[1], 0, 1);
  if (count != 2 || !x || !y)
    return refuse(name,
                  one_of({"center", "north", "northeast", "east", "southeast", "south", "southwest",
                          "west", "northwest", "attention", "entropy", "face", "faces",
                          "one of these two with what to keep where there is no face, such as "
                          "faces:center",
                          "a point such as 0.3:0.7"}),
                  value);
  const auto part = [](double share) {
    return static_cast<std::uint16_t>(std::lround(share * FocalPoint::whole));
  };
  reading.recipe.gravity = Gravity::focal;
  reading.recipe.focus = {part(*x), part(*y)};
  return {};
}

Result<void> read_region(Reading& reading, Text name, Text value) {
  const auto [parts, count] = split(value);
  Region region;
  region.is_relative = value.ends_with('p');
  std::array<std::uint32_t*, 4> sides = {&region.left, &region.top, &region.width, &region.height};
  bool understood = count == sides.size();
  for (std::size_t i = 0; understood && i < sides.size(); ++i) {
    const std::uint32_t min = i < 2 ? 0 : 1;
    if (region.is_relative) {
      const auto number = parts[i].ends_with('p')
                              ? parse_decimal(parts[i].substr(0, parts[i].size() - 1), 0, 100)
                              : std::nullopt;
      understood = number && std::lround(*number * 100) >= min;
      if (understood) *sides[i] = static_cast<std::uint32_t>(std::lround(*number * 100));
    } else {
      const auto number = parse_whole(parts[i], min, 10'000'000);
      understood = number.has_value();
      if (understood) *sides[i] = *number;
    }
  }
  if (!understood)
    return refuse(name,
                  "left:top:width:height in pixels, such as 10:20:300:200, or in percent, such as "
                  "5p:5p:90p:90p",
                  value);
  reading.recipe.region = region;
  return {};
}

Result<void> read_padding(Reading& reading, Text name, Text value) {
  const auto [parts, count] = split(value);
  std::array<std::uint16_t, 4> sides{};
  bool understood = count == 1 || count == 2 || count == 4;
  for (std::size_t i = 0; understood && i < count; ++i) {
    const auto number = parse_whole(parts[i], 0, padding_max);
    understood = number.has_value();
    if (understood) sides[i] = static_cast<std::uint16_t>(*number);
  }
  if (!understood)
    return refuse(name,
                  "1, 2 or 4 numbers of pixels (all; vertical:horizontal; "
                  "top:right:bottom:left), each from 0 to 8192",
                  value);
  if (count == 1) sides = {sides[0], sides[0], sides[0], sides[0]};
  if (count == 2) sides = {sides[0], sides[1], sides[0], sides[1]};
  reading.recipe.padding = {sides[0], sides[1], sides[2], sides[3]};
  return {};
}

Result<void> read_rotation(Reading& reading, Text name, Text value) {
  const bool is_negative = value.starts_with('-');
  const auto degrees = parse_decimal(is_negative ? value.substr(1) : value, 0, 360);
  if (!degrees) return refuse(name, "degrees from -360 to 360", value);
  const long turned = std::lround(*degrees * 100) % 36'000;
  reading.recipe.rotation =
      static_cast<std::uint16_t>(is_negative ? (36'000 - turned) % 36'000 : turned);
  return {};
}

Result<void> read_flip(Reading& reading, Text name, Text value) {
  if (value != "h" && value != "v" && value != "hv") return refuse(name, "h, v or hv", value);
  reading.recipe.mirror = value != "hv";
  reading.flips_vertically = value != "h";
  return {};
}

Result<void> read_trim(Reading& reading, Text name, Text value) {
  const auto [parts, count] = split(value);
  Trim trim;
  const auto tolerance = parse_whole(parts[0], 0, 254);
  if (count > 1 && parts[1] != "auto") trim.color = parse_color(parts[1]);
  if (count > 2) {
    trim.even_x = parts[2].contains('x');
    trim.even_y = parts[2].contains('y');
  }
  const bool understood = tolerance && count <= 3 &&
                          (count < 2 || parts[1] == "auto" || trim.color) &&
                          (count < 3 || parts[2] == "x" || parts[2] == "y" || parts[2] == "xy");
  if (!understood)
    return refuse(name,
                  "a tolerance from 0 to 254, with a colour after a colon (or auto), and x, y or "
                  "xy after another for sides that are trimmed evenly",
                  value);
  trim.tolerance = static_cast<std::uint8_t>(*tolerance);
  reading.recipe.trim = trim;
  return {};
}

Result<void> read_border(Reading& reading, Text name, Text value) {
  const auto [parts, count] = split(value);
  const auto width = parse_whole(parts[0], 0, border_max);
  const auto color = count > 1 ? parse_color(parts[1]) : Color{0, 0, 0, 255};
  const bool is_inside = count == 3 && parts[2] == "in";
  if (!width || !color || count > 3 || (count == 3 && !is_inside))
    return refuse(name,
                  "pixels from 0 to 2048, a colour and perhaps in, such as 5:ff0000 or 5:fff:in",
                  value);
  reading.recipe.border = {static_cast<std::uint16_t>(*width), *color, is_inside};
  return {};
}

Result<void> read_tone(Reading& reading, Text name, Text value) {
  if (value != "color" && value != "gray" && value != "bitonal")
    return refuse(name, "color, gray or bitonal", value);
  reading.recipe.tone = value == "gray"      ? Tone::gray
                        : value == "bitonal" ? Tone::bitonal
                                             : Tone::color;
  return {};
}

Result<void> read_radius(Reading& reading, Text name, Text value) {
  if (value == "max") {
    reading.recipe.corner_radius = radius_max;
    return {};
  }
  const auto pixels = parse_whole(value, 0, padding_max);
  if (!pixels) return refuse(name, "a whole number of pixels from 0 to 8192, or max", value);
  reading.recipe.corner_radius = static_cast<std::uint16_t>(*pixels);
  return {};
}

Result<void> read_mark(Reading& reading, Text name, Text value) {
  reading.mark.asset = AssetId::parse(value);
  if (!reading.mark.asset) return refuse(name, "an asset's id", value);
  return {};
}

Result<void> read_mark_gravity(Reading& reading, Text name, Text value) {
  const auto gravity = parse_gravity(value);
  if (!gravity || !is_compass(*gravity))
    return refuse(name,
                  one_of({"center", "north", "northeast", "east", "southeast", "south", "southwest",
                          "west", "northwest"}),
                  value);
  reading.mark.gravity = *gravity;
  return {};
}

Result<void> read_profile(Reading& reading, Text name, Text value) {
  if (value != "srgb" && value != "p3" && value != "keep")
    return refuse(name, "srgb, p3 or keep", value);
  reading.recipe.profile = value == "p3"     ? ColorProfile::p3
                           : value == "keep" ? ColorProfile::keep
                                             : ColorProfile::srgb;
  return {};
}

Result<void> read_metadata(Reading& reading, Text name, Text value) {
  if (value != "keep" && value != "strip" && value != "copyright")
    return refuse(name, "strip, copyright or keep", value);
  reading.recipe.metadata = value == "keep"        ? Metadata::keep
                            : value == "copyright" ? Metadata::copyright
                                                   : Metadata::strip;
  return {};
}

Result<void> read_background(Reading& reading, Text name, Text value) {
  reading.recipe.background = parse_color(value);
  if (!reading.recipe.background)
    return refuse(name, "a colour as rgb, rrggbb or rrggbbaa in hexadecimal, or transparent",
                  value);
  return {};
}

Result<void> read_fit(Reading& reading, Text name, Text value) {
  const auto fit = parse_fit(value);
  if (!fit)
    return refuse(name, one_of({"inside", "outside", "cover", "crop", "contain", "fill"}), value);
  reading.recipe.fit = *fit;
  return {};
}

Result<void> read_format(Reading& reading, Text name, Text value) {
  if (value == "auto") return {};
  reading.recipe.format = parse_image_format(value);
  if (!reading.recipe.format)
    return refuse(name, one_of({"jpeg", "png", "webp", "avif", "gif", "jxl", "auto"}), value);
  return {};
}

using Read = Result<void> (*)(Reading&, Text, Text);
struct Parameter {
  Text name;
  Read read;
};

Result<void> read_width(Reading& reading, Text name, Text value) {
  TRY(reading.recipe.width, read_dimension(name, value));
  return {};
}
Result<void> read_height(Reading& reading, Text name, Text value) {
  TRY(reading.recipe.height, read_dimension(name, value));
  return {};
}
Result<void> read_ratio(Reading& reading, Text name, Text value) {
  TRY(reading.pixel_ratio, read_pixel_ratio(name, value));
  return {};
}
Result<void> read_q(Reading& reading, Text name, Text value) {
  TRY(reading.recipe.quality, read_quality(name, value));
  return {};
}
Result<void> read_tile(Reading& reading, Text name, Text value) {
  TRY(reading.mark.is_tiled, read_flag(name, value));
  return {};
}
Result<void> read_enlarge(Reading& reading, Text name, Text value) {
  TRY(reading.recipe.enlarge, read_flag(name, value));
  return {};
}
Result<void> read_lossless(Reading& reading, Text name, Text value) {
  TRY(reading.recipe.lossless, read_flag(name, value));
  return {};
}

constexpr Parameter parameters[] = {
    {"w", read_width},
    {"h", read_height},
    {"fit", read_fit},
    {"g", read_gravity},
    {"dpr", read_ratio},
    {"q", read_q},
    {"bg", read_background},
    {"enlarge", read_enlarge},
    {"page",
     [](Reading& r, Text n, Text v) { return read_whole_into(r.recipe.page, n, v, 1, page_max); }},
    {"frame",
     [](Reading& r, Text n, Text v) { return read_whole_into(r.recipe.page, n, v, 1, page_max); }},
    {"trim", read_trim},
    {"crop", read_region},
    {"rot", read_rotation},
    {"flip", read_flip},
    {"tone", read_tone},
    {"bri",
     [](Reading& r, Text n, Text v) { return read_percent_into(r.recipe.brightness, n, v); }},
    {"con", [](Reading& r, Text n, Text v) { return read_percent_into(r.recipe.contrast, n, v); }},
    {"sat",
     [](Reading& r, Text n, Text v) { return read_percent_into(r.recipe.saturation, n, v); }},
    {"blur", [](Reading& r, Text n,
                Text v) { return read_hundredths_into(r.recipe.blur, n, v, blur_max); }},
    {"sharp", [](Reading& r, Text n,
                 Text v) { return read_hundredths_into(r.recipe.sharpen, n, v, sharpen_max); }},
    {"pix", [](Reading& r, Text n,
               Text v) { return read_whole_into(r.recipe.pixelate, n, v, 0, pixelate_max); }},
    {"radius", read_radius},
    {"border", read_border},
    {"opacity", [](Reading& r, Text n,
                   Text v) { return read_whole_into(r.recipe.opacity_percent, n, v, 1, 100); }},
    {"pad", read_padding},
    {"mark", read_mark},
    {"mark-g", read_mark_gravity},
    {"mark-w", [](Reading& r, Text n,
                  Text v) { return read_whole_into(r.mark.width_percent, n, v, 0, 100); }},
    {"mark-o", [](Reading& r, Text n,
                  Text v) { return read_whole_into(r.mark.opacity_percent, n, v, 1, 100); }},
    {"mark-x", [](Reading& r, Text n,
                  Text v) { return read_whole_into(r.mark.margin_x, n, v, 0, padding_max); }},
    {"mark-y", [](Reading& r, Text n,
                  Text v) { return read_whole_into(r.mark.margin_y, n, v, 0, padding_max); }},
    {"mark-tile", read_tile},
    {"meta", read_metadata},
    {"icc", read_profile},
    {"lossless", read_lossless},
    {"max_bytes",
     [](Reading& r, Text n, Text v) {
       return read_whole_into(r.recipe.bytes_max, n, v, bytes_max_min, 1U << 30);
     }},
    {"fm", read_format},
};

std::unexpected<Error> unknown_parameter(Text name) {
  std::string allowed;
  for (const auto& known : parameters) {
    if (!allowed.empty()) allowed += known.name == "fm" ? " and " : ", ";
    allowed += known.name;
  }
  return fail(ErrorCode::bad_recipe,
              in_quotes(name) + " is no parameter; allowed are " + allowed + ".");
}

Result<void> read_parameter(Reading& reading, std::array<bool, std::size(parameters)>& seen,
                            Text name, Text value) {
  for (std::size_t at = 0; at < std::size(parameters); ++at) {
    if (parameters[at].name != name) continue;
    if (std::exchange(seen[at], true))
      return fail(ErrorCode::bad_recipe, std::string(name) + " is given twice.");
    if (name.starts_with("mark") && reading.mark.first.empty()) reading.mark.first = name;
    return parameters[at].read(reading, name, value);
  }
  return unknown_parameter(name);
}

/// What is meant by several parameters together.
Result<Recipe> settle(Reading reading) {
  Recipe& recipe = reading.recipe;
  const MarkReading& mark = reading.mark;
  if (mark.asset)
    recipe.watermark =
        Watermark{*mark.asset,   mark.gravity,  mark.width_percent, mark.opacity_percent,
                  mark.margin_x, mark.margin_y, mark.is_tiled};
  else if (!mark.first.empty())
    return fail(ErrorCode::bad_recipe,
                std::string(mark.first) + " needs mark, the watermark's asset.");
  if (recipe.lossless && recipe.format == ImageFormat::jpeg)
    return fail(ErrorCode::bad_recipe, "lossless needs webp, avif, jxl or png; JPEG cannot be.");
  if (recipe.lossless && recipe.bytes_max != 0)
    return fail(ErrorCode::bad_recipe,
                "lossless and max_bytes exclude each other: only quality makes room.");
  if (reading.flips_vertically)
    recipe.rotation = static_cast<std::uint16_t>((recipe.rotation + 18'000) % 36'000);
  TRY_VOID(apply_pixel_ratio(recipe, reading.pixel_ratio));
  return canonical(std::move(recipe));
}

}  // namespace

Result<Recipe> parse_recipe(std::string_view text) {
  Reading reading;
  std::array<bool, std::size(parameters)> seen{};
  for (bool more = !text.empty(); more;) {
    const auto end = text.find_first_of("&,");
    const auto pair = text.substr(0, end);
    more = end != std::string_view::npos;
    if (more) text.remove_prefix(end + 1);
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos)
      return fail(ErrorCode::bad_recipe,
                  "A recipe is parameters like w=300&fm=webp; " + in_quotes(pair) + " is none.");
    TRY_VOID(read_parameter(reading, seen, pair.substr(0, equals), pair.substr(equals + 1)));
  }
  return settle(std::move(reading));
}

}  // namespace calotype
