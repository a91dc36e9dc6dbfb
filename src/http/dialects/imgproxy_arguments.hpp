// SPDX-License-Identifier: Apache-2.0
// Arguments of imgproxy's options. One that is empty or missing leaves what there is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "asset/parameter.hpp"
#include "http/dialects/imgproxy_options.hpp"

namespace calotype {

/// Empty where there is none.
const std::string& argument(const ImgproxyArguments& arguments, std::size_t at);
Result<void> at_most(std::string_view name, const ImgproxyArguments& arguments, std::size_t count);

/// 1, t, true; 0, f, false.
Result<void> read_flag_into(bool& to, std::string_view name, std::string_view value);
template <class Number>
Result<void> read_whole_into(Number& to, std::string_view name, std::string_view value,
                             std::uint32_t max) {
  if (value.empty()) return {};
  const auto number = parse_whole(value, 0, max);
  if (!number) return refuse(name, "a whole number from 0 to " + std::to_string(max), value);
  to = static_cast<Number>(*number);
  return {};
}

Result<void> read_number_into(double& to, std::string_view name, std::string_view value, double min,
                              double max);
Result<void> read_hundredths_into(std::uint16_t& to, std::string_view name, std::string_view value,
                                  std::uint16_t max);
/// Hexadecimal, of three or six digits.
Result<void> read_color_into(std::optional<Color>& to, std::string_view name,
                             std::string_view value);
/// ce, no, noea and so on.
std::optional<Gravity> parse_compass(std::string_view name);
/// type:x:y, from the argument `at` on.
Result<void> read_gravity_into(ImgproxyGravity& to, std::string_view name,
                               const ImgproxyArguments& arguments, std::size_t at,
                               bool may_be_smart);
Result<void> read_format_into(std::optional<ImageFormat>& to, std::string_view name,
                              std::string_view value);

}  // namespace calotype
