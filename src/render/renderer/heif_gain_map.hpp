// SPDX-License-Identifier: Apache-2.0
// A gain map in AVIF and HEIF: an image item that nobody shows by itself, and an item `tmap`,
// derived from the base picture and from it, whose content is ISO 21496-1's numbers (behind a
// version):
//
//   ftyp {… tmap}  meta › pitm 1
//                         iinf {1 av01, 2 av01 hidden, 3 tmap}   iref dimg {3: 1, 2}
//                         grpl › altr {3, 1}: whoever knows `tmap` shows that, everybody else 1
//
// It is read by libheif, which knows nothing of tmap but hands its content and references out. It
// is written by joining two files that an encoder made, one of the base and one of the map.
#pragma once

#include <optional>
#include <string>

#include "asset/recipe.hpp"
#include "render/renderer/gain_map.hpp"

namespace calotype {

/// That of the picture that is shown. Nothing where there is none, or where its base is the
/// brighter rendition: the colours of such a one are not kept. Cheap where the brands promise none.
std::optional<GainMap> find_gain_map_in_heif(Bytes heif);

struct MapSamples {
  Bitmap picture;
  bool is_gray = false;
};
/// Upright.
Outcome<MapSamples> decode_gain_map_item(const GainMap& map, std::uint64_t pixels_max);

/// An AVIF of the map alone, for the function below.
Outcome<std::string> encode_gain_map_avif(const MapSamples& map, int quality, Effort effort);

/// One AVIF of two.
Outcome<std::string> join_gain_map_avif(const std::string& base, const std::string& map,
                                        const GainMapNumbers& numbers);

}  // namespace calotype
