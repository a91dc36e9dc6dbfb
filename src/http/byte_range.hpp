// SPDX-License-Identifier: Apache-2.0
// The Range field (RFC 9110 §14): `bytes=0-99`, `bytes=500-`, `bytes=-200`, and several of them.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

namespace calotype {

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  bool operator==(const ByteRange&) const = default;
};

struct WholeRange {};          // no Range, or one that is to be ignored
struct UnsatisfiableRange {};  // 416
/// At least one, within the representation; those that overlap or touch are one. In the order asked
/// for, but where some were joined: then by offset.
using RangeChoice = std::variant<WholeRange, UnsatisfiableRange, std::vector<ByteRange>>;

/// Ignored (the whole is sent) where the unit is another, the syntax is broken, or more than 16
/// ranges are left after joining: many small ranges are an attack more often than a need.
RangeChoice choose_ranges(std::string_view field, std::uint64_t representation_bytes);

}  // namespace calotype
