// SPDX-License-Identifier: Apache-2.0
// A catalog as what it is made of: tables of rows, for moving all of it to another engine. Who
// moves it sees cells and keys, and knows no schema. A target is marked while it is being filled,
// so that nobody serves half a catalog, and so that a filling that was interrupted goes on.
// Calls block; any thread. Errors as of the catalog: catalog_failed, overloaded.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/encoding.hpp"
#include "base/error.hpp"
#include "base/hash.hpp"

namespace calotype {

/// One value of a row, owned.
using Cell = std::variant<std::monostate, std::int64_t, std::string, std::vector<std::byte>>;
using Cells = std::vector<Cell>;

/// Which blob a row names: an original by its hash, others by their key.
using NamedBlob = std::variant<std::monostate, Digest, std::string>;

/// A bag of rows in a few bytes, whatever their order: how many, and the sum of their hashes. Two
/// catalogs whose digests are equal hold the same rows.
struct RowsDigest {
  std::uint64_t rows = 0;
  std::array<std::uint64_t, 4> sum{};

  void add(const Cells& row);
  bool operator==(const RowsDigest&) const = default;
};

class CatalogTables {
 public:
  virtual ~CatalogTables() = default;

  /// In an order in which a row follows those that it refers to.
  virtual std::span<const std::string_view> tables() const = 0;
  virtual Result<std::uint64_t> count(std::string_view table) = 0;
  /// Up to `limit` rows in the engine's order of their keys, from the one behind `after` on (from
  /// the first where that is empty).
  virtual Result<std::vector<Cells>> rows_after(std::string_view table, const Cells& after,
                                                std::size_t limit) = 0;
  /// The cells of a row by which rows_after goes on.
  virtual Cells key_of(std::string_view table, const Cells& row) const = 0;
  /// The greatest key; empty where there is no row.
  virtual Result<Cells> last_key(std::string_view table) = 0;
  /// All or none of them. Durable. A row whose key is there already fails.
  virtual Result<void> insert(std::string_view table, std::span<const Cells> rows) = 0;
  virtual bool names_blobs(std::string_view table) const = 0;
  virtual NamedBlob blob_of(std::string_view table, const Cells& row) const = 0;

  /// Whether anything was ever kept here: assets, keys, jobs other than upkeep.
  virtual Result<bool> is_empty() = 0;
  /// Where the rows that are being moved in come from; nothing where none are. open_catalog refuses
  /// such a catalog.
  virtual Result<std::optional<std::string>> filled_from() = 0;
  /// Whether nobody has served from this catalog since it was opened; catalog_failed.
  virtual Result<void> check_sole_use() = 0;
  /// Durable, all three. begin: removes every row, and marks. end: takes the mark away, after
  /// which the engine numbers new rows behind those that were moved in.
  virtual Result<void> begin_filling(std::string_view source) = 0;
  virtual Result<void> remove_all_rows() = 0;
  virtual Result<void> end_filling() = 0;
};

}  // namespace calotype
