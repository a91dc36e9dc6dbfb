// SPDX-License-Identifier: Apache-2.0
#include "http/asset_query.hpp"

#include <algorithm>
#include <charconv>
#include <format>
#include <functional>
#include <map>
#include <sstream>

namespace calotype {
namespace {

using FindText = std::function<const std::string*(std::string_view name)>;

struct TextFilter {
  std::string_view name;
  std::string AssetQuery::* value;
};
constexpr TextFilter text_filters[] = {{"type", &AssetQuery::type},
                                       {"collection", &AssetQuery::collection},
                                       {"tag", &AssetQuery::tag},
                                       {"camera", &AssetQuery::camera},
                                       {"name", &AssetQuery::name}};

/// One end of a range.
struct EndFilter {
  std::string_view name;
  Between AssetQuery::* range;
  bool is_least;
};
constexpr EndFilter number_filters[] = {
    {"width_min", &AssetQuery::width, true},   {"width_max", &AssetQuery::width, false},
    {"height_min", &AssetQuery::height, true}, {"height_max", &AssetQuery::height, false},
    {"bytes_min", &AssetQuery::bytes, true},   {"bytes_max", &AssetQuery::bytes, false}};
/// From a time on, and before a time.
constexpr EndFilter time_filters[] = {{"created_after", &AssetQuery::created, true},
                                      {"created_before", &AssetQuery::created, false},
                                      {"taken_after", &AssetQuery::taken, true},
                                      {"taken_before", &AssetQuery::taken, false}};

struct NamedSort {
  std::string_view name;
  AssetQuery::Sort sort;
};
constexpr NamedSort sorts[] = {{"created", AssetQuery::Sort::created},
                               {"taken", AssetQuery::Sort::taken},
                               {"bytes", AssetQuery::Sort::bytes},
                               {"name", AssetQuery::Sort::name}};

Result<std::int64_t> parse_whole(std::string_view name, const std::string& text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number < 0)
    return fail(ErrorCode::bad_request, std::format("{} is a whole number.", name));
  return number;
}

/// RFC 3339, or the day alone.
Result<std::int64_t> parse_time(std::string_view name, const std::string& text) {
  for (const char* form : {"%FT%TZ", "%FT%T%Ez", "%F"}) {
    std::istringstream in(text);
    Timestamp time;
    in >> std::chrono::parse(form, time);
    if (!in.fail() && in.peek() == std::char_traits<char>::eof())
      return std::int64_t{time.time_since_epoch().count()};
  }
  return fail(ErrorCode::bad_request,
              std::format("{} is a time like 2026-11-28T13:40:00Z, or a day.", name));
}

Result<void> parse_order(const FindText& find, AssetQuery& query) {
  if (const std::string* sort = find("sort")) {
    const auto* const named = std::ranges::find(sorts, *sort, &NamedSort::name);
    if (named == std::end(sorts))
      return fail(ErrorCode::bad_request,
                  std::format("sort is created, taken, bytes or name, not “{}”.", *sort));
    query.sort = named->sort;
  }
  if (const std::string* order = find("order")) {
    if (*order != "asc" && *order != "desc")
      return fail(ErrorCode::bad_request, std::format("order is asc or desc, not “{}”.", *order));
    query.descending = *order == "desc";
  }
  return {};
}

Result<AssetQuery> parse(const FindText& find_any) {
  const FindText find = [&](std::string_view name) -> const std::string* {
    const std::string* text = find_any(name);
    return text == nullptr || text->empty() ? nullptr : text;
  };
  AssetQuery query;
  for (const TextFilter& filter : text_filters)
    if (const std::string* text = find(filter.name)) query.*filter.value = *text;
  for (const EndFilter& filter : number_filters) {
    const std::string* text = find(filter.name);
    if (text == nullptr) continue;
    Between& range = query.*filter.range;
    TRY((filter.is_least ? range.from : range.to), parse_whole(filter.name, *text));
  }
  for (const EndFilter& filter : time_filters) {
    const std::string* text = find(filter.name);
    if (text == nullptr) continue;
    TRY(const std::int64_t time, parse_time(filter.name, *text));
    Between& range = query.*filter.range;
    (filter.is_least ? range.from : range.to) = filter.is_least ? time : time - 1;
  }
  if (const std::string* state = find("state")) {
    auto states = parse_states(*state);
    if (!states)
      return fail(ErrorCode::bad_request, std::format("There is no state “{}”.", *state));
    query.states = *std::move(states);
  }
  TRY_VOID(parse_order(find, query));
  return query;
}

}  // namespace

std::vector<std::string_view> asset_query_names() {
  std::vector<std::string_view> names{"state", "sort", "order"};
  for (const TextFilter& filter : text_filters) names.push_back(filter.name);
  for (const EndFilter& filter : number_filters) names.push_back(filter.name);
  for (const EndFilter& filter : time_filters) names.push_back(filter.name);
  return names;
}

Result<AssetQuery> parse_asset_query(const Query& query) {
  return parse([&](std::string_view name) { return query.find(name); });
}

Result<AssetQuery> parse_asset_filter(const json::object& filter) {
  std::map<std::string, std::string, std::less<>> texts;
  for (const auto& member : filter) {
    const json::value& value = member.value();
    const std::string name(member.key());
    if (!std::ranges::contains(asset_query_names(), name) || name == "sort" || name == "order")
      return fail(ErrorCode::bad_request,
                  std::format("There is no filter “{}”.", name.substr(0, 80)));
    if (!value.is_string() && !value.is_int64())
      return fail(ErrorCode::bad_request, std::format("{} is a text or a whole number.", name));
    texts[name] =
        value.is_string() ? std::string(value.get_string()) : std::to_string(value.get_int64());
  }
  TRY(AssetQuery query, parse([&](std::string_view name) -> const std::string* {
        const auto place = texts.find(name);
        return place == texts.end() ? nullptr : &place->second;
      }));
  if (std::ranges::contains(query.states, AssetState::deleted))
    return fail(ErrorCode::bad_request, "What is deleted cannot be changed.");
  if (query == AssetQuery{})
    return fail(ErrorCode::bad_request, "The filter asks for nothing, which would be everything.");
  return query;
}

std::optional<std::vector<AssetState>> parse_states(std::string_view text) {
  if (text == "PENDING") return std::vector{AssetState::ingested, AssetState::dedup_check};
  const auto state = parse_asset_state(text);
  if (!state) return std::nullopt;
  return std::vector{*state};
}

}  // namespace calotype
