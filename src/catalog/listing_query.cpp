// SPDX-License-Identifier: Apache-2.0
#include "catalog/listing_query.hpp"

#include <array>
#include <bit>

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
constexpr std::size_t walked_words_max = 8;
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
  std::string_view source_sql;
};
constexpr std::array range_filters = {
    RangeFilter{&AssetQuery::bytes, "bytes",
                "SELECT created_at, asset_no FROM listing WHERE bytes BETWEEN $1 AND $2 "
                "ORDER BY bytes"},
    RangeFilter{&AssetQuery::width, "width",
                "SELECT created_at, asset_no FROM listing WHERE width > 0 "
                "AND width BETWEEN $1 AND $2 ORDER BY width"},
    RangeFilter{&AssetQuery::height, "height",
                "SELECT created_at, asset_no FROM listing WHERE height > 0 "
                "AND height BETWEEN $1 AND $2 ORDER BY height"},
    RangeFilter{&AssetQuery::taken, "taken_at",
                "SELECT created_at, asset_no FROM listing WHERE taken_at BETWEEN $1 AND $2 "
                "ORDER BY taken_at"},
    RangeFilter{&AssetQuery::created, "created_at",
                "SELECT created_at, asset_no FROM listing WHERE created_at BETWEEN $1 AND $2 "
                "ORDER BY created_at"}};

// The number of every filter: ranges, labels, words, and the state.
constexpr std::size_t first_label = range_filters.size();
constexpr std::size_t first_word = first_label + label_filters.size();
constexpr std::size_t state_filter = first_word + words_max;

constexpr std::string_view label_source =
    "SELECT created_at, asset_no FROM label WHERE kind = $1 AND value = $2 "
    "ORDER BY created_at, asset_no";
constexpr std::string_view word_source =
    "SELECT created_at, asset_no FROM label WHERE kind = 'word' AND value >= $1 AND value < $2 "
    "ORDER BY value";
constexpr std::string_view state_source =
    "SELECT created_at, asset_no FROM asset WHERE state IN ($1, $2) ORDER BY state";

/// Each from the one before: so many reads of the index, however many assets have the words.
constexpr std::string_view words_that_begin_so =
    "SELECT value FROM (WITH RECURSIVE found (value) AS (SELECT MIN(value) FROM label "
    "WHERE kind = 'word' AND value >= $1 AND value < $2 UNION ALL SELECT (SELECT MIN(value) "
    "FROM label WHERE kind = 'word' AND value > found.value AND value < $2) FROM found "
    "WHERE found.value IS NOT NULL) SELECT value FROM found WHERE value IS NOT NULL LIMIT $3) AS f";

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

/// Whether an asset passes all filters, from parameter `first` on: w is a row of `along`, of the
/// asset w.asset_no. What is not asked for has values that let everything through, so the text is
/// always the same. Each filter is worked out for one asset at a time, and is written so that no
/// planner thinks of anything else: one row instead of EXISTS.
std::string filters_sql(std::string_view along, std::size_t first) {
  std::size_t next = first;
  std::string ranges;
  for (const RangeFilter& filter : range_filters) {
    ranges += std::format("{}{}.{} BETWEEN ${} AND ${}", next == first ? "" : " AND ",
                          along == "listing" ? "w" : "l", filter.column, next, next + 1);
    next += 2;
  }
  if (along != "listing")
    ranges = std::format(
        "(SELECT 1 FROM listing l WHERE l.asset_no = w.asset_no AND {} LIMIT 1) IS NOT NULL",
        ranges);
  std::string sql = std::format("(${} = 0 OR ({}))", next++, ranges);
  for (const LabelFilter& filter : label_filters)
    sql += std::format(
        " AND (${0} = '' OR (SELECT 1 FROM label t WHERE t.asset_no = w.asset_no "
        "AND t.kind = '{1}' AND t.value = ${0} LIMIT 1) IS NOT NULL)",
        next++, filter.kind);
  for (std::size_t i = 0; i < words_max; ++i) {
    sql += std::format(
        " AND (${0} = '' OR (SELECT 1 FROM label t WHERE t.asset_no = w.asset_no "
        "AND t.kind = 'word' AND t.value >= ${0} AND t.value < ${1} LIMIT 1) IS NOT NULL)",
        next, next + 1);
    next += 2;
  }
  return sql + std::format(
                   " AND (${0} = '' OR (SELECT 1 FROM asset s WHERE s.asset_no = w.asset_no "
                   "AND s.state IN (${0}, ${1}) LIMIT 1) IS NOT NULL)",
                   next, next + 1);
}
constexpr std::size_t filter_values_count =
    2 * range_filters.size() + 1 + label_filters.size() + 2 * words_max + states_max;

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
  made.note_filters();
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

void ListingQuery::note_filters() {
  static_assert(filters_max == state_filter + 1);
  for (const Source& source : sources()) asked_.set(source.filter);
  for (std::size_t i = 0; i < range_filters.size(); ++i)
    kept_by_walk_.set(i, &(query_.*range_filters.at(i).range) == sorted_range());
}

