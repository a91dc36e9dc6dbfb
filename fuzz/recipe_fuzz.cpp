// SPDX-License-Identifier: Apache-2.0
#include "asset/recipe.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(recipe) {
  const auto recipe = parse_recipe(bytes);
  if (!recipe) return;
  require(canonical(*recipe) == *recipe, "a parsed recipe is canonical");
  const auto again = parse_recipe(to_string(*recipe));
  require(again && *again == *recipe, "a recipe's text is read back as the same");
}
