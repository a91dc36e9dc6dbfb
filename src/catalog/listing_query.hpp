// SPDX-License-Identifier: Apache-2.0
// The statements that listings are made of: a walk in one of the orders, candidates for one of the
// filters, and which of some assets pass all filters. Each reads one index from one point on, so
// that no planner has a choice to make, whatever is asked for and however large the catalog is; and
// there are so few texts of them that each can be prepared and kept.
#pragma once

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

/// A query made ready: its words are spelled as `label` has them, and it knows what to walk along.
class ListingQuery {
 public:
  /// bad_request where a filter asks for more words or states than there may be.
  static Result<ListingQuery> make(const AssetQuery& query);

  /// Whether a filter asks for what no asset can have: a word without a letter or digit.
  bool finds_nothing() const { return finds_nothing_; }
  /// Whether the walk leads to nothing but what passes every filter.
  bool is_exact() const { return is_exact_; }
  /// Before the first in the order.
  ListingPlace start() const;
  /// Whether `later` comes behind `earlier`.
  bool comes_behind(const ListingPlace& later, const ListingPlace& earlier) const {
    return query_.descending ? later < earlier : later > earlier;
  }

  /// The next up to `limit` places behind `at`, in the order; fewer where it ends.
  Result<ListingPlaces> walk(Connection& db, const ListingPlace& at, std::size_t limit) const;
  /// Those of the assets that pass every filter, in no order.
  Result<ListingPlaces> passing(Connection& db, std::span<const std::int64_t> asset_nos) const;
  /// Every asset that passes the filter which the fewest pass, where they are at most `most`.
  Result<std::optional<std::vector<std::int64_t>>> candidates(Connection& db,
                                                              std::size_t most) const;

  /// A place in the order of this query, as clients get it, and back: bad_request for any other
  /// query's.
  std::string cursor_at(const ListingPlace& place) const;
  /// The place as a text that compares as places do (ListedAsset::place).
  std::string text_of(const ListingPlace& place) const;
  Result<ListingPlace> parse_cursor(std::string_view cursor) const;

 private:
  explicit ListingQuery(AssetQuery query) : query_(std::move(query)) {}
  struct Source {
    std::string_view sql;
    Value first, second;
  };
  const Between* sorted_range() const;
  void spell_words();
  void choose_walk();
  std::vector<Source> sources() const;
  std::vector<Value> filter_values() const;
  std::string identity() const;

  AssetQuery query_;
  std::vector<std::string> words_;
  std::vector<std::string> word_ends_;  // behind all that begin with the word
  std::string_view walked_kind_;        // of label: the walk is along one of its values
  std::string walked_value_;            // or a state's name, where the kind is empty
  bool finds_nothing_ = false;
  bool is_exact_ = false;
};

}  // namespace calotype
