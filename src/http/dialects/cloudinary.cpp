// SPDX-License-Identifier: Apache-2.0
// The path: components, a table row for each parameter, and the asset's name.
#include "http/dialects/cloudinary.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "asset/parameter.hpp"
#include "http/dialects/color_names.hpp"
#include "http/dialects/percent.hpp"

namespace calotype {
namespace {

using Text = std::string_view;

struct Reading {
  const PresetTable& presets;
  CloudinaryRequest request{};
  CloudinaryComponent component{};
};

/// With a sign; nothing where it is no number.
std::optional<double> signed_number(Text text, double max) {
  const bool is_negative = text.starts_with('-');
  const auto number = parse_decimal(is_negative ? text.substr(1) : text, 0, max);
  if (!number) return std::nullopt;
  return is_negative ? -*number : *number;
}

Result<Color> read_color(Text name, Text value) {
  if (value.starts_with("rgb:")) {
    if (const auto color = parse_color(value.substr(4)); color && !value.contains('#'))
      return *color;
  } else if (value == "transparent") {
    return Color{0, 0, 0, 0};
  } else if (const auto color = find_named_color(value)) {
    return *color;
  }
  return refuse(name, "a colour's name in CSS, rgb: and rgb, rrggbb or rrggbbaa, or transparent",
                value);
}

Result<void> read_side(double& to, bool& is_share, Text name, Text value) {
  is_share = value.contains('.');
  const auto number = parse_decimal(value, 0, is_share ? 100 : dimension_max);
  if (!number || *number <= 0)
    return refuse(name, "pixels from 1 to 65535, or a share with a point such as 0.5", value);
  to = *number;
  return {};
}

Result<void> read_w(Reading& r, Text value) {
  return read_side(r.component.width, r.component.width_is_share, "w", value);
}
Result<void> read_h(Reading& r, Text value) {
  return read_side(r.component.height, r.component.height_is_share, "h", value);
}

Result<void> read_c(Reading& r, Text value) {
  using enum CloudinaryComponent::Crop;
  struct Named {
    Text name;
    CloudinaryComponent::Crop crop;
  };
  constexpr std::array<Named, 12> modes = {{{"scale", scale},
                                            {"fit", fit},
                                            {"limit", limit},
                                            {"mfit", mfit},
                                            {"fill", fill},
                                            {"lfill", lfill},
                                            {"pad", pad},
                                            {"lpad", lpad},
                                            {"mpad", mpad},
                                            {"crop", crop},
                                            {"thumb", thumb},
                                            {"auto", automatic}}};
  const auto* place = std::ranges::find(modes, value, &Named::name);
  if (place == modes.end())
    return refuse("c",
                  one_of({"scale", "fit", "limit", "mfit", "fill", "lfill", "pad", "lpad", "mpad",
                          "crop", "thumb", "auto"}),
                  value);
  r.component.crop = place->crop;
  return {};
}

Result<void> read_ar(Reading& r, Text value) {
  const auto colon = value.find(':');
  const auto across = parse_decimal(value.substr(0, colon), 0.001, 10'000);
  const auto down = colon == Text::npos ? std::optional(1.0)
                                        : parse_decimal(value.substr(colon + 1), 0.001, 10'000);
  if (!across || !down) return refuse("ar", "two numbers such as 16:9, or one such as 1.5", value);
  r.component.ratio = *across / *down;
  return {};
}

Result<void> read_g(Reading& r, Text value) {
  struct Named {
    Text name;
    Gravity gravity;
    Gravity no_face = Gravity::center;
  };
  using enum Gravity;
  constexpr std::array<Named, 19> gravities = {{{"center", center},
                                                {"north", north},
                                                {"north_east", northeast},
                                                {"east", east},
                                                {"south_east", southeast},
                                                {"south", south},
                                                {"south_west", southwest},
                                                {"west", west},
                                                {"north_west", northwest},
                                                {"auto", attention},
                                                {"xy_center", focal},
                                                {"face", face},
                                                {"face:center", face},
                                                {"face:auto", face, attention},
                                                {"auto:face", face, attention},
                                                {"faces", faces},
                                                {"faces:center", faces},
                                                {"faces:auto", faces, attention},
                                                {"auto:faces", faces, attention}}};
  const auto* place = std::ranges::find(gravities, value, &Named::name);
  if (place == gravities.end())
    return refuse("g",
                  one_of({"center", "north", "north_east", "east", "south_east", "south",
                          "south_west", "west", "north_west", "auto", "xy_center", "face", "faces",
                          "one of these two with :auto or :center", "auto:face",
                          "auto:faces (nothing here finds objects)"}),
                  value);
  r.component.gravity = place->gravity;
  r.component.no_face = place->no_face;
  return {};
}

Result<void> read_x(Reading& r, Text value) {
  r.component.x = signed_number(value, dimension_max);
  return r.component.x ? Result<void>{} : refuse("x", "a number of pixels or a share", value);
}
Result<void> read_y(Reading& r, Text value) {
  r.component.y = signed_number(value, dimension_max);
  return r.component.y ? Result<void>{} : refuse("y", "a number of pixels or a share", value);
}

Result<void> read_q(Reading& r, Text value) {
  struct Named {
    Text name;
    std::uint8_t quality;
  };
  constexpr std::array<Named, 5> automatic = {
      {{"auto", 0}, {"auto:best", 0}, {"auto:good", 0}, {"auto:eco", 70}, {"auto:low", 50}}};
  const auto* place = std::ranges::find(automatic, value, &Named::name);
  const auto number = parse_whole(value, 1, 100);
  if (place == automatic.end() && !number)
    return refuse(
        "q", one_of({"1 to 100", "auto", "auto:best", "auto:good", "auto:eco", "auto:low"}), value);
  r.request.quality = number ? static_cast<std::uint8_t>(*number) : place->quality;
  return {};
}

Result<void> read_f(Reading& r, Text value) {
  r.request.negotiate = value == "auto";
  r.request.format = parse_image_format(value);
  if (!r.request.format && !r.request.negotiate)
    return refuse("f", one_of({"auto", "jpg", "png", "webp", "avif", "gif", "jxl"}), value);
  return {};
}

Result<void> read_dpr(Reading& r, Text value) {
  if (value == "auto") return {};  // without client hints it is 1 there too
  const auto ratio = parse_decimal(value, 0.1, 10);
  if (!ratio) return refuse("dpr", "a number from 0.1 to 10, or auto", value);
  r.component.dpr = *ratio;
  return {};
}

Result<void> read_r(Reading& r, Text value) {
  const auto pixels = parse_whole(value, 0, padding_max);
  if (!pixels && value != "max")
    return refuse("r", "pixels from 0 to 8192, or max (corners are alike here)", value);
  r.component.radius = pixels ? static_cast<std::uint16_t>(*pixels) : radius_max;
  return {};
}

Result<void> read_b(Reading& r, Text value) {
  TRY(r.request.background, read_color("b", value));
  return {};
}

/// 5px_solid_red, 5px_solid_rgb:ff0000.
Result<void> read_bo(Reading& r, Text value) {
  constexpr Text style = "px_solid_";
  const auto at = value.find(style);
  const auto width = parse_whole(value.substr(0, at), 0, border_max);
  if (at == Text::npos || !width)
    return refuse("bo", "pixels, solid and a colour, such as 5px_solid_rgb:ff0000", value);
  TRY(const Color color, read_color("bo", value.substr(at + style.size())));
  r.component.border = Border{static_cast<std::uint16_t>(*width), color, false};
  return {};
}

std::optional<CloudinaryComponent::Turn> parse_turn(Text text) {
  if (text == "hflip") return CloudinaryComponent::Turn{.flips_x = true};
  if (text == "vflip") return CloudinaryComponent::Turn{.flips_y = true};
  if (text == "exif") return CloudinaryComponent::Turn{};  // pictures are upright in any case
  const auto degrees = signed_number(text, 3'600);
  if (!degrees) return std::nullopt;
  const long hundredths = std::lround(*degrees * 100) % 36'000;
  return CloudinaryComponent::Turn{.rotation =
                                       static_cast<std::uint16_t>((hundredths + 36'000) % 36'000)};
}

/// A number, hflip, vflip, or several of them joined by points.
Result<void> read_a(Reading& r, Text value) {
  if (const auto turn = parse_turn(value)) {
    r.component.turns.push_back(*turn);
    return {};
  }
  for (bool more = true; more;) {
    const auto end = value.find('.');
    const auto turn = parse_turn(value.substr(0, end));
    if (!turn)
      return refuse("a", "degrees, hflip, vflip, exif, or several joined by points", value);
    r.component.turns.push_back(*turn);
    more = end != Text::npos;
    if (more) value.remove_prefix(end + 1);
  }
  return {};
}

Result<void> read_o(Reading& r, Text value) {
  const auto percent = parse_whole(value, 1, 100);
  if (!percent) return refuse("o", "a whole number from 1 to 100", value);
  r.component.opacity = static_cast<std::uint8_t>(*percent);
  return {};
}

Result<void> read_pg(Reading& r, Text value) {
  const auto page = parse_whole(value, 1, page_max);
  if (!page) return refuse("pg", "a whole number from 1 to 1000000", value);
  r.request.page = *page;
  return {};
}

/// Of a picture that moves the first frame can be had; it has no other moments that anyone knows.
Result<void> read_so(Reading& r, Text value) {
  const auto moment = parse_decimal(value, 0, 0);
  if (!moment && value != "auto")
    return refuse("so",
                  "0 or auto here: it chooses a moment of a video, and a picture has the first "
                  "one only (pg chooses a frame)",
                  value);
  r.request.page = 1;
  return {};
}

Result<void> read_du(Reading&, Text) {
  return fail(ErrorCode::bad_recipe, "du is the length of a video; a picture has none.");
}

Result<void> read_t(Reading& r, Text value) {
  const Recipe* preset = r.presets.find(value);
  if (preset == nullptr) return refuse("t", "a preset: " + r.presets.names(), value);
  r.request.preset = *preset;
  return {};
}

struct Parameter {
  Text name;
  Result<void> (*read)(Reading&, Text);
};
constexpr Parameter parameters[] = {
    {"c", read_c}, {"w", read_w},   {"h", read_h},   {"ar", read_ar}, {"g", read_g},
    {"x", read_x}, {"y", read_y},   {"q", read_q},   {"f", read_f},   {"dpr", read_dpr},
    {"r", read_r}, {"b", read_b},   {"a", read_a},   {"bo", read_bo}, {"o", read_o},
    {"t", read_t}, {"pg", read_pg}, {"so", read_so}, {"du", read_du},
};

Result<void> read_parameter(Reading& reading, Text text) {
  const auto line = text.find('_');
  const Text name = text.substr(0, line);
  const auto* known = std::ranges::find(parameters, name, &Parameter::name);
  if (line == Text::npos || known == std::end(parameters)) {
    std::string allowed;
    for (const Parameter& one : parameters) {
      if (!allowed.empty()) allowed += &one == std::end(parameters) - 1 ? " and " : ", ";
      allowed += one.name;
    }
    return fail(ErrorCode::bad_recipe,
                in_quotes(text) + " is no parameter here; there are " + allowed + ".");
  }
  return known->read(reading, text.substr(line + 1));
}

Result<void> read_component(Reading& reading, Text segment) {
  const auto text = percent_decode(segment);
  if (!text)
    return fail(ErrorCode::bad_recipe, in_quotes(segment) +
                                           " is not percent-encoded properly; % needs two "
                                           "hexadecimal digits.");
  reading.component = {};
  for (Text rest = *text; !rest.empty();) {
    const auto end = rest.find(',');
    TRY_VOID(read_parameter(reading, rest.substr(0, end)));
    rest.remove_prefix(end == Text::npos ? rest.size() : end + 1);
  }
  reading.request.components.push_back(std::move(reading.component));
  return {};
}

bool is_version(Text segment) {
  return segment.size() > 1 && segment.front() == 'v' &&
         std::ranges::all_of(segment.substr(1), [](char c) { return c >= '0' && c <= '9'; });
}

/// "{id}.jpg"; an f_ counts more than the ending.
Result<void> read_name(Reading& reading, Text segment) {
  const auto text = percent_decode(segment);
  if (!text || text->empty())
    return fail(ErrorCode::bad_recipe, "After the transformations there must be an asset's id.");
  const auto point = text->rfind('.');
  reading.request.id = text->substr(0, point);
  if (point == std::string::npos) return {};
  const auto ending = text->substr(point + 1);
  const auto format = parse_image_format(ending);
  if (!format)
    return refuse("the ending", one_of({"jpg", "png", "webp", "avif", "gif", "jxl"}), ending);
  if (!reading.request.format && !reading.request.negotiate) reading.request.format = format;
  return {};
}

}  // namespace

Result<CloudinaryRequest> parse_cloudinary(std::string_view path, const PresetTable& presets) {
  Reading reading{.presets = presets};
  const auto last = path.rfind('/');
  Text before = last == Text::npos ? Text{} : path.substr(0, last);
  while (!before.empty()) {
    const auto end = before.find('/');
    const Text segment = before.substr(0, end);
    const bool is_last = end == Text::npos;
    if (!(is_last && is_version(segment))) TRY_VOID(read_component(reading, segment));
    before.remove_prefix(is_last ? before.size() : end + 1);
  }
  TRY_VOID(read_name(reading, last == Text::npos ? path : path.substr(last + 1)));
  return std::move(reading.request);
}

}  // namespace calotype
