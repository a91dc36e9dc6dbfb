// SPDX-License-Identifier: Apache-2.0
// Values as PostgreSQL sends and takes them in its binary format: integers big-endian, text and
// bytes as they are.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "catalog/database.hpp"

struct pg_result;

namespace calotype {

/// Parameters in the shape that libpq wants. Borrows the values' text and bytes.
class PgParameters {
 public:
  explicit PgParameters(Values values);
  PgParameters(const PgParameters&) = delete;
  PgParameters& operator=(const PgParameters&) = delete;

  int count() const { return static_cast<int>(types_.size()); }
  const unsigned* types() const { return types_.data(); }
  const char* const* texts() const { return texts_.data(); }
  const int* sizes() const { return sizes_.data(); }
  const int* formats() const { return formats_.data(); }

 private:
  void add(const Value& value);

  std::vector<std::array<char, 8>> numbers_;
  std::vector<unsigned> types_;
  std::vector<const char*> texts_;
  std::vector<int> sizes_;
  std::vector<int> formats_;
};

/// A row of a result in binary format.
class PgRow final : public Row {
 public:
  PgRow(const pg_result* result, int row) : result_(result), row_(row) {}
  bool is_null(int column) const override;
  std::int64_t integer(int column) const override;
  std::string_view text(int column) const override;
  ByteSpan bytes(int column) const override;

 private:
  const pg_result* result_;
  int row_;
};

}  // namespace calotype
