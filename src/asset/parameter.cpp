// SPDX-License-Identifier: Apache-2.0
#include "asset/parameter.hpp"

#include <charconv>
#include <cmath>
#include <vector>

namespace calotype {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<std::uint8_t> hex_digit(char c) {
  if (is_digit(c)) return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::size_t shown_max = 60;
  std::string out = "“";
  for (const char c : text.substr(0, shown_max)) out += c >= 0x20 && c < 0x7f ? c : '?';
  if (text.size() > shown_max) out += "…";
  return out + "”";
}

std::unexpected<Error> refuse(std::string_view name, std::string_view allowed,
                              std::string_view value) {
  return fail(ErrorCode::bad_recipe, std::string(name) + " must be " + std::string(allowed) +
                                         ", not " + in_quotes(value) + ".");
}

std::string one_of(std::initializer_list<std::string_view> names) {
  std::string out;
  std::size_t left = names.size();
  for (const auto name : names) {
    out += name;
    --left;
    if (left > 1) out += ", ";
    if (left == 1) out += " or ";
  }
  return out;
}

std::optional<std::uint32_t> parse_whole(std::string_view text, std::uint32_t min,
                                         std::uint32_t max) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value < min || value > max) return std::nullopt;
  return value;
}

std::optional<double> parse_decimal(std::string_view text, double min, double max) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  if (!is_digit(text.front()) || !is_digit(text.back())) return std::nullopt;
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value < min || value > max) return std::nullopt;
  return value;
}

std::optional<Color> parse_color(std::string_view text) {
  if (text == "transparent") return Color{0, 0, 0, 0};
  if (text.starts_with('#')) text.remove_prefix(1);
  const bool is_short = text.size() == 3 || text.size() == 4;
  if (!is_short && text.size() != 6 && text.size() != 8) return std::nullopt;
  std::vector<std::uint8_t> digits;
  for (const char c : text) {
    const auto digit = hex_digit(c);
    if (!digit) return std::nullopt;
    digits.push_back(*digit);
    if (is_short) digits.push_back(*digit);
  }
  const auto channel = [&](std::size_t at) {
    return static_cast<std::uint8_t>(digits[2 * at] * 16 + digits[2 * at + 1]);
  };
  Color color{channel(0), channel(1), channel(2), 255};
  if (digits.size() == 8) color.alpha = channel(3);
  return color;
}

Result<std::uint32_t> read_dimension(std::string_view name, std::string_view value) {
  if (const auto pixels = parse_whole(value, 1, dimension_max)) return *pixels;
  return refuse(name, "a whole number from 1 to 65535", value);
}

Result<double> read_pixel_ratio(std::string_view name, std::string_view value) {
  if (const auto ratio = parse_decimal(value, 0.1, 10)) return *ratio;
  return refuse(name, "a number from 0.1 to 10", value);
}

Result<std::uint8_t> read_quality(std::string_view name, std::string_view value) {
  if (const auto quality = parse_whole(value, 1, 100)) return static_cast<std::uint8_t>(*quality);
  return refuse(name, "a whole number from 1 to 100", value);
}

Result<bool> read_flag(std::string_view name, std::string_view value) {
  if (value == "1" || value == "true") return true;
  if (value == "0" || value == "false") return false;
  return refuse(name, one_of({"1", "true", "0", "false"}), value);
}

Result<void> apply_pixel_ratio(Recipe& recipe, double ratio) {
  if (ratio == 1) return {};
  for (const auto& [name, pixels] : {std::pair{"w", &recipe.width}, {"h", &recipe.height}}) {
    if (*pixels == 0) continue;
    const double scaled = std::max(1.0, std::round(*pixels * ratio));
    if (scaled > dimension_max)
      return fail(ErrorCode::bad_recipe,
                  std::string(name) + " times dpr must be at most 65535 pixels, not " +
                      std::to_string(static_cast<std::uint64_t>(scaled)) + ".");
    *pixels = static_cast<std::uint32_t>(scaled);
  }
  const auto multiply = [&](std::uint16_t& pixels, std::uint16_t max) {
    pixels = static_cast<std::uint16_t>(std::min<double>(std::round(pixels * ratio), max));
  };
  Padding& padding = recipe.padding;
  for (auto* side : {&padding.top, &padding.right, &padding.bottom, &padding.left})
    multiply(*side, padding_max);
  if (recipe.corner_radius != radius_max) multiply(recipe.corner_radius, padding_max);
  if (recipe.border.width != 0) {
    multiply(recipe.border.width, border_max);
    recipe.border.width = std::max<std::uint16_t>(recipe.border.width, 1);
  }
  multiply(recipe.blur, blur_max);
  multiply(recipe.pixelate, pixelate_max);
  if (recipe.watermark) {
    multiply(recipe.watermark->margin_x, padding_max);
    multiply(recipe.watermark->margin_y, padding_max);
  }
  return {};
}

}  // namespace calotype
