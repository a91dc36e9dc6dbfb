// SPDX-License-Identifier: Apache-2.0
#include "cache/resolution_text.hpp"

#include <array>
#include <charconv>
#include <format>

namespace calotype {
namespace {

constexpr std::size_t check_length = 32;

std::string check_of(std::string_view asset_id, std::string_view name, std::string_view fields) {
  Sha256 hash;
  for (const std::string_view part : {resolution_format, std::string_view("\n"), asset_id,
                                      std::string_view("\n"), name, std::string_view("\n"), fields})
    hash.update(as_bytes(part));
  return hash.finish().hex().substr(0, check_length);
}

/// Takes off the text up to the separator, and the separator; nothing where there is none.
std::optional<std::string_view> cut(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  if (end == text.npos) return std::nullopt;
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end + 1);
  return part;
}

template <class Number>
bool read(std::optional<std::string_view> text, Number& number) {
  if (!text) return false;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  return !text->empty() && error == std::errc{} && end == text->data() + text->size();
}

bool read_time(std::optional<std::string_view> text, Timestamp& time) {
  std::int64_t ms = 0;
  if (!read(text, ms)) return false;
  time = Timestamp{std::chrono::milliseconds{ms}};
  return true;
}

bool read_numbers(std::string_view line, Resolution& found) {
  int alpha = 0;
  const bool good = read(cut(line, ' '), found.bytes) && read(cut(line, ' '), found.width) &&
                    read(cut(line, ' '), found.height) &&
                    read_time(cut(line, ' '), found.created_at) &&
                    read(cut(line, ' '), found.original_pages) && read(std::optional(line), alpha);
  found.original_has_alpha = alpha == 1;
  return good && (alpha == 0 || alpha == 1);
}

}  // namespace

std::string to_text(std::string_view asset_id, std::string_view name,
                    const Resolution& resolution) {
  std::string fields = std::format(
      "{}\n{}\n{}\n{}\n{}\n{} {} {} {} {} {}\n{}\n{}\n",
      resolution.known_at.time_since_epoch().count(), resolution.recipe, resolution.version,
      resolution.blob_key, resolution.digest.hex(), resolution.bytes, resolution.width,
      resolution.height, resolution.created_at.time_since_epoch().count(),
      resolution.original_pages, resolution.original_has_alpha ? 1 : 0, resolution.media_type,
      resolution.original_media_type);
  fields += check_of(asset_id, name, fields);
  return fields;
}

std::optional<Resolution> parse_resolution(std::string_view asset_id, std::string_view name,
                                           std::string_view text) {
  if (text.size() <= check_length) return std::nullopt;
  std::string_view fields = text.substr(0, text.size() - check_length);
  if (text.substr(fields.size()) != check_of(asset_id, name, fields)) return std::nullopt;
  Resolution found;
  if (!read_time(cut(fields, '\n'), found.known_at)) return std::nullopt;
  const auto recipe = cut(fields, '\n');
  const auto version = cut(fields, '\n');
  const auto blob_key = cut(fields, '\n');
  const auto digest = Digest::from_hex(cut(fields, '\n').value_or(""));
  const auto numbers = cut(fields, '\n');
  const auto media_type = cut(fields, '\n');
  const auto original = cut(fields, '\n');
  if (!recipe || !version || !blob_key || !digest || !numbers || !media_type || !original ||
      !fields.empty() || !read_numbers(*numbers, found))
    return std::nullopt;
  found.recipe = *recipe;
  found.version = *version;
  found.blob_key = *blob_key;
  found.digest = *digest;
  found.media_type = *media_type;
  found.original_media_type = *original;
  return found;
}

}  // namespace calotype
