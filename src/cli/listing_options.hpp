// SPDX-License-Identifier: Apache-2.0
// The filters and the order of `calotype list`.
#pragma once

#include <string_view>
#include <utility>

namespace calotype {

/// The flag, which is the API's parameter with hyphens, and its help.
inline constexpr std::pair<std::string_view, std::string_view> listing_options[] = {
    {"state", "Only assets in this state; PENDING: before or in inspection"},
    {"type", "Only of this media type"},
    {"collection", "Only of this collection"},
    {"tag", "Only with this tag"},
    {"camera", "Only taken with it: maker, model, or both"},
    {"name", "Only whose file names have words that begin so"},
    {"width-min", "At least so many pixels wide"},
    {"width-max", "At most"},
    {"height-min", "At least so many pixels high"},
    {"height-max", "At most"},
    {"bytes-min", "At least so many bytes"},
    {"bytes-max", "At most"},
    {"taken-after", "Taken at that time or later"},
    {"taken-before", "Taken before"},
    {"created-after", "Brought in at that time or later"},
    {"created-before", "Brought in before"},
    {"sort", "created, taken, bytes or name"},
    {"order", "asc or desc"}};

}  // namespace calotype
