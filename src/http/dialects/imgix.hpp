// SPDX-License-Identifier: Apache-2.0
// The imgix dialect: the query of /i/{id}?w=400&h=300&fit=crop&crop=top&auto=format&dpr=2. The
// names are imgix's (https://docs.imgix.com/apis/rendering), with their aliases and their base64
// variants, and so are their meanings, with these differences:
//
//   - nothing is enlarged unless `enlarge=1` says so (imgix's clip, crop and fill do it unasked),
//     so that a request means the same picture, and is the same variant, in every dialect;
//   - `auto=compress` changes nothing: the default qualities are chosen for that already;
//   - what a Recipe cannot say (faces, text, blending, …) is refused by name, never ignored: a
//     picture that is silently another one is worse than an error.
//
// docs/dialects.md has the whole table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "asset/plan.hpp"
#include "asset/recipe.hpp"

namespace calotype {

struct ImgixRequest {
  Recipe recipe;           // canonical; without a format: the original's own, unless `negotiate`
  bool negotiate = false;  // auto=format: by Accept; `fm` beside it is passed over
  /// Shares of the original's size were asked for, and it was not given: to be parsed again.
  bool needs_original = false;
  std::optional<std::int64_t> expires;     // seconds since 1970
  std::optional<std::string> download_as;  // dl
};

/// `query` is raw, as it was received, without the `?`. bad_recipe names the parameter, the value
/// and what is allowed.
Result<ImgixRequest> parse_imgix(std::string_view query,
                                 const std::optional<PictureSize>& original = std::nullopt);

}  // namespace calotype
