// SPDX-License-Identifier: Apache-2.0
#include "catalog/listing_query.hpp"

#include <array>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "catalog/id_batches.hpp"
#include "catalog/labels.hpp"
#include "catalog/sql_listing.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

using Sort = AssetQuery::Sort;

constexpr std::size_t words_max = 3;
constexpr std::size_t states_max = 2;
constexpr std::size_t identity_bits = 60;

/// Behind every text that a name or a word can be: they are at most 255 bytes.
const std::string& last_text() {
  static const std::string text = [] {
    std::string all;
    for (int i = 0; i < 64; ++i) all += "\xf4\x8f\xbf\xbf";  // U+10FFFF
    return all;
  }();
  return text;
}

/// The rarest first, as far as one can guess: the walk is along the first that is asked for.
struct LabelFilter {
  std::string_view kind;
  std::string AssetQuery::* value;
};
constexpr std::array label_filters = {LabelFilter{label_kind::tag, &AssetQuery::tag},
                                      LabelFilter{label_kind::collection, &AssetQuery::collection},
                                      LabelFilter{label_kind::camera, &AssetQuery::camera},
                                      LabelFilter{label_kind::type, &AssetQuery::type}};

struct RangeFilter {
  Between AssetQuery::* range;
  std::string_view column;
  std::string_view candidates_sql;
};
constexpr std::array range_filters = {
    RangeFilter{&AssetQuery::bytes, "bytes",
                "SELECT asset_no FROM listing WHERE bytes BETWEEN $2 AND $3 ORDER BY bytes "
                "LIMIT $1"},
    RangeFilter{&AssetQuery::width, "width",
                "SELECT asset_no FROM listing WHERE width > 0 AND width BETWEEN $2 AND $3 "
                "ORDER BY width LIMIT $1"},
    RangeFilter{&AssetQuery::height, "height",
                "SELECT asset_no FROM listing WHERE height > 0 AND height BETWEEN $2 AND $3 "
                "ORDER BY height LIMIT $1"},
    RangeFilter{&AssetQuery::taken, "taken_at",
                "SELECT asset_no FROM listing WHERE taken_at BETWEEN $2 AND $3 ORDER BY taken_at "
                "LIMIT $1"},
    RangeFilter{&AssetQuery::created, "created_at",
                "SELECT asset_no FROM listing WHERE created_at BETWEEN $2 AND $3 "
                "ORDER BY created_at LIMIT $1"}};

constexpr std::string_view label_candidates =
    "SELECT asset_no FROM label WHERE kind = $2 AND value = $3 ORDER BY created_at, asset_no "
    "LIMIT $1";
constexpr std::string_view word_candidates =
    "SELECT asset_no FROM label WHERE kind = 'word' AND value >= $2 AND value < $3 "
    "ORDER BY value LIMIT $1";
constexpr std::string_view state_candidates =
    "SELECT asset_no FROM (SELECT asset_no FROM asset WHERE state = $2 ORDER BY created_at, "
    "asset_no LIMIT $1) AS a UNION ALL SELECT asset_no FROM (SELECT asset_no FROM asset "
    "WHERE state = $3 ORDER BY created_at, asset_no LIMIT $1) AS b";

std::string_view column_of(Sort sort) {
  switch (sort) {
    case Sort::created:
      return "created_at";
    case Sort::taken:
      return "taken_at";
    case Sort::bytes:
      return "bytes";
    case Sort::name:
      return "name";
  }
  return {};
}

/// All filters, those that are not asked for with values that let everything through; so the text
/// is always the same. Each is worked out for one row at a time, and is written so that no planner
/// thinks of reading an index for it: a sum instead of a column, a count instead of EXISTS.
std::string filters_sql() {
  std::string sql;
  std::size_t next = 1;
  for (const RangeFilter& filter : range_filters) {
    sql += std::format("l.{} + 0 BETWEEN ${} AND ${} AND ", filter.column, next, next + 1);
    next += 2;
  }
  for (const LabelFilter& filter : label_filters) {
    sql += std::format(
        "(${0} = '' OR (SELECT COUNT(*) FROM label t WHERE t.asset_no = l.asset_no "
        "AND t.kind = '{1}' AND t.value = ${0}) > 0) AND ",
        next++, filter.kind);
  }
  for (std::size_t i = 0; i < words_max; ++i) {
    sql += std::format(
        "(${0} = '' OR (SELECT COUNT(*) FROM label t WHERE t.asset_no = l.asset_no "
        "AND t.kind = 'word' AND t.value >= ${0} AND t.value < ${1}) > 0) AND ",
        next, next + 1);
    next += 2;
  }
  return sql + std::format(
                   "(${0} = '' OR (SELECT COUNT(*) FROM asset s WHERE s.asset_no = l.asset_no "
                   "AND s.state IN (${0}, ${1})) > 0)",
                   next, next + 1);
}
constexpr std::size_t filter_values_count =
    2 * range_filters.size() + label_filters.size() + 2 * words_max + states_max;

