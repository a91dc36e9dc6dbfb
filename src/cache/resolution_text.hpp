// SPDX-License-Identifier: Apache-2.0
// A resolution as it lies in the shared cache: its fields, one a line, and under them a check over
// the asset, the name and the fields, so that an entry that was damaged, cut, or put under another
// name reads as none.
//
//   1700000000000                             known_at, milliseconds
//   w=300&fm=webp
//   k3dq7abc                                  version
//   variants/fd/61/fd61a03a…-m3xq…            blob_key
//   fd61a03a…                                 digest
//   18211 300 225 1700000000000 1 0           bytes, width, height, created_at; the original's
//   image/webp                                pages, and whether it has alpha
//   image/jpeg                                the original's
//   5c1e8a0f2b7d4e6a9c0b1d2e3f405162          the check
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cache/shared_cache.hpp"

namespace calotype {

/// Part of every key: a program reads only what a program of the same format has written.
inline constexpr std::string_view resolution_format = "1";

std::string to_text(std::string_view asset_id, std::string_view name, const Resolution& resolution);
std::optional<Resolution> parse_resolution(std::string_view asset_id, std::string_view name,
                                           std::string_view text);

}  // namespace calotype
