// SPDX-License-Identifier: Apache-2.0
// The query of a request as names and values, decoded once and strictly, as forms encode it: `+` is
// a space.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace calotype {

class Query {
 public:
  /// bad_request where the percent-encoding is broken or a name is given twice (but `tags`).
  static Result<Query> parse(std::string_view raw);

  /// Nothing where there is none of that name.
  const std::string* find(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
  /// bad_request, naming it, where a name is none of these.
  Result<void> only(std::span<const std::string_view> names) const;
  Result<void> only(std::initializer_list<std::string_view> names) const {
    return only(std::span(names.begin(), names.size()));
  }
  /// A whole number in the bounds, or the default; bad_request, naming it.
  Result<std::size_t> whole(std::string_view name, std::size_t otherwise, std::size_t min,
                            std::size_t max) const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

/// "a, b ,c" → a, b and c; empty ones are left out.
std::vector<std::string> split_list(std::string_view text);

}  // namespace calotype
