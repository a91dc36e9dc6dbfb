// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/imgproxy_arguments.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace calotype {
namespace {

struct Compass {
  std::string_view name;
  Gravity gravity;
};
constexpr std::array<Compass, 9> compass = {{{"ce", Gravity::center},
                                             {"no", Gravity::north},
                                             {"so", Gravity::south},
                                             {"ea", Gravity::east},
                                             {"we", Gravity::west},
                                             {"noea", Gravity::northeast},
                                             {"nowe", Gravity::northwest},
                                             {"soea", Gravity::southeast},
                                             {"sowe", Gravity::southwest}}};

}  // namespace

const std::string& argument(const ImgproxyArguments& arguments, std::size_t at) {
  static const std::string none;
  return at < arguments.size() ? arguments[at] : none;
}

Result<void> at_most(std::string_view name, const ImgproxyArguments& arguments, std::size_t count) {
  if (arguments.size() <= count) return {};
  return fail(ErrorCode::bad_recipe, std::string(name) + " takes at most " + std::to_string(count) +
                                         " arguments, not " + std::to_string(arguments.size()) +
                                         ".");
}

Result<void> read_flag_into(bool& to, std::string_view name, std::string_view value) {
  if (value.empty()) return {};
  const bool is_true = value == "1" || value == "t" || value == "true";
  if (!is_true && value != "0" && value != "f" && value != "false")
    return refuse(name, one_of({"1", "t", "true", "0", "f", "false"}), value);
  to = is_true;
  return {};
}

Result<void> read_number_into(double& to, std::string_view name, std::string_view value, double min,
                              double max) {
  if (value.empty()) return {};
  const bool is_negative = value.starts_with('-');
  const auto number = parse_decimal(is_negative ? value.substr(1) : value, 0, std::max(-min, max));
  const double signed_number = number.value_or(0) * (is_negative ? -1 : 1);
  if (!number || signed_number < min || signed_number > max)
    return refuse(name,
                  "a number from " + std::to_string(static_cast<int>(min)) + " to " +
                      std::to_string(static_cast<int>(max)),
                  value);
  to = signed_number;
  return {};
}

Result<void> read_hundredths_into(std::uint16_t& to, std::string_view name, std::string_view value,
                                  std::uint16_t max) {
  double number = to / 100.0;
  TRY_VOID(read_number_into(number, name, value, 0, max / 100.0));
  to = static_cast<std::uint16_t>(std::lround(number * 100));
  return {};
}

Result<void> read_color_into(std::optional<Color>& to, std::string_view name,
                             std::string_view value) {
  if (value.empty()) return {};
  const auto color = parse_color(value);
  if (!color || value.starts_with('#') || value == "transparent" ||
      (value.size() != 3 && value.size() != 6))
    return refuse(name, "a colour as rgb or rrggbb in hexadecimal", value);
  to = color;
  return {};
}

std::optional<Gravity> parse_compass(std::string_view name) {
  const auto place = std::ranges::find(compass, name, &Compass::name);
  return place == compass.end() ? std::nullopt : std::optional(place->gravity);
}

/// type:x:y, from the argument `at` on.
Result<void> read_gravity_into(ImgproxyGravity& to, std::string_view name,
                               const ImgproxyArguments& arguments, std::size_t at,
                               bool may_be_smart) {
  const std::string& type = argument(arguments, at);
  if (type.empty()) return {};
  TRY_VOID(at_most(name, arguments, at + 3));
  ImgproxyGravity gravity;
  if (type == "fp") {
    gravity.type = Gravity::focal;
    TRY_VOID(read_number_into(gravity.x, name, argument(arguments, at + 1), 0, 1));
    TRY_VOID(read_number_into(gravity.y, name, argument(arguments, at + 2), 0, 1));
  } else if (type == "sm" && may_be_smart) {
    gravity.type = Gravity::attention;
  } else if (const auto known = parse_compass(type)) {
    gravity.type = *known;
    TRY_VOID(read_number_into(gravity.x, name, argument(arguments, at + 1), -65'535, 65'535));
    TRY_VOID(read_number_into(gravity.y, name, argument(arguments, at + 2), -65'535, 65'535));
  } else {
    return refuse(name,
                  may_be_smart
                      ? "ce, no, so, ea, we, noea, nowe, soea, sowe, sm or fp (obj and objw are of "
                        "imgproxy Pro)"
                      : "ce, no, so, ea, we, noea, nowe, soea, sowe or fp",
                  type);
  }
  to = gravity;
  return {};
}

Result<void> read_format_into(std::optional<ImageFormat>& to, std::string_view name,
                              std::string_view value) {
  const auto format = parse_image_format(value);
  if (!format)
    return refuse(name, one_of({"jpg", "jpeg", "png", "webp", "avif", "gif", "jxl"}), value);
  to = format;
  return {};
}

}  // namespace calotype
