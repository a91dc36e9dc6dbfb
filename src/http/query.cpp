// SPDX-License-Identifier: Apache-2.0
#include "http/query.hpp"

#include <algorithm>
#include <charconv>
#include <format>
#include <optional>

#include "http/dialects/percent.hpp"
#include "http/request_head.hpp"
#include "http/utf8_text.hpp"

namespace calotype {

namespace {

/// As forms encode it (WHATWG URL): a plus is a space.
std::optional<std::string> form_decode(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  return percent_decode(spaced);
}

}  // namespace

Result<Query> Query::parse(std::string_view raw) {
  Query query;
  while (!raw.empty()) {
    const auto end = raw.find('&');
    const std::string_view pair = raw.substr(0, end);
    raw = end == raw.npos ? std::string_view{} : raw.substr(end + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = form_decode(pair.substr(0, equals));
    auto value = form_decode(equals == pair.npos ? std::string_view{} : pair.substr(equals + 1));
    if (!name || !value)
      return fail(ErrorCode::bad_request, "The query's percent-encoding is broken.");
    if (!is_utf8(*name) || !is_utf8(*value))
      return fail(ErrorCode::bad_request, "The query is not UTF-8.");
    if (*name != "tags" && query.find(*name) != nullptr)
      return fail(ErrorCode::bad_request, std::format("{} is given twice.", *name));
    query.pairs_.emplace_back(*std::move(name), *std::move(value));
  }
  return query;
}

const std::string* Query::find(std::string_view name) const {
  const auto place = std::ranges::find(pairs_, name, [](const auto& pair) { return pair.first; });
  return place == pairs_.end() ? nullptr : &place->second;
}

std::vector<std::string> Query::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : pairs_)
    if (key == name) values.push_back(value);
  return values;
}

Result<void> Query::only(std::span<const std::string_view> names) const {
  for (const auto& [name, value] : pairs_) {
    if (std::ranges::contains(names, name)) continue;
    std::string allowed;
    for (const std::string_view known : names)
      allowed += (allowed.empty() ? "" : ", ") + std::string(known);
    return fail(ErrorCode::bad_request,
                std::format("There is no parameter “{}” here; there is: {}.", name,
                            allowed.empty() ? "none" : allowed));
  }
  return {};
}

Result<std::size_t> Query::whole(std::string_view name, std::size_t otherwise, std::size_t min,
                                 std::size_t max) const {
  const std::string* text = find(name);
  if (text == nullptr) return otherwise;
  std::size_t value = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc{} || stop != end || value < min || value > max)
    return fail(ErrorCode::bad_request,
                std::format("{} must be a whole number from {} to {}.", name, min, max));
  return value;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const std::string_view item = trim(text.substr(0, comma));
    if (!item.empty()) items.emplace_back(item);
    text = comma == text.npos ? std::string_view{} : text.substr(comma + 1);
  }
  return items;
}

}  // namespace calotype
