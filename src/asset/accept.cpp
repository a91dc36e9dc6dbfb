// SPDX-License-Identifier: Apache-2.0
// Reads an Accept header (RFC 9110 §12.5.1) as far as it bears on our formats. A range that is
// malformed is passed over: the header is a wish, and a wish that cannot be read changes nothing.
#include "asset/accept.hpp"

#include <array>
#include <cctype>
#include <cstddef>
#include <initializer_list>

#include "asset/parameter.hpp"
#include "asset/recipe.hpp"

namespace calotype {
namespace {

/// Weights from 0 to 1000; −1 where the header does not say.
struct Wishes {
  std::array<int, image_formats.size()> named = {-1, -1, -1, -1, -1, -1};  // by ImageFormat
  int image = -1;                                                          // image/*
  int anything = -1;                                                       // */*
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// Where `separator` stands outside of quoted strings (RFC 9110 §5.6.4); npos: nowhere.
std::size_t find_unquoted(std::string_view text, char separator) {
  bool is_quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') is_quoted = !is_quoted;
    if (text[at] == separator && !is_quoted) return at;
    if (text[at] == '\\' && is_quoted) ++at;
  }
  return std::string_view::npos;
}

/// Takes the text up to `separator` off the front.
std::string_view take_until(std::string_view& text, char separator) {
  const auto end = find_unquoted(text, separator);
  const auto piece = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return trimmed(piece);
}

/// The q of a range's parameters, 1 where there is none; nothing where it is malformed.
std::optional<int> weight_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const auto parameter = lower(take_until(parameters, ';'));
    if (!parameter.starts_with("q=")) continue;
    const auto weight = parse_decimal(std::string_view(parameter).substr(2), 0, 1);
    if (!weight) return std::nullopt;
    return static_cast<int>(*weight * 1000);
  }
  return 1000;
}

Wishes read_accept(std::string_view accept) {
  Wishes wishes;
  while (!accept.empty()) {
    auto range = take_until(accept, ',');
    const auto type = lower(take_until(range, ';'));
    const auto weight = weight_of(range);
    if (!weight) continue;
    if (type == "*/*") wishes.anything = *weight;
    if (type == "image/*") wishes.image = *weight;
    for (const auto format : image_formats)
      if (type == media_type_of(format)) wishes.named[static_cast<std::size_t>(format)] = *weight;
  }
  return wishes;
}

int weight(const Wishes& wishes, ImageFormat format) {
  const int named = wishes.named[static_cast<std::size_t>(format)];
  if (named >= 0) return named;
  return wishes.image >= 0 ? wishes.image : wishes.anything;
}

}  // namespace

int accepted_weight(std::string_view accept, std::string_view type) {
  const std::string group = std::string(type.substr(0, type.find('/') + 1)) + "*";
  int exact = -1;
  int in_group = -1;
  int anything = -1;
  while (!accept.empty()) {
    auto range = take_until(accept, ',');
    const auto name = lower(take_until(range, ';'));
    const auto weight = weight_of(range);
    if (!weight) continue;
    if (name == type) exact = *weight;
    if (name == group) in_group = *weight;
    if (name == "*/*") anything = *weight;
  }
  return exact >= 0 ? exact : in_group >= 0 ? in_group : anything;
}

ImageFormat negotiate_format(std::string_view accept, const Carried& carried) {
  const Wishes wishes = read_accept(accept);
  const auto named = [&](ImageFormat format) {
    return wishes.named[static_cast<std::size_t>(format)];
  };
  const int avif = named(ImageFormat::avif);
  const int webp = named(ImageFormat::webp);
  const int jxl = named(ImageFormat::jxl);
  // What moves costs AVIF a picture's price for each frame.
  if (carried.is_animated)
    return webp > 0 && webp >= avif ? ImageFormat::webp
           : avif > 0               ? ImageFormat::avif
                                    : ImageFormat::gif;
  if (avif > 0 && avif >= webp && avif >= jxl) return ImageFormat::avif;
  if (webp > 0 && webp >= jxl) return ImageFormat::webp;
  if (jxl > 0) return ImageFormat::jxl;

  const bool jpeg_carries = !carried.has_alpha && !carried.is_lossless;
  const bool own_serves = carried.original == ImageFormat::png ||
                          (carried.original == ImageFormat::jpeg && jpeg_carries);
  const ImageFormat usual = jpeg_carries ? ImageFormat::jpeg : ImageFormat::png;
  const ImageFormat first = own_serves ? *carried.original : usual;
  const ImageFormat second = first == ImageFormat::png ? ImageFormat::jpeg : ImageFormat::png;
  const bool second_carries = second == ImageFormat::png || jpeg_carries;
  if (weight(wishes, first) <= 0 && weight(wishes, second) > 0 && second_carries) return second;
  return first;
}

}  // namespace calotype
