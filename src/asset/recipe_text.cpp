// SPDX-License-Identifier: Apache-2.0
// A canonical recipe's text. A value never holds `&`, `,` or `=`: its parts are separated by `:`.
// Decimals have at most four places, so that none can be taken for a version in a URL.
#include <array>
#include <format>
#include <utility>

#include "asset/recipe.hpp"
#include "base/encoding.hpp"

namespace calotype {
namespace {

std::string to_hex_color(const Color& color) {
  const std::array bytes = {std::byte{color.red}, std::byte{color.green}, std::byte{color.blue},
                            std::byte{color.alpha}};
  return to_hex(std::span(bytes).first(color.alpha == 255 ? 3 : 4));
}

/// `value` in units of 1/`unit` (100 or 10,000), without trailing zeros.
std::string decimal(std::uint32_t value, std::uint32_t unit) {
  std::string out = std::to_string(value / unit);
  std::string places = std::to_string(unit + value % unit).substr(1);
  while (!places.empty() && places.back() == '0') places.pop_back();
  return places.empty() ? out : out + "." + places;
}

std::string hundredths(std::uint32_t value) {
  return decimal(value, 100);
}

std::string text_of(const FocalPoint& point) {
  return decimal(point.x, FocalPoint::whole) + ":" + decimal(point.y, FocalPoint::whole);
}

std::string text_of(const Region& region) {
  std::string out;
  for (const auto number : {region.left, region.top, region.width, region.height}) {
    if (!out.empty()) out += ':';
    out += region.is_relative ? hundredths(number) + "p" : std::to_string(number);
  }
  return out;
}

std::string text_of(const Trim& trim) {
  std::string out = std::to_string(trim.tolerance);
  const bool is_even = trim.even_x || trim.even_y;
  if (trim.color || is_even) out += ":" + (trim.color ? to_hex_color(*trim.color) : "auto");
  if (is_even) out += trim.even_x && trim.even_y ? ":xy" : trim.even_x ? ":x" : ":y";
  return out;
}

std::string text_of(const Border& border) {
  return std::to_string(border.width) + ":" + to_hex_color(border.color) +
         (border.is_inside ? ":in" : "");
}

std::string text_of(const Padding& padding) {
  const auto text = [](std::uint16_t pixels) { return std::to_string(pixels); };
  const bool is_even =
      padding.top == padding.right && padding.top == padding.bottom && padding.top == padding.left;
  if (is_even) return text(padding.top);
  return text(padding.top) + ":" + text(padding.right) + ":" + text(padding.bottom) + ":" +
         text(padding.left);
}

class Writer {
 public:
  void add(std::string_view name, std::string_view value) {
    if (!out_.empty()) out_ += '&';
    out_.append(name).append("=").append(value);
  }
  void add_number(std::string_view name, std::int64_t value) {
    if (value != 0) add(name, std::to_string(value));
  }
  void add_hundredths(std::string_view name, std::uint32_t value) {
    if (value != 0) add(name, hundredths(value));
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void write_watermark(Writer& writer, const Watermark& mark) {
  const Watermark usual{mark.asset};
  writer.add("mark", mark.asset.text());
  if (mark.gravity != usual.gravity) writer.add("mark-g", to_string(mark.gravity));
  if (mark.width_percent != usual.width_percent)
    writer.add("mark-w", std::to_string(mark.width_percent));
  if (mark.opacity_percent != usual.opacity_percent)
    writer.add_number("mark-o", mark.opacity_percent);
  writer.add_number("mark-x", mark.margin_x);
  writer.add_number("mark-y", mark.margin_y);
  if (mark.is_tiled) writer.add("mark-tile", "1");
}

void write_operations(Writer& writer, const Recipe& recipe) {
  writer.add_number("page", recipe.page);
  if (recipe.trim) writer.add("trim", text_of(*recipe.trim));
  if (recipe.region != Region{}) writer.add("crop", text_of(recipe.region));
  writer.add_hundredths("rot", recipe.rotation);
  if (recipe.mirror) writer.add("flip", "h");
  if (recipe.tone != Tone::color)
    writer.add("tone", recipe.tone == Tone::gray ? "gray" : "bitonal");
  writer.add_number("bri", recipe.brightness);
  writer.add_number("con", recipe.contrast);
  writer.add_number("sat", recipe.saturation);
  writer.add_hundredths("blur", recipe.blur);
  writer.add_hundredths("sharp", recipe.sharpen);
  writer.add_number("pix", recipe.pixelate);
  if (recipe.corner_radius == radius_max)
    writer.add("radius", "max");
  else
    writer.add_number("radius", recipe.corner_radius);
  if (recipe.border != Border{}) writer.add("border", text_of(recipe.border));
  if (recipe.opacity_percent != 100) writer.add_number("opacity", recipe.opacity_percent);
  if (recipe.padding != Padding{}) writer.add("pad", text_of(recipe.padding));
  if (recipe.watermark) write_watermark(writer, *recipe.watermark);
  if (recipe.metadata != Metadata::strip)
    writer.add("meta", recipe.metadata == Metadata::keep ? "keep" : "copyright");
  if (recipe.profile != ColorProfile::srgb)
    writer.add("icc", recipe.profile == ColorProfile::p3 ? "p3" : "keep");
  if (recipe.lossless) writer.add("lossless", "1");
  writer.add_number("max_bytes", recipe.bytes_max);
}

}  // namespace

std::string to_string(const Recipe& given) {
  const Recipe recipe = canonical(given);
  Writer writer;
  writer.add_number("w", recipe.width);
  writer.add_number("h", recipe.height);
  if (recipe.fit != Fit::inside) writer.add("fit", to_string(recipe.fit));
  if (recipe.gravity == Gravity::focal)
    writer.add("g", text_of(recipe.focus));
  else if (recipe.no_face != Gravity::attention)
    writer.add("g", std::format("{}:{}", to_string(recipe.gravity), to_string(recipe.no_face)));
  else if (recipe.gravity != Gravity::center)
    writer.add("g", to_string(recipe.gravity));
  writer.add_number("q", recipe.quality);
  if (recipe.background) writer.add("bg", to_hex_color(*recipe.background));
  if (recipe.enlarge) writer.add("enlarge", "1");
  write_operations(writer, recipe);
  if (recipe.format) writer.add("fm", to_string(*recipe.format));
  return writer.take();
}

}  // namespace calotype
