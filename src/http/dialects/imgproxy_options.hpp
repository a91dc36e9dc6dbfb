// SPDX-License-Identifier: Apache-2.0
// One processing option of imgproxy at a time, between the path that it stands in (imgproxy.cpp)
// and what all of them together mean (imgproxy_geometry.cpp).
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "http/dialects/imgproxy.hpp"

namespace calotype {

using ImgproxyArguments = std::vector<std::string>;

struct ImgproxyReading {
  const ImgproxyRules& rules;
  const PresetTable& presets;
  ImgproxyRequest request{};
  std::set<std::string, std::less<>> presets_used{};
  bool in_preset = false;  // whoever wrote the settings may say all
};

/// By its name or an alias; arguments are decoded. bad_recipe.
Result<void> apply_imgproxy_option(ImgproxyReading& reading, std::string_view name,
                                   const ImgproxyArguments& arguments);

/// "name:argument/name:argument", of imgproxy.presets.
Result<void> apply_imgproxy_preset(ImgproxyReading& reading, std::string_view options);

}  // namespace calotype
