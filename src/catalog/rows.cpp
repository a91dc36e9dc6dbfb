// SPDX-License-Identifier: Apache-2.0
#include "catalog/rows.hpp"

#include <format>

namespace calotype {
namespace {

constexpr std::string_view render_prefix = "render:";

}  // namespace

std::string name_of(const VariantKey& key) {
  // No part but the last may hold a space, and it doesn't.
  return std::format("{} {} {}", key.asset_id.text(), key.version, key.recipe);
}

std::optional<VariantKey> parse_variant_name(std::string_view name) {
  const auto first = name.find(' ');
  const auto second = name.find(' ', first + 1);
  if (first == name.npos || second == name.npos) return std::nullopt;
  const auto id = AssetId::parse(name.substr(0, first));
  if (!id) return std::nullopt;
  return VariantKey{*id, std::string(name.substr(second + 1)),
                    std::string(name.substr(first + 1, second - first - 1))};
}

std::string render_job_key(const VariantKey& key) {
  return std::string(render_prefix) + name_of(key);
}

std::optional<VariantKey> parse_render_job_key(std::string_view text) {
  if (!text.starts_with(render_prefix)) return std::nullopt;
  return parse_variant_name(text.substr(render_prefix.size()));
}

}  // namespace calotype
