// SPDX-License-Identifier: Apache-2.0
// The parameters of one imgix query, collected before any is given its meaning, because some mean
// something only beside others.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "http/dialects/imgix.hpp"

namespace calotype {

class ImgixParameters {
 public:
  /// Aliases under their first name, base64 decoded. bad_recipe for what is unknown or given twice.
  static Result<ImgixParameters> collect(std::string_view query);

  /// nullptr where there is none.
  const std::string* find(std::string_view name) const;

 private:
  Result<void> add(std::string_view pair);
  std::map<std::string, std::string, std::less<>> values_;
};

/// The parts between commas.
std::vector<std::string_view> parts_of(std::string_view text);

/// A colour as imgix has it, alpha first (argb, aarrggbb), or a name of CSS.
Result<Color> read_imgix_color(std::string_view name, std::string_view value);

/// What stands around, upon and beside the picture: padding, border, corners, mask, watermark.
/// The sizes are read already; padding and border are taken off them, as imgix has it.
Result<void> read_imgix_decorations(Recipe& recipe, const ImgixParameters& parameters);

/// Tones, blur, squares, rotation, trim, profile, pages.
Result<void> read_imgix_adjustments(Recipe& recipe, const ImgixParameters& parameters);

}  // namespace calotype
