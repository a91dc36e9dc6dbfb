// SPDX-License-Identifier: Apache-2.0
// Lines for people: columns that stand under each other, sizes that can be read. What comes from a
// server or a file is printed without its control characters, so that a name cannot move the
// cursor.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> titles) : rows_{std::move(titles)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }
  void print(std::ostream& out) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// "1.5 MiB", "512 B".
std::string readable_bytes(std::uint64_t bytes);
/// Control characters as `?`.
std::string shown_text(std::string_view text);

}  // namespace calotype