/// In the order of creation every label, every word and every state has its own walk. What many
/// assets share comes last: their type, then their state.
Result<void> ListingQuery::choose_walk(Connection& db) {
  if (query_.sort != Sort::created) return {};
  if (walk_along_label(label_kind::tag) || walk_along_label(label_kind::collection) ||
      walk_along_label(label_kind::camera))
    return {};
  TRY(const bool is_along_words, walk_along_words(db));
  if (is_along_words || walk_along_label(label_kind::type)) return {};
  if (query_.states.size() == 1)
    walk_along(state_filter, {}, {std::string(to_string(query_.states.front()))});
  return {};
}

bool ListingQuery::walk_along_label(std::string_view kind) {
  const auto filter = std::ranges::find(label_filters, kind, &LabelFilter::kind);
  const std::string& value = query_.*filter->value;
  if (value.empty()) return false;
  walk_along(first_label + static_cast<std::size_t>(filter - label_filters.begin()), kind, {value});
  return true;
}

Result<bool> ListingQuery::walk_along_words(Connection& db) {
  for (std::size_t i = 0; i < words_.size(); ++i) {
    TRY(auto values, query_all(db, words_that_begin_so,
                               {words_[i], word_ends_[i], walked_words_max + 1}, read_text));
    finds_nothing_ |= values.empty();
    if (values.size() > walked_words_max) continue;
    walk_along(first_word + i, label_kind::word, std::move(values));
    return true;
  }
  return false;
}