ListingPlace read_place(const Row& row, Sort sort) {
  Columns columns(row);
  ListingPlace place;
  if (sort == Sort::name)
    place.text = columns.text();
  else
    place.number = columns.integer();
  place.asset_no = columns.integer();
  return place;
}

Value key_of(const ListingPlace& place, Sort sort) {
  return sort == Sort::name ? Value(place.text) : Value(place.number);
}

}  // namespace

Result<ListingQuery> ListingQuery::make(const AssetQuery& query) {
  ListingQuery made(query);
  AssetQuery& wanted = made.query_;
  if (wanted.states.size() > states_max)
    return fail(ErrorCode::bad_request, "At most two states are asked for at once.");
  made.spell_words();
  if (made.words_.size() > words_max)
    return fail(ErrorCode::bad_request,
                std::format("A name is asked for by at most {} words.", words_max));
  for (Between* sides : {&wanted.width, &wanted.height})
    if (*sides != Between{}) sides->from = std::max(sides->from, std::int64_t{1});
  if (wanted.taken != Between{}) wanted.taken.from = std::max(wanted.taken.from, undated + 1);
  made.choose_walk();
  return made;
}

/// As `label` has them.
void ListingQuery::spell_words() {
  for (const LabelFilter& filter : label_filters) {
    std::string& value = query_.*filter.value;
    std::string spelled =
        filter.kind == label_kind::camera ? folded_text(value) : label_text(value);
    finds_nothing_ |= spelled.empty() && !value.empty();
    value = std::move(spelled);
  }
  words_ = words_of(query_.name);
  finds_nothing_ |= words_.empty() && !query_.name.empty();
  query_.name.clear();
  for (const std::string& word : words_) {
    word_ends_.push_back(word + last_text().substr(0, 4));
    query_.name += word + " ";
  }
}

/// In the order of creation every label and every state has its own walk.
void ListingQuery::choose_walk() {
  std::size_t filters = words_.size();
  for (const RangeFilter& filter : range_filters) {
    const Between& range = query_.*filter.range;
    filters += range != Between{} && &range != sorted_range() ? 1 : 0;
  }
  for (const LabelFilter& filter : label_filters) {
    const std::string& value = query_.*filter.value;
    if (value.empty()) continue;
    ++filters;
    if (query_.sort != Sort::created || !walked_value_.empty()) continue;
    walked_kind_ = filter.kind;
    walked_value_ = value;
  }
  if (!query_.states.empty()) {
    ++filters;
    if (query_.sort == Sort::created && walked_value_.empty() && query_.states.size() == 1)
      walked_value_ = to_string(query_.states.front());
  }
  is_exact_ = filters == (walked_value_.empty() ? 0U : 1U);
}

const Between* ListingQuery::sorted_range() const {
  switch (query_.sort) {
    case Sort::created:
      return &query_.created;
    case Sort::taken:
      return &query_.taken;
    case Sort::bytes:
      return &query_.bytes;
    case Sort::name:
      return nullptr;
  }
  return nullptr;
}

ListingPlace ListingQuery::start() const {
  const Between* range = sorted_range();
  const Between all;
  if (range == nullptr) range = &all;
  if (query_.descending) return {.number = range->to, .text = last_text(), .asset_no = INT64_MAX};
  return {.number = range->from, .text = {}, .asset_no = -1};
}

Result<ListingPlaces> ListingQuery::walk(Connection& db, const ListingPlace& at,
                                         std::size_t limit) const {
  const std::string_view column = column_of(query_.sort);
  std::string_view along = "listing";
  std::string only;
  std::vector<Value> values{key_of(at, query_.sort), at.asset_no, nullptr, limit};
  if (!walked_kind_.empty()) {
    along = "label";
    only = "kind = $5 AND value = $6 AND ";
    values.insert(values.end(), {walked_kind_, walked_value_});
  } else if (!walked_value_.empty()) {
    along = "asset";
    only = "state = $5 AND ";
    values.emplace_back(walked_value_);
  }
  const bool down = query_.descending;
  const Between* range = sorted_range();
  if (range == nullptr)
    values[2] = down ? Value("") : Value(last_text());
  else
    values[2] = down ? range->from : range->to;
  const std::string sql = std::format(
      "SELECT {0}, asset_no FROM {1} WHERE {2}({0}, asset_no) {3} ($1, $2) AND {0} {4} $3 "
      "ORDER BY {0} {5}, asset_no {5} LIMIT $4",
      column, along, only, down ? "<" : ">", down ? ">=" : "<=", down ? "DESC" : "ASC");
  return query_all(db, sql, Values(values), [this](const Row& row) -> Result<ListingPlace> {
    return read_place(row, query_.sort);
  });
}

std::vector<Value> ListingQuery::filter_values() const {
  std::vector<Value> values;
  for (const RangeFilter& filter : range_filters) {
    const Between& range = query_.*filter.range;
    values.insert(values.end(), {range.from, range.to});
  }
  for (const LabelFilter& filter : label_filters) values.emplace_back(query_.*filter.value);
  for (std::size_t i = 0; i < words_max; ++i) {
    const bool asked = i < words_.size();
    values.insert(values.end(), {asked ? Value(words_[i]) : "", asked ? Value(word_ends_[i]) : ""});
  }
  for (std::size_t i = 0; i < states_max; ++i)
    values.emplace_back(i < query_.states.size() ? to_string(query_.states[i]) : "");
  return values;
}

