// SPDX-License-Identifier: Apache-2.0
#include "asset/preset.hpp"

#include <algorithm>
#include <utility>

#include "asset/parameter.hpp"

namespace calotype {

bool is_preset_name(std::string_view text) {
  constexpr std::size_t length_max = 40;
  return !text.empty() && text.size() <= length_max && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

PresetTable PresetTable::with_defaults() {
  PresetTable table;
  for (const auto& [name, parameters] : {std::pair{"thumb", "w=300&fm=webp&q=85"},
                                         {"mobile", "w=1200&fm=webp&q=85"},
                                         {"desktop", "w=1200&fm=webp&q=85"},
                                         {"social", "w=1200&h=630&fit=cover&fm=webp&q=85"},
                                         {"original-size", "fm=webp&q=85"}})
    require(table.set(name, parameters).has_value(), "a built-in preset is a valid recipe");
  return table;
}

Result<void> PresetTable::set(std::string_view name, std::string_view parameters) {
  if (!is_preset_name(name))
    return fail(ErrorCode::bad_recipe,
                "A preset's name must be 1 to 40 of a-z, 0-9 and -, not " + in_quotes(name) + ".");
  auto recipe = parse_recipe(parameters);
  if (!recipe)
    return fail(ErrorCode::bad_recipe,
                "Preset " + std::string(name) + ": " + recipe.error().message);
  presets_.insert_or_assign(std::string(name), *recipe);
  return {};
}

const Recipe* PresetTable::find(std::string_view name) const {
  const auto place = presets_.find(name);
  return place == presets_.end() ? nullptr : &place->second;
}

std::string PresetTable::names() const {
  std::string out;
  for (const auto& [name, recipe] : presets_) out += (out.empty() ? "" : ", ") + name;
  return out;
}

Recipe with_format(Recipe recipe, std::optional<ImageFormat> format) {
  if (recipe.format && recipe.format != format) recipe.quality = 0;
  recipe.format = format;
  return canonical(recipe);
}

Result<Recipe> resolve_recipe(std::string_view name, const PresetTable& presets) {
  if (name.contains('=')) return parse_recipe(name);
  if (const Recipe* preset = presets.find(name)) return *preset;
  return fail(ErrorCode::bad_recipe, in_quotes(name) + " is no preset; there are " +
                                         presets.names() +
                                         ", or give parameters like w=300&fm=webp.");
}

}  // namespace calotype
