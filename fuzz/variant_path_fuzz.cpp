// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/variant_path.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(variant_path) {
  static const PresetTable presets = PresetTable::with_defaults();
  static_cast<void>(parse_variant_name(bytes, presets));
  const auto variant = parse_variant_segment(bytes, presets);
  if (!variant) return;
  require(variant->negotiate == !variant->recipe.format, "a variant has a format or negotiates");
  if (variant->negotiate) return;
  const auto version = version_of(variant->recipe, "1");
  const auto segment = variant_segment(variant->name, variant->recipe, version);
  const auto again = parse_variant_segment(segment, presets);
  require(again && again->recipe == variant->recipe && again->version == version,
          "the segment that is built leads to the same picture");
  require(variant_segment(again->name, again->recipe, version) == segment,
          "a redirect leads to a segment that does not redirect");
}
