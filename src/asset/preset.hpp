// SPDX-License-Identifier: Apache-2.0
// Recipes with names. A preset comes from configuration as parameters (`thumb = "w=300&fm=webp"`)
// and is read once, at the start: what a URL names is a parsed recipe or nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "asset/recipe.hpp"

namespace calotype {

/// 1 to 40 of a–z, 0–9 and `-`. No parameter can be mistaken for it: those have a `=`.
bool is_preset_name(std::string_view text);

class PresetTable {
 public:
  /// Every one WebP at quality 85: `thumb` (300 wide), `mobile` and `desktop` (1200 wide), `social`
  /// (1200 × 630, cut to cover) and `original-size`.
  static PresetTable with_defaults();

  /// Adds it, or replaces the one of that name. bad_recipe, naming the preset and what is wrong.
  Result<void> set(std::string_view name, std::string_view parameters);

  /// Its canonical recipe (without a format where it says `fm=auto` or nothing); nullptr where
  /// there is none. Valid as long as the table is not changed.
  const Recipe* find(std::string_view name) const;

  /// In the order of the names.
  const std::map<std::string, Recipe, std::less<>>& all() const { return presets_; }

  /// "desktop, mobile, …" for messages.
  std::string names() const;

 private:
  std::map<std::string, Recipe, std::less<>> presets_;
};

/// The recipe in that format (or undecided). A quality that was given for another format goes back
/// to the default: 70 does not mean the same to WebP and to AVIF.
Recipe with_format(Recipe recipe, std::optional<ImageFormat> format);

/// The recipe that a URL or a person names: a preset, or native parameters. bad_recipe names the
/// presets that there are.
Result<Recipe> resolve_recipe(std::string_view name, const PresetTable& presets);

}  // namespace calotype
