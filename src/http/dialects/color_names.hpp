// SPDX-License-Identifier: Apache-2.0
// The named colours of CSS (CSS Color Module Level 4, §6.1).
#pragma once

#include <optional>
#include <string_view>

#include "asset/recipe.hpp"

namespace calotype {

/// In lower case. Nothing where there is none of the name.
std::optional<Color> find_named_color(std::string_view name);

}  // namespace calotype
