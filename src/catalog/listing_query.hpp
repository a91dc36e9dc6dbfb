// SPDX-License-Identifier: Apache-2.0
// The statements that listings are made of: a walk in one of the orders, all that pass one of the
// filters, and which of some assets pass the others. Each reads one index from one point on, so
// that no planner has a choice to make, whatever is asked for and however large the catalog is; and
// there are so few texts of them that each can be prepared and kept.
#pragma once

#include <bitset>

#include "catalog/database.hpp"
#include "catalog/library_catalog.hpp"

namespace calotype {

/// Where an asset stands in an order: by its key, of which one kind is used, then by its number.
struct ListingPlace {
  std::int64_t number = 0;
  std::string text{};
  std::int64_t asset_no = 0;
  auto operator<=>(const ListingPlace&) const = default;
};
using ListingPlaces = std::vector<ListingPlace>;

/// A part of a walk.
struct WalkedPart {
  ListingPlaces passing;  // in the order
  std::size_t length = 0;
  ListingPlace end;
  bool has_ended = false;
};

/// A query made ready: its words are spelled as `label` has them, and it knows what to walk along.
class ListingQuery {
 public:
  /// bad_request where a filter asks for more words or states than there may be.
  static Result<ListingQuery> make(const AssetQuery& query);

  /// To be called before anything is walked: a word of a name is asked for by how it begins, and
  /// where few words begin so, the walk is along these.
  Result<void> choose_walk(Connection& db);
  /// Whether a filter asks for what no asset has.
  bool finds_nothing() const { return finds_nothing_; }
  /// Whether the walk leads to nothing but what passes every filter.
  bool is_exact() const { return (asked_ & ~kept_by_walk_).none(); }
  /// Before the first in the order.
  ListingPlace start() const;
  /// Whether `later` comes behind `earlier`.
  bool comes_behind(const ListingPlace& later, const ListingPlace& earlier) const {
    return query_.descending ? later < earlier : later > earlier;
  }

  /// The next places behind `at`: at least `length` and less than twice that, or up to the end.
  Result<WalkedPart> walk(Connection& db, const ListingPlace& at, std::size_t length) const;
  /// All that pass every filter, in the order, where at most `most` pass one of them.
  Result<std::optional<ListingPlaces>> take(Connection& db, std::size_t most) const;
  /// Those of the assets that pass every filter, in the order.
  Result<ListingPlaces> passing(Connection& db, std::span<const std::int64_t> asset_nos) const;

  /// A place in the order of this query, as clients get it, and back: bad_request for any other
  /// query's.
  std::string cursor_at(const ListingPlace& place) const;
  /// The place as a text that compares as places do (ListedAsset::place).
  std::string text_of(const ListingPlace& place) const;
  Result<ListingPlace> parse_cursor(std::string_view cursor) const;

 private:
  explicit ListingQuery(AssetQuery query) : query_(std::move(query)) {}

  static constexpr std::size_t filters_max = 13;
  using Filters = std::bitset<filters_max>;
  /// All that pass one filter.
  struct Source {
    std::size_t filter;
    std::string_view sql;
    Value first, second;
  };

  const Between* sorted_range() const;
  void spell_words();
  void note_filters();
  bool walk_along_label(std::string_view kind);
  Result<bool> walk_along_words(Connection& db);
  void walk_along(std::size_t filter, std::string_view kind, std::vector<std::string> values);
  Result<WalkedPart> walk_one(Connection& db, const ListingPlace& at, std::size_t limit,
                              std::string_view value) const;
  std::vector<Source> sources() const;
  std::vector<Value> values_without(const Filters& kept) const;
  void put_in_order(ListingPlaces& places) const;
  std::string identity() const;

  AssetQuery query_;
  std::vector<std::string> words_;
  std::vector<std::string> word_ends_;  // behind all that begin with the word
  Filters asked_;
  Filters kept_by_walk_;
  std::string_view walked_kind_;            // of label: the walk is along some of its values
  std::vector<std::string> walked_values_;  // or one state's name, where the kind is empty
  bool finds_nothing_ = false;
};

}  // namespace calotype
