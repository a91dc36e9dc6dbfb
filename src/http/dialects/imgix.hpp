// SPDX-License-Identifier: Apache-2.0
// The imgix dialect: the query of /i/{id}?w=400&h=300&fit=crop&crop=top&auto=format&dpr=2. The
// names are imgix's, and so are their meanings, with these differences:
//
//   - nothing is enlarged unless `enlarge=1` says so (imgix's clip, crop and fill do it unasked),
//   so
//     that a request means the same picture, and is the same variant, in every dialect;
//   - `auto=compress` changes nothing: the default qualities are chosen for that already;
//   - what a Recipe cannot say (faces, blur, text, …) is refused by name, never ignored: a picture
//     that is silently another one is worse than an error.
//
//   fit   clip, max → inside; crop, min → cover; fill, fillmax → contain
//   crop  top, bottom, left, right and their pairs, center → gravity
//   ar    with fit=crop or min and one dimension gives the other
//   bg, fill-color   rgb, argb, rrggbb or aarrggbb (alpha first, as imgix has it)
//   s, ixlib, ixid   pass: the signature is checked before, the others are client libraries' names
#pragma once

#include <string_view>

#include "asset/recipe.hpp"

namespace calotype {

struct ImgixRequest {
  Recipe recipe;           // canonical; without a format: the original's own, unless `negotiate`
  bool negotiate = false;  // auto=format: by Accept; `fm` beside it is passed over
};

/// `query` is raw, as it was received, without the `?`. bad_recipe names the parameter, the value
/// and what is allowed.
Result<ImgixRequest> parse_imgix(std::string_view query);

}  // namespace calotype
