// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/iiif.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <optional>
#include <utility>

#include "asset/parameter.hpp"
#include "http/dialects/exact_size.hpp"
#include "http/dialects/percent.hpp"

namespace calotype {
namespace {

constexpr std::uint32_t whole_max = 2'000'000'000;
constexpr double percent_max = 1'000'000;

using Parts = std::array<std::string_view, 4>;

/// The parts between commas; their number is 5 where there are more than four.
std::size_t split(std::string_view text, Parts& parts) {
  for (std::size_t count = 0;; ++count) {
    if (count == parts.size()) return count + 1;
    const auto end = text.find(',');
    parts[count] = text.substr(0, end);
    if (end == std::string_view::npos) return count + 1;
    text.remove_prefix(end + 1);
  }
}

std::optional<double> read_part(std::string_view text, bool is_percent) {
  if (is_percent) return parse_decimal(text, 0, percent_max);
  const auto whole = parse_whole(text, 0, whole_max);
  return whole ? std::optional<double>(*whole) : std::nullopt;
}

Result<IiifRegion> parse_region(std::string_view text) {
  using enum IiifRegion::Form;
  if (text == "full") return IiifRegion{};
  if (text == "square") return IiifRegion{.form = square};
  const bool is_percent = text.starts_with("pct:");
  Parts parts;
  const std::size_t count = split(is_percent ? text.substr(4) : text, parts);
  IiifRegion region{.form = is_percent ? percent : pixels};
  bool understood = count == parts.size();
  const std::array<double*, 4> numbers = {&region.left, &region.top, &region.width, &region.height};
  for (std::size_t i = 0; understood && i < parts.size(); ++i) {
    const auto number = read_part(parts[i], is_percent);
    understood = number.has_value();
    if (understood) *numbers[i] = *number;
  }
  if (!understood) return refuse("region", "full, square, x,y,w,h or pct:x,y,w,h", text);
  if (region.width <= 0 || region.height <= 0)
    return fail(ErrorCode::bad_recipe,
                "region must be at least a pixel wide and high, not " + in_quotes(text) + ".");
  return region;
}

std::unexpected<Error> refuse_size(std::string_view text) {
  return refuse("size",
                "max, w,h, w, or ,h in pixels, !w,h or pct:n, each with ^ where it may enlarge",
                text);
}

Result<IiifSize> parse_size(std::string_view text) {
  using enum IiifSize::Form;
  IiifSize size;
  std::string_view rest = text;
  size.may_enlarge = rest.starts_with('^');
  if (size.may_enlarge) rest.remove_prefix(1);
  if (rest == "max") return size;
  if (rest.starts_with("pct:")) {
    const auto percent_of = parse_decimal(rest.substr(4), 0, percent_max);
    if (!percent_of || *percent_of <= 0) return refuse_size(text);
    size.form = percent;
    size.percent = *percent_of;
    return size;
  }
  const bool is_confined = rest.starts_with('!');
  if (is_confined) rest.remove_prefix(1);
  Parts parts;
  if (split(rest, parts) != 2) return refuse_size(text);
  const auto width = parse_whole(parts[0], 1, whole_max);
  const auto height = parse_whole(parts[1], 1, whole_max);
  const bool has_both = width && height;
  const bool has_one = (width && parts[1].empty()) || (height && parts[0].empty());
  if (!has_both && (is_confined || !has_one)) return refuse_size(text);
  size.width = width.value_or(0);
  size.height = height.value_or(0);
  size.form = is_confined ? confined : has_both ? exact : width ? by_width : by_height;
  return size;
}

Result<void> parse_rotation(IiifRequest& request, std::string_view text) {
  request.mirror = text.starts_with('!');
  const auto degrees = parse_decimal(request.mirror ? text.substr(1) : text, 0, 360);
  if (!degrees)
    return refuse("rotation", "degrees from 0 to 360, with ! before them to mirror first", text);
  request.rotation = static_cast<std::uint16_t>(std::lround(*degrees * 100) % 36'000);
  return {};
}

Result<void> parse_quality(IiifRequest& request, std::string_view text) {
  const auto point = text.rfind('.');
  const auto quality = text.substr(0, point);
  const auto format = point == std::string_view::npos ? "" : text.substr(point + 1);
  if (quality == "gray")
    request.tone = Tone::gray;
  else if (quality == "bitonal")
    request.tone = Tone::bitonal;
  else if (quality != "default" && quality != "color")
    return refuse("quality", one_of({"default", "color", "gray", "bitonal"}), quality);
  for (const auto known : image_formats) {
    if (extension_of(known) != format) continue;
    request.format = known;
    return {};
  }
  return refuse("format", one_of({"jpg", "png", "webp", "gif", "avif", "jxl"}), format);
}

Result<Region> settle_region(const IiifRegion& region, PictureSize picture) {
  using enum IiifRegion::Form;
  const std::uint32_t shorter = std::min(picture.width, picture.height);
  if (region.form == full) return Region{0, 0, picture.width, picture.height};
  if (region.form == square)
    return Region{(picture.width - shorter) / 2, (picture.height - shorter) / 2, shorter, shorter};
  struct Span {
    std::uint32_t start, length;
  };
  // Both ends are rounded, so that regions that touch in percent touch in pixels.
  const auto span = [&](double start, double length, std::uint32_t side) -> std::optional<Span> {
    const double scale = region.form == percent ? side / 100.0 : 1;
    const double first = std::round(start * scale);
    const double last =
        std::min<double>(side, std::max(first + 1, std::round((start + length) * scale)));
    if (first >= side) return std::nullopt;
    return Span{static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last - first)};
  };
  const auto across = span(region.left, region.width, picture.width);
  const auto down = span(region.top, region.height, picture.height);
  if (!across || !down)
    return fail(ErrorCode::bad_recipe,
                std::format("region lies outside of the picture, which has {} × {} pixels.",
                            picture.width, picture.height));
  return Region{across->start, down->start, across->length, down->length};
}

bool is_within(PictureSize size, const IiifLimits& limits) {
  return std::max(size.width, size.height) <= limits.side_max &&
         std::uint64_t{size.width} * size.height <= limits.area_max;
}

/// The largest of the region's proportions that the limits let be made.
PictureSize largest(PictureSize region, const IiifLimits& limits) {
  const double area = static_cast<double>(region.width) * region.height;
  const double share = std::min({static_cast<double>(limits.side_max) / region.width,
                                 static_cast<double>(limits.side_max) / region.height,
                                 std::sqrt(static_cast<double>(limits.area_max) / area)});
  const auto side = [&](std::uint32_t length) {
    return std::max(1U, static_cast<std::uint32_t>(length * share));
  };
  PictureSize size = at_width(region, side(region.width));
  if (!is_within(size, limits)) size = {side(region.width), side(region.height)};
  return size;
}

PictureSize maximum(PictureSize region, bool may_enlarge, const IiifLimits& limits) {
  return !may_enlarge && is_within(region, limits) ? region : largest(region, limits);
}

/// Before it is held against the limits; a side of 0 is less than half a pixel.
PictureSize wanted_size(const IiifSize& size, PictureSize region, const IiifLimits& limits) {
  switch (size.form) {
    case IiifSize::Form::max:
      return maximum(region, size.may_enlarge, limits);
    case IiifSize::Form::by_width:
      return at_width(region, size.width);
    case IiifSize::Form::by_height:
      return at_height(region, size.height);
    case IiifSize::Form::exact:
      return {size.width, size.height};
    case IiifSize::Form::confined: {
      const PictureSize fitted = fit_within(region, {size.width, size.height});
      return is_within(fitted, limits) ? fitted : largest(region, limits);
    }
    case IiifSize::Form::percent: {
      const auto side = [&](std::uint32_t length) {
        return static_cast<std::uint32_t>(
            std::min<double>(whole_max, std::round(length * size.percent / 100)));
      };
      return {side(region.width), side(region.height)};
    }
  }
  std::unreachable();
}

Result<PictureSize> settle_size(const IiifSize& size, PictureSize region,
                                const IiifLimits& limits) {
  const PictureSize wanted = wanted_size(size, region, limits);
  const auto refused = [&](std::string why) {
    return fail(ErrorCode::bad_recipe,
                std::format("size makes {} × {} pixels of a region of {} × {}; {}", wanted.width,
                            wanted.height, region.width, region.height, why));
  };
  if (wanted.width == 0 || wanted.height == 0) return refused("a side needs at least one.");
  if (!size.may_enlarge && (wanted.width > region.width || wanted.height > region.height))
    return refused("only ^ before the size lets it be enlarged.");
  if (!is_within(wanted, limits))
    return refused(
        std::format("at most {} a side and {} in all are made.", limits.side_max, limits.area_max));
  return wanted;
}

std::string degrees(std::uint16_t hundredths) {
  std::string text = std::format("{}.{:02}", hundredths / 100, hundredths % 100);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string canonical_text(const IiifRequest& request, const Recipe& recipe, PictureSize region,
                           PictureSize size, const IiifLimits& limits) {
  const Region& part = recipe.region;
  std::string text = part.width == 0
                         ? "full"
                         : std::format("{},{},{},{}", part.left, part.top, part.width, part.height);
  if (size == maximum(region, false, limits))
    text += "/max/";
  else if (size == maximum(region, true, limits))
    text += "/^max/";
  else
    text += std::format("/{}{},{}/", recipe.enlarge ? "^" : "", size.width, size.height);
  if (request.mirror) text += '!';
  text += degrees(request.rotation);
  const bool is_gray = request.tone == Tone::gray;
  text += request.tone == Tone::color ? "/default." : is_gray ? "/gray." : "/bitonal.";
  return text.append(extension_of(request.format));
}

}  // namespace

Result<IiifRequest> parse_iiif(std::string_view region, std::string_view size,
                               std::string_view rotation, std::string_view quality_and_format) {
  std::array<std::string, 4> decoded;
  const std::array raw = {region, size, rotation, quality_and_format};
  for (std::size_t i = 0; i < raw.size(); ++i) {
    auto text = percent_decode(raw[i]);
    if (!text)
      return fail(ErrorCode::bad_recipe, in_quotes(raw[i]) +
                                             " is not percent-encoded properly; % needs two "
                                             "hexadecimal digits.");
    decoded[i] = *std::move(text);
  }
  IiifRequest request;
  TRY(request.region, parse_region(decoded[0]));
  TRY(request.size, parse_size(decoded[1]));
  TRY_VOID(parse_rotation(request, decoded[2]));
  TRY_VOID(parse_quality(request, decoded[3]));
  return request;
}

Result<IiifPicture> settle_iiif(const IiifRequest& request, PictureSize picture,
                                const IiifLimits& limits) {
  TRY(const Region region, settle_region(request.region, picture));
  const PictureSize part{region.width, region.height};
  TRY(const PictureSize size, settle_size(request.size, part, limits));
  const PictureSize turned = turned_size(size, request.rotation);
  if (!is_within(turned, limits))
    return fail(
        ErrorCode::bad_recipe,
        std::format("rotation makes {} × {} pixels; at most {} a side and {} in all are made.",
                    turned.width, turned.height, limits.side_max, limits.area_max));
  IiifPicture settled;
  Recipe& recipe = settled.recipe;
  set_exact_region(recipe, picture, region);
  set_exact_size(recipe, part, size);
  recipe.mirror = request.mirror;
  recipe.rotation = request.rotation;
  recipe.tone = request.tone;
  recipe.page = 1;
  recipe.format = request.format;
  recipe = canonical(recipe);
  settled.canonical = canonical_text(request, recipe, part, size, limits);
  return settled;
}

std::vector<std::uint32_t> iiif_scale_factors(PictureSize picture) {
  std::vector<std::uint32_t> factors = {1};
  const std::uint64_t longer = std::max(picture.width, picture.height);
  while (longer > std::uint64_t{iiif_tile_side} * factors.back())
    factors.push_back(factors.back() * 2);
  return factors;
}

std::vector<PictureSize> iiif_sizes(PictureSize picture, const IiifLimits& limits) {
  std::vector<PictureSize> sizes;
  for (const std::uint32_t factor : iiif_scale_factors(picture)) {
    const PictureSize size = at_width(picture, std::max(1U, (picture.width + factor / 2) / factor));
    if (is_within(size, limits)) sizes.insert(sizes.begin(), size);
  }
  return sizes;
}

}  // namespace calotype
