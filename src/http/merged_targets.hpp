// SPDX-License-Identifier: Apache-2.0
// URLs that are out in the world stay good when an asset is merged into another: they lead to the
// same of what it was merged into. An asset's id is recognised wherever it stands in a target, in
// whatever dialect, as what is asked for or as a watermark.
#pragma once

#include <optional>

#include "http/site.hpp"

namespace calotype {

/// 308 to the target with each id of a merged asset replaced, and signed as pictures have to be
/// where it is one of theirs; nothing where there is none. Asks the catalog about each id: for
/// requests that have failed otherwise.
std::optional<Response> follow_merges(const Site& site, std::string_view target, bool is_picture);

}  // namespace calotype
