// SPDX-License-Identifier: Apache-2.0
#include "asset/photo_facts.hpp"

#include <algorithm>
#include <charconv>

#include "base/json.hpp"

namespace calotype {
namespace {

using std::chrono::minutes;

/// exif → Photo → DateTimeOriginal; empty where there is no such text.
std::string_view exif_text(const json::value& metadata, std::string_view group,
                           std::string_view tag) {
  const json::value* at = &metadata;
  for (const std::string_view name : {std::string_view("exif"), group, tag}) {
    at = at->is_object() ? at->get_object().if_contains(name) : nullptr;
    if (at == nullptr) return {};
  }
  return at->is_string() ? std::string_view(at->get_string()) : std::string_view{};
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

/// As many digits as the text has.
std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-')
    return std::nullopt;
  return value;
}

/// "+02:00"; nothing of all else.
std::optional<minutes> parse_offset(std::string_view text) {
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hour = number(text.substr(1, 2));
  const auto minute = number(text.substr(4, 2));
  if (!hour || !minute || *hour > 14 || *minute > 59) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * minutes{*hour * 60 + *minute};
}

/// "2026:11:28 13:40:05", as EXIF has it.
std::optional<Timestamp> parse_exif_time(std::string_view text) {
  constexpr std::string_view form = "####:##:## ##:##:##";
  if (text.size() < form.size()) return std::nullopt;
  text = text.substr(0, form.size());
  const bool fits = std::ranges::equal(text, form, [](char given, char wanted) {
    return wanted == '#' ? given >= '0' && given <= '9' : given == wanted;
  });
  if (!fits) return std::nullopt;
  const auto part = [&](std::size_t at, std::size_t count) {
    return number(text.substr(at, count)).value_or(0);
  };
  const std::chrono::year_month_day day{std::chrono::year{part(0, 4)},
                                        std::chrono::month{static_cast<unsigned>(part(5, 2))},
                                        std::chrono::day{static_cast<unsigned>(part(8, 2))}};
  const int hour = part(11, 2), minute = part(14, 2), second = part(17, 2);
  if (!day.ok() || part(0, 4) == 0 || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return Timestamp{std::chrono::sys_days{day}} + std::chrono::hours{hour} + minutes{minute} +
         std::chrono::seconds{second};
}

std::optional<Timestamp> taken_at(const json::value& metadata) {
  constexpr std::pair<std::string_view, std::string_view> tags[] = {
      {"DateTimeOriginal", "OffsetTimeOriginal"}, {"DateTimeDigitized", "OffsetTimeDigitized"}};
  for (const auto& [time_tag, offset_tag] : tags) {
    const auto time = parse_exif_time(exif_text(metadata, "Photo", time_tag));
    if (time)
      return *time - parse_offset(exif_text(metadata, "Photo", offset_tag)).value_or(minutes{0});
  }
  return std::nullopt;
}

}  // namespace

PhotoFacts photo_facts(std::string_view metadata_json) {
  const auto metadata = parse_json(metadata_json);
  if (!metadata) return {};
  return {.taken_at = taken_at(*metadata),
          .make = trimmed(exif_text(*metadata, "Image", "Make")),
          .model = trimmed(exif_text(*metadata, "Image", "Model"))};
}

std::string camera_name(const PhotoFacts& facts) {
  const std::string_view maker = std::string_view(facts.make).substr(0, facts.make.find(' '));
  const bool says_maker = facts.make.empty() || facts.model.starts_with(maker);
  if (facts.model.empty()) return facts.make;
  return says_maker ? facts.model : facts.make + " " + facts.model;
}

}  // namespace calotype
