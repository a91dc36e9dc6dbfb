// SPDX-License-Identifier: Apache-2.0
#include "asset/recipe.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(accept) {
  for (const bool has_alpha : {false, true})
    for (const auto original :
         {std::optional<ImageFormat>{}, std::optional{ImageFormat::jpeg},
          std::optional{ImageFormat::png}, std::optional{ImageFormat::avif}}) {
      for (const bool is_animated : {false, true}) {
        const auto chosen = negotiate_format(
            bytes, {.original = original, .has_alpha = has_alpha, .is_animated = is_animated});
        require(!has_alpha || has_alpha_channel(chosen), "alpha is never lost by negotiation");
        require(!is_animated || has_frames(chosen), "frames are never lost by negotiation");
      }
    }
}
