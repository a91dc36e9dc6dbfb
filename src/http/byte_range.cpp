// SPDX-License-Identifier: Apache-2.0
#include "http/byte_range.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "http/request_head.hpp"

namespace calotype {
namespace {

constexpr std::size_t ranges_max = 16;
constexpr std::size_t ranges_read_max = 256;

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || stop != end) return std::nullopt;
  if (error == std::errc::result_out_of_range) return UINT64_MAX;
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

struct Spec {
  bool valid = false;
  std::optional<ByteRange> range;  // nothing: valid, but outside the representation
};

Spec parse_spec(std::string_view text, std::uint64_t total) {
  const auto dash = text.find('-');
  if (dash == text.npos) return {};
  const std::string_view first_text = trim(text.substr(0, dash));
  const std::string_view last_text = trim(text.substr(dash + 1));
  const auto last = parse_number(last_text);
  if (first_text.empty()) {
    if (!last) return {};
    if (*last == 0 || total == 0) return {true, std::nullopt};
    const std::uint64_t size = std::min(*last, total);
    return {true, ByteRange{total - size, size}};
  }
  const auto first = parse_number(first_text);
  if (!first || (!last_text.empty() && (!last || *last < *first))) return {};
  if (*first >= total) return {true, std::nullopt};
  const std::uint64_t end = last_text.empty() ? total - 1 : std::min(*last, total - 1);
  return {true, ByteRange{*first, end - *first + 1}};
}

std::vector<ByteRange> join(const std::vector<ByteRange>& ranges) {
  std::vector<ByteRange> sorted = ranges;
  std::ranges::sort(sorted, {}, &ByteRange::offset);
  std::vector<ByteRange> joined;
  for (const ByteRange& range : sorted) {
    if (!joined.empty() && range.offset <= joined.back().offset + joined.back().size)
      joined.back().size =
          std::max(joined.back().offset + joined.back().size, range.offset + range.size) -
          joined.back().offset;
    else
      joined.push_back(range);
  }
  return joined.size() == ranges.size() ? ranges : joined;
}

}  // namespace

RangeChoice choose_ranges(std::string_view field, std::uint64_t representation_bytes) {
  constexpr std::string_view unit = "bytes=";
  if (field.size() < unit.size() || !equal_ignoring_case(field.substr(0, unit.size()), unit))
    return WholeRange{};
  std::string_view rest = field.substr(unit.size());
  std::vector<ByteRange> ranges;
  std::size_t specs = 0;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    const std::string_view text = trim(rest.substr(0, comma));
    rest = comma == rest.npos ? std::string_view{} : rest.substr(comma + 1);
    if (text.empty()) continue;
    const Spec spec = parse_spec(text, representation_bytes);
    if (!spec.valid || ++specs > ranges_read_max) return WholeRange{};
    if (spec.range) ranges.push_back(*spec.range);
  }
  if (specs == 0) return WholeRange{};
  if (ranges.empty()) return UnsatisfiableRange{};
  ranges = join(ranges);
  if (ranges.size() > ranges_max) return WholeRange{};
  return ranges;
}

}  // namespace calotype