void ListingQuery::walk_along(std::size_t filter, std::string_view kind,
                              std::vector<std::string> values) {
  kept_by_walk_.set(filter);
  walked_kind_ = kind;
  walked_values_ = std::move(values);
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

Result<WalkedPart> ListingQuery::walk(Connection& db, const ListingPlace& at,
                                      std::size_t length) const {
  // A power of two, written out: few texts, and a planner that knows how little is asked for.
  const std::size_t limit = std::bit_ceil(length);
  if (walked_values_.empty()) return walk_one(db, at, limit, {});
  WalkedPart all{.passing = {}, .length = 0, .end = at, .has_ended = true};
  for (const std::string& value : walked_values_) {
    TRY(WalkedPart part, walk_one(db, at, limit, value));
    // Nothing is known of what comes behind the first end of those that go on.
    if (!part.has_ended && (all.has_ended || comes_behind(all.end, part.end))) all.end = part.end;
    all.has_ended &= part.has_ended;
    all.length += part.length;
    std::ranges::move(part.passing, std::back_inserter(all.passing));
  }
  if (!all.has_ended)
    std::erase_if(all.passing,
                  [&](const ListingPlace& place) { return comes_behind(place, all.end); });
  put_in_order(all.passing);
  return all;
}

/// Along `listing`, a label of the value, or a state.
Result<WalkedPart> ListingQuery::walk_one(Connection& db, const ListingPlace& at, std::size_t limit,
                                          std::string_view value) const {
  const std::string_view column = column_of(query_.sort);
  std::string_view along = "listing";
  std::string_view only;
  std::vector<Value> values{key_of(at, query_.sort), at.asset_no, nullptr};
  if (!walked_kind_.empty()) {
    along = "label";
    only = "w.kind = $4 AND w.value = $5 AND ";
    values.insert(values.end(), {walked_kind_, value});
  } else if (!value.empty()) {
    along = "asset";
    only = "w.state = $4 AND ";
    values.emplace_back(value);
  }
  const bool down = query_.descending;
  const Between* range = sorted_range();
  if (range == nullptr)
    values[2] = down ? Value("") : Value(last_text());
  else
    values[2] = down ? range->from : range->to;
  std::string passes = "1";
  if (!is_exact()) {
    passes = std::format("CASE WHEN {} THEN 1 ELSE 0 END", filters_sql(along, values.size() + 1));
    std::ranges::move(values_without(kept_by_walk_), std::back_inserter(values));
  }
  const std::string sql = std::format(
      "SELECT w.{0}, w.asset_no, {6} FROM {1} w WHERE {2}(w.{0}, w.asset_no) {3} ($1, $2) AND "
      "w.{0} {4} $3 ORDER BY w.{0} {5}, w.asset_no {5} LIMIT {7}",
      column, along, only, down ? "<" : ">", down ? ">=" : "<=", down ? "DESC" : "ASC", passes,
      limit);
  WalkedPart part{.passing = {}, .length = 0, .end = at, .has_ended = false};
  TRY_VOID(db.execute(sql, Values(values), [&](const Row& row) -> Result<void> {
    ListingPlace place = read_place(row, query_.sort);
    ++part.length;
    if (comes_behind(place, part.end)) part.end = place;
    if (row.integer(2) != 0) part.passing.push_back(std::move(place));
    return {};
  }));
  part.has_ended = part.length < limit;
  put_in_order(part.passing);
  return part;
}

/// What an asset can have more than once leads to it more than once.
void ListingQuery::put_in_order(ListingPlaces& places) const {
  if (query_.descending)
    std::ranges::sort(places, std::greater{});
  else
    std::ranges::sort(places);
  const auto twice = std::ranges::unique(places);
  places.erase(twice.begin(), twice.end());
}

/// As filters_sql names them. What is kept to already is let through, as what is not asked for.
std::vector<Value> ListingQuery::values_without(const Filters& kept) const {
  const Filters checked = asked_ & ~kept;
  std::vector<Value> values;
  bool has_range = false;
  for (std::size_t i = 0; i < range_filters.size(); ++i) {
    const Between range = checked[i] ? query_.*range_filters.at(i).range : Between{};
    values.insert(values.end(), {range.from, range.to});
    has_range |= checked[i];
  }
  values.emplace_back(has_range ? 1 : 0);
  for (std::size_t i = 0; i < label_filters.size(); ++i)
    values.push_back(checked[first_label + i] ? Value(query_.*label_filters.at(i).value) : "");
  for (std::size_t i = 0; i < words_max; ++i) {
    const bool is_checked = checked[first_word + i];
    values.insert(values.end(),
                  {is_checked ? Value(words_[i]) : "", is_checked ? Value(word_ends_[i]) : ""});
  }
  for (std::size_t i = 0; i < states_max; ++i) {
    const bool is_checked = checked[state_filter] && i < query_.states.size();
    values.push_back(is_checked ? Value(to_string(query_.states[i])) : "");
  }
  return values;
}

Result<ListingPlaces> ListingQuery::passing(Connection& db,
                                            std::span<const std::int64_t> asset_nos) const {
  ListingPlaces places;
  TRY_VOID(for_each_batch(asset_nos, [&](const std::vector<Value>& batch) -> Result<void> {
    auto values = values_without({});
    values.insert(values.end(), batch.begin(), batch.end());
    const std::string sql =
        std::format("SELECT w.{}, w.asset_no FROM listing w WHERE w.asset_no IN ({}) AND {}",
                    column_of(query_.sort), placeholders(filter_values_count + 1, batch.size()),
                    filters_sql("listing", 1));
    TRY(auto found,
        query_all(db, sql, Values(values), [this](const Row& row) -> Result<ListingPlace> {
          return read_place(row, query_.sort);
        }));
    std::ranges::move(found, std::back_inserter(places));
    return {};
  }));
  put_in_order(places);
  return places;
}

std::vector<ListingQuery::Source> ListingQuery::sources() const {
  std::vector<Source> list;
  for (std::size_t i = 0; i < label_filters.size(); ++i) {
    const auto& [kind, member] = label_filters.at(i);
    if (const std::string& value = query_.*member; !value.empty())
      list.push_back({first_label + i, label_source, kind, value});
  }
  for (std::size_t i = 0; i < words_.size(); ++i)
    list.push_back({first_word + i, word_source, words_[i], word_ends_[i]});
  if (const auto& states = query_.states; !states.empty())
    list.push_back(
        {state_filter, state_source, to_string(states.front()), to_string(states.back())});
  for (std::size_t i = 0; i < range_filters.size(); ++i) {
    const RangeFilter& filter = range_filters.at(i);
    if (const Between& range = query_.*filter.range; range != Between{})
      list.push_back({i, filter.source_sql, range.from, range.to});
  }
  return list;
}

Result<std::optional<ListingPlaces>> ListingQuery::take(Connection& db, std::size_t most) const {
  std::optional<Source> fewest;
  std::int64_t count = static_cast<std::int64_t>(most) + 1;
  for (const Source& source : sources()) {
    const std::string sql =
        std::format("SELECT COUNT(*) FROM ({} LIMIT {}) AS w", source.sql, most + 1);
    TRY(const auto found, query_one(db, sql, {source.first, source.second}, read_integer));
    if (found.value_or(count) >= count) continue;
    count = *found;
    fewest = source;
  }
  if (!fewest) return std::nullopt;
  const std::string key =
      query_.sort == Sort::created
          ? "w.created_at"
          : std::format("(SELECT l.{} FROM listing l WHERE l.asset_no = w.asset_no)",
                        column_of(query_.sort));
  std::vector<Value> values{fewest->first, fewest->second};
  const std::string sql = std::format("SELECT {}, w.asset_no FROM ({} LIMIT {}) AS w WHERE {}", key,
                                      fewest->sql, most, filters_sql("taken", values.size() + 1));
  std::ranges::move(values_without(Filters{}.set(fewest->filter)), std::back_inserter(values));
  TRY(auto places,
      query_all(db, sql, Values(values), [this](const Row& row) -> Result<ListingPlace> {
        return read_place(row, query_.sort);
      }));
  put_in_order(places);
  return places;
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