Result<ListingPlaces> ListingQuery::passing(Connection& db,
                                            std::span<const std::int64_t> asset_nos) const {
  static const std::string filters = filters_sql();
  ListingPlaces places;
  TRY_VOID(for_each_batch(asset_nos, [&](const std::vector<Value>& batch) -> Result<void> {
    auto values = filter_values();
    values.insert(values.end(), batch.begin(), batch.end());
    const std::string sql = std::format(
        "SELECT l.{}, l.asset_no FROM listing l WHERE l.asset_no IN ({}) AND {}",
        column_of(query_.sort), placeholders(filter_values_count + 1, batch.size()), filters);
    TRY(auto found,
        query_all(db, sql, Values(values), [this](const Row& row) -> Result<ListingPlace> {
          return read_place(row, query_.sort);
        }));
    std::ranges::move(found, std::back_inserter(places));
    return {};
  }));
  return places;
}

std::vector<ListingQuery::Source> ListingQuery::sources() const {
  std::vector<Source> list;
  for (const LabelFilter& filter : label_filters)
    if (const std::string& value = query_.*filter.value; !value.empty())
      list.push_back({label_candidates, filter.kind, value});
  for (std::size_t i = 0; i < words_.size(); ++i)
    list.push_back({word_candidates, words_[i], word_ends_[i]});
  if (const auto& states = query_.states; !states.empty())
    list.push_back({state_candidates, to_string(states.front()),
                    states.size() > 1 ? to_string(states.back()) : ""});
  for (const RangeFilter& filter : range_filters)
    if (const Between& range = query_.*filter.range; range != Between{})
      list.push_back({filter.candidates_sql, range.from, range.to});
  return list;
}

Result<std::optional<std::vector<std::int64_t>>> ListingQuery::candidates(Connection& db,
                                                                          std::size_t most) const {
  std::optional<std::vector<std::int64_t>> fewest;
  for (const Source& source : sources()) {
    TRY(auto found,
        query_all(db, source.sql, {most + 1, source.first, source.second}, read_integer));
    if (found.size() > most) continue;
    std::ranges::sort(found);  // an asset may have two words that begin so
    const auto twice = std::ranges::unique(found);
    found.erase(twice.begin(), twice.end());
    most = found.size();
    fewest = std::move(found);
  }
  return fewest;
}

std::string ListingQuery::identity() const {
  std::string text = std::format("{} {}\n", column_of(query_.sort), query_.descending);
  for (const AssetState state : query_.states) text += std::format("{} ", to_string(state));
  for (const LabelFilter& filter : label_filters) text += '\n' + query_.*filter.value;
  text += '\n' + query_.name;
  for (const RangeFilter& filter : range_filters)
    text += std::format("\n{} {}", (query_.*filter.range).from, (query_.*filter.range).to);
  return to_base32(Sha256::of(as_bytes(text)).bytes, identity_bits);
}

/// In base64url: ["k3v7q2mabcde", 17, 1764337205000], the query's identity, the asset's number, its
/// key.
std::string ListingQuery::cursor_at(const ListingPlace& place) const {
  json::array parts{identity(), place.asset_no};
  parts.push_back(query_.sort == Sort::name ? json::value(place.text) : json::value(place.number));
  return to_base64url(as_bytes(json::serialize(parts)));
}

/// The key in hex, "." and the number in hex: a name's bytes as they are, and "." is less than any
/// digit, so that a name comes before what it begins; numbers with their sign turned round.
std::string ListingQuery::text_of(const ListingPlace& place) const {
  constexpr auto sign = std::uint64_t{1} << 63U;
  const std::string key =
      query_.sort == Sort::name
          ? to_hex(as_bytes(place.text))
          : std::format("{:016x}", static_cast<std::uint64_t>(place.number) ^ sign);
  return std::format("{}.{:012x}", key, place.asset_no);
}

Result<ListingPlace> ListingQuery::parse_cursor(std::string_view cursor) const {
  if (cursor.empty()) return start();
  const auto refusal = [] {
    return fail(ErrorCode::bad_request,
                "The cursor is none that a listing with these filters and this order has given.");
  };
  const auto bytes = from_base64url(cursor);
  if (!bytes) return refusal();
  const auto document = parse_json(as_text(*bytes));
  if (!document || !document->is_array() || document->get_array().size() != 3) return refusal();
  const json::array& parts = document->get_array();
  const bool is_key = query_.sort == Sort::name ? parts[2].is_string() : parts[2].is_int64();
  if (!parts[0].is_string() || parts[0].get_string() != identity() || !parts[1].is_int64() ||
      !is_key)
    return refusal();
  ListingPlace place{.number = 0, .text = {}, .asset_no = parts[1].get_int64()};
  if (query_.sort == Sort::name)
    place.text = label_text(parts[2].get_string());
  else
    place.number = parts[2].get_int64();
  return place;
}

}  // namespace calotype
