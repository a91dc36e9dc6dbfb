// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/variant_path.hpp"

#include <algorithm>
#include <utility>

#include "asset/parameter.hpp"
#include "base/encoding.hpp"
#include "http/dialects/percent.hpp"

namespace calotype {
namespace {

constexpr std::size_t version_length = 8;

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether `tail` after the point are the decimals of a ratio that `head` ends with.
bool are_decimals(std::string_view head, std::string_view tail) {
  const auto at = head.rfind("dpr=");
  return at != std::string_view::npos && is_digits(head.substr(at + 4)) && is_digits(tail);
}

Result<std::string> decoded(std::string_view segment) {
  if (auto text = percent_decode(segment)) return *std::move(text);
  return fail(
      ErrorCode::bad_recipe,
      in_quotes(segment) + " is not percent-encoded properly; % needs two hexadecimal digits.");
}

/// The parameters of a recipe that is named by itself.
std::string own_name(Recipe recipe) {
  const auto format = std::exchange(recipe.format, std::nullopt);
  // Canonical with its format: a quality that is the format's default is not in the name.
  Recipe settled = recipe;
  settled.format = format;
  settled = canonical(settled);
  settled.format = std::nullopt;
  auto name = to_string(settled);
  // A whole picture in the default quality has no parameter but its format.
  if (name.empty()) name = "fm=" + std::string(format ? to_string(*format) : "auto");
  return name;
}

Result<Recipe> in_format(const Recipe& recipe, bool is_preset, std::optional<ImageFormat> format,
                         std::string_view ending) {
  if (!is_preset && recipe.format && recipe.format != format)
    return fail(ErrorCode::bad_recipe, "fm is " + std::string(to_string(*recipe.format)) +
                                           ", but the name ends in ." + std::string(ending) +
                                           "; leave fm out.");
  return with_format(recipe, format);
}

}  // namespace

Result<VariantName> parse_variant_segment(std::string_view segment, const PresetTable& presets) {
  TRY(const std::string text, decoded(segment));
  std::string_view rest = text;
  const auto last = rest.rfind('.');
  const auto ending = last == std::string_view::npos ? "" : rest.substr(last + 1);
  const auto format = parse_image_format(ending);
  if (!format && ending != "auto")
    return fail(ErrorCode::bad_recipe,
                "A variant's name ends in .jpg, .png, .webp, .avif, .gif, .jxl or .auto; " +
                    in_quotes(text) + " does not.");
  rest = rest.substr(0, last);

  VariantName variant;
  variant.negotiate = !format;
  const auto point = rest.rfind('.');
  if (point != std::string_view::npos) {
    const auto tail = rest.substr(point + 1);
    const auto head = rest.substr(0, point);
    if (tail.size() == version_length && is_base32(tail) && !are_decimals(head, tail)) {
      variant.version = tail;
      rest = head;
    }
  }
  const bool is_preset = !rest.contains('=');
  TRY(const Recipe recipe, resolve_recipe(rest, presets));
  TRY(variant.recipe, in_format(recipe, is_preset, format, ending));
  variant.name = is_preset ? std::string(rest) : own_name(variant.recipe);
  return variant;
}

Result<VariantName> parse_variant_name(std::string_view segment, const PresetTable& presets) {
  TRY(const std::string text, decoded(segment));
  VariantName variant;
  TRY(variant.recipe, resolve_recipe(text, presets));
  variant.negotiate = !variant.recipe.format;
  variant.name = text.contains('=') ? own_name(variant.recipe) : text;
  return variant;
}

std::string variant_segment(std::string_view name, const Recipe& recipe, std::string_view version) {
  require(recipe.format.has_value(), "a variant's URL needs a format");
  std::string out = percent_encode(name.empty() ? own_name(recipe) : std::string(name));
  return out.append(".").append(version).append(".").append(extension_of(*recipe.format));
}

std::string variant_path(std::string_view asset_id, std::string_view name, const Recipe& recipe,
                         std::string_view version) {
  return "/v/" + std::string(asset_id) + "/" + variant_segment(name, recipe, version);
}

}  // namespace calotype
