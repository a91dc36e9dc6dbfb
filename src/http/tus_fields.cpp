// SPDX-License-Identifier: Apache-2.0
#include "http/tus_fields.hpp"

#include <algorithm>
#include <charconv>
#include <format>

#include "http/content_disposition.hpp"
#include "http/upload_facts.hpp"
#include "http/utf8_text.hpp"

namespace calotype {
namespace {

constexpr std::size_t partials_max = 1'000;
constexpr std::size_t id_characters = 26;

std::unexpected<Error> malformed(std::string_view name, std::string_view how) {
  return fail(ErrorCode::bad_request, std::format("{} is malformed: {}.", name, how));
}

/// What is kept as it came has to be text to every catalog.
bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0; });
}

/// "a, b" → a; and what follows stays in `text`.
std::string_view next_piece(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const std::string_view piece = text.substr(0, at);
  text = at == text.npos ? std::string_view{} : text.substr(at + 1);
  return piece;
}

Result<void> add_fact(std::string_view key, const std::string& value, UploadFacts& facts) {
  if (key != "filename" && key != "name") return take_fact(facts, key, value);
  if (key == "filename" || facts.file_name.empty()) facts.file_name = clean_relative_name(value);
  return {};
}

/// "http://host/v1/tus/{id}" or "/v1/tus/{id}".
std::optional<std::string> id_in_url(std::string_view url) {
  if (url.size() <= id_characters) return std::nullopt;
  const std::string_view id = url.substr(url.size() - id_characters);
  url.remove_suffix(id_characters);
  if (!is_base32(id) || !url.ends_with('/') || !is_ascii(url)) return std::nullopt;
  url.remove_suffix(1);
  return url.ends_with(tus_base) ? std::optional(std::string(id)) : std::nullopt;
}

}  // namespace

Result<std::optional<std::string_view>> single_field(const RequestHead& head,
                                                     std::string_view name) {
  std::optional<std::string_view> value;
  for (const Field& field : head.fields()) {
    if (!equal_ignoring_case(field.name, name)) continue;
    if (value) return malformed(name, "it is given twice");
    value = field.value;
  }
  return value;
}

Result<std::optional<std::uint64_t>> whole_field(const RequestHead& head, std::string_view name) {
  TRY(const auto text, single_field(head, name));
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [stopped, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc{} || stopped != end || value < 0 || text->starts_with('-'))
    return malformed(name, "a whole number of bytes is wanted");
  return static_cast<std::uint64_t>(value);
}

bool has_media_type(const RequestHead& head, std::string_view type) {
  const auto said = parse_field_parameters(head.first(FieldName::content_type));
  return said && said->value == type;
}

Result<void> read_upload_metadata(std::string_view field, UploadFacts& facts) {
  constexpr std::string_view name = "Upload-Metadata";
  std::vector<std::string_view> seen;
  while (!trim(field).empty()) {
    std::string_view pair = trim(next_piece(field, ','));
    const std::string_view key = next_piece(pair, ' ');
    if (key.empty() || !is_ascii(key))
      return malformed(name, "a pair is a key in ASCII, a blank and a value in base64");
    if (std::ranges::contains(seen, key)) return malformed(name, "a key is given twice");
    seen.push_back(key);
    const auto value = from_base64(trim(pair));
    if (!value) return malformed(name, "a value is no base64");
    TRY_VOID(add_fact(key, to_utf8(as_text(*value)), facts));
  }
  return {};
}

Result<ClaimedChecksum> parse_upload_checksum(std::string_view field) {
  constexpr std::string_view name = "Upload-Checksum";
  const std::string_view algorithm = next_piece(field, ' ');
  auto checksum = Checksum::of(algorithm);
  if (!checksum)
    return fail(ErrorCode::bad_request, std::format("{} knows {}.", name, Checksum::algorithms));
  auto sum = from_base64(trim(field));
  if (!sum || sum->empty()) return malformed(name, "the sum is no base64");
  return ClaimedChecksum{*std::move(checksum), *std::move(sum)};
}

Result<UploadConcat> parse_upload_concat(std::string_view field) {
  constexpr std::string_view name = "Upload-Concat";
  if (field == "partial") return UploadConcat{.is_partial = true};
  constexpr std::string_view final_mark = "final;";
  if (!field.starts_with(final_mark)) return malformed(name, "it is partial, or final;URL URL");
  field.remove_prefix(final_mark.size());
  UploadConcat concat;
  while (!trim(field).empty()) {
    const std::string_view url = next_piece(field = trim(field), ' ');
    auto id = id_in_url(url);
    if (!id) return malformed(name, "an upload of this server is named by its URL");
    if (concat.partials.size() == partials_max)
      return malformed(name, std::format("it names more than {} uploads", partials_max));
    concat.partials.push_back(*std::move(id));
  }
  if (concat.partials.empty()) return malformed(name, "a final upload names its partial ones");
  return concat;
}

}  // namespace calotype
