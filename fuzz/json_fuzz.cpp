// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "target.hpp"

using namespace calotype;

namespace {
int depth_of(const json::value& value) {
  int deepest = 0;
  if (value.is_array())
    for (const auto& item : value.get_array()) deepest = std::max(deepest, depth_of(item));
  if (value.is_object())
    for (const auto& member : value.get_object())
      deepest = std::max(deepest, depth_of(member.value()));
  return deepest + (value.is_structured() ? 1 : 0);
}
}  // namespace

FUZZ_TARGET(json) {
  const auto value = parse_json(bytes);
  if (!value) return;
  require(depth_of(*value) <= 32, "what is accepted is at most 32 deep");
  require(parse_json(json::serialize(*value)).has_value(), "what is written can be read");
}
