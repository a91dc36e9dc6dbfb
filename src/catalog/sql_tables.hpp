// SPDX-License-Identifier: Apache-2.0
// A SQL catalog's tables. Which tables and columns there are is a list in the .cpp; a test holds it
// against the schema that the migrations make.
#pragma once

#include "catalog/catalog_tables.hpp"
#include "catalog/database.hpp"

namespace calotype {

enum class CellType : std::uint8_t { integer, text, bytes };
struct TableColumn {
  std::string_view name;
  CellType type = CellType::integer;
};
struct TableShape {
  std::string_view name;
  std::span<const TableColumn> columns;  // the key first
  std::size_t key_columns = 1;
};
std::span<const TableShape> catalog_tables();

class SqlTables final : public CatalogTables {
 public:
  /// No `sole_use` where another lock keeps servers out.
  SqlTables(std::unique_ptr<Database> database, const Clock& clock,
            std::unique_ptr<SoleUse> sole_use)
      : database_(std::move(database)), clock_(clock), sole_use_(std::move(sole_use)) {}

  std::span<const std::string_view> tables() const override;
  Result<std::uint64_t> count(std::string_view table) override;
  Result<std::vector<Cells>> rows_after(std::string_view table, const Cells& after,
                                        std::size_t limit) override;
  Cells key_of(std::string_view table, const Cells& row) const override;
  Result<Cells> last_key(std::string_view table) override;
  Result<void> insert(std::string_view table, std::span<const Cells> rows) override;
  bool names_blobs(std::string_view table) const override;
  NamedBlob blob_of(std::string_view table, const Cells& row) const override;
  Result<bool> is_empty() override;
  Result<std::optional<std::string>> filled_from() override;
  Result<void> check_sole_use() override { return sole_use_ ? sole_use_->check() : Result<void>{}; }
  Result<void> begin_filling(std::string_view source) override;
  Result<void> remove_all_rows() override;
  Result<void> end_filling() override;

 private:
  const std::unique_ptr<Database> database_;
  const Clock& clock_;
  const std::unique_ptr<SoleUse> sole_use_;
};

/// What a catalog that is being filled says: where from; nothing where it is not.
Result<std::optional<std::string>> read_filling(Database& database);

}  // namespace calotype
