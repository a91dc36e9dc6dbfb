// SPDX-License-Identifier: Apache-2.0
// The strict little readers that every dialect of recipe parameters shares: a number is digits, a
// refusal names the parameter, what is allowed and what came instead.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "asset/recipe.hpp"

namespace calotype {

/// `“text”`, cut at 60 bytes, with every byte that could disturb a log line or a JSON document
/// (control characters, anything but ASCII) shown as `?`.
std::string in_quotes(std::string_view text);

/// bad_recipe: "w must be a whole number from 1 to 65535, not “abc”."
std::unexpected<Error> refuse(std::string_view name, std::string_view allowed,
                              std::string_view value);

/// "a, b or c".
std::string one_of(std::initializer_list<std::string_view> names);

/// Digits only, no overflow, within the bounds; nothing otherwise.
std::optional<std::uint32_t> parse_whole(std::string_view text, std::uint32_t min,
                                         std::uint32_t max);
/// Digits with at most one point between digits, 20 characters at most, within the bounds.
std::optional<double> parse_decimal(std::string_view text, double min, double max);

/// `fff`, `ffff`, `ffffff` or `ffffffff` (red, green, blue, alpha), with or without `#`; or
/// `transparent`.
std::optional<Color> parse_color(std::string_view text);

Result<std::uint32_t> read_dimension(std::string_view name, std::string_view value);
Result<double> read_pixel_ratio(std::string_view name, std::string_view value);
Result<std::uint8_t> read_quality(std::string_view name, std::string_view value);
Result<bool> read_flag(std::string_view name, std::string_view value);

/// Multiplies the ratio in, to the nearest pixel and at least one; bad_recipe past dimension_max.
/// What else is in pixels of the result (padding, corners, border, blur, squares, a watermark's
/// margins) goes along.
Result<void> apply_pixel_ratio(Recipe& recipe, double ratio);

}  // namespace calotype
