// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/imgix.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(imgix) {
  auto request = parse_imgix(bytes);
  if (request && request->needs_original) request = parse_imgix(bytes, PictureSize{1'000, 750});
  if (!request) return;
  require(!request->needs_original, "asked for once");
  require(canonical(request->recipe) == request->recipe, "a parsed recipe is canonical");
  require(!request->negotiate || !request->recipe.format, "what negotiates has no format yet");
  const auto native = parse_recipe(to_string(request->recipe));
  require(native && *native == request->recipe, "the native dialect can say it too");
}
