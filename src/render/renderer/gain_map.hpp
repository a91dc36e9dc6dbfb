// SPDX-License-Identifier: Apache-2.0
// Ultra-HDR: a JPEG that every program shows, and behind it, in the same file, a second JPEG that
// says how much brighter each of its places can be shown. The two are tied together by a directory
// in the first one's XMP (Adobe, Google) or by ISO 21496-1, and by CIPA's multi-picture format:
//
//   FFD8  APP1 XMP {hdrgm:Version, Container:Directory}  APP2 ISO version  APP2 MPF {sizes}  … FFD9
//   FFD8  APP1 XMP {hdrgm:GainMapMax, …}                 APP2 ISO metadata                   … FFD9
//
// From JPEG to JPEG, how bright is copied as it was written: it holds for every part of the picture
// at every size. AVIF and HEIF have the map as an item of theirs (heif_gain_map.hpp).
#pragma once

#include <optional>
#include <string>

#include "render/renderer/gain_map_numbers.hpp"
#include "render/renderer/picture.hpp"

namespace calotype {

struct GainMap {
  Bytes file;                         // a JPEG within the original; or the original,
  std::optional<std::uint32_t> item;  // a HEIF that has the map as this item
  GainMapNumbers numbers;
  std::string xmp;       // what describes it in a JPEG: the packet's content
  std::string iso;       // and ISO 21496-1's, from behind its name
  std::string base_xmp;  // the base picture's
  std::string base_iso;
};

/// Nothing where there is none, or nothing describes it that means something.
std::optional<GainMap> find_gain_map(Bytes jpeg);

/// One file of both; `described` is what they were made from. The base's XMP, where it has one,
/// stays, as long as it names no third picture.
Outcome<std::string> join_gain_map(const std::string& base, const std::string& map,
                                   const GainMap& described);

}  // namespace calotype
