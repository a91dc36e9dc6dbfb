// SPDX-License-Identifier: Apache-2.0
// The native dialect: the last segment of /v/{id}/{preset or parameters}.{version}.{format}.
//
//   thumb.k3v7q2ma.webp            a preset, as of one version
//   w=800&h=600&fit=cover.avif     parameters; without a version it leads to the current one
//   thumb.auto                     the format from Accept
//
// The ending decides the format. It is read from the right, because a parameter may have a point in
// it (`dpr=1.5`); digits after `dpr=…` are the ratio's, never a version.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "asset/preset.hpp"

namespace calotype {

struct VariantName {
  std::string name;  // the preset, or the canonical parameters; what a URL is built from
  Recipe recipe;     // canonical; without a format where `negotiate` is set
  bool negotiate = false;
  std::string version;  // as in the URL; empty where there was none
};

/// `segment` is raw, as it was received: percent-encoding is undone here. bad_recipe names what is
/// wrong and what is allowed.
Result<VariantName> parse_variant_segment(std::string_view segment, const PresetTable& presets);

/// A name without version and ending (/asset/{id}/variant/{name}); its format is what the preset or
/// `fm` says, and it negotiates where that is `auto` or nothing.
Result<VariantName> parse_variant_name(std::string_view segment, const PresetTable& presets);

/// The segment for a picture that is there, percent-encoded. `name` is a preset's, or empty for the
/// recipe's own parameters. The recipe has a format, and `version` is version_of the same recipe.
std::string variant_segment(std::string_view name, const Recipe& recipe, std::string_view version);

/// "/v/{id}/{segment}".
std::string variant_path(std::string_view asset_id, std::string_view name, const Recipe& recipe,
                         std::string_view version);

}  // namespace calotype
