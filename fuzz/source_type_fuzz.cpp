// SPDX-License-Identifier: Apache-2.0
// What a file is, as far as we look ourselves: signatures, brands, a TIFF's directories, the first
// element of an XML text, where a JPEG's gain map lies and what it means, and an AVIF's boxes.
#include "render/renderer/gain_map.hpp"
#include "render/renderer/heif_gain_map.hpp"
#include "render/renderer/media_type.hpp"
#include "render/renderer/raw_preview.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(source_type) {
  const Bytes source(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (const auto type = sniff_media_type(source))
    require(type->contains('/'), "a type has two parts");
  (void)is_raw_tiff(source);
  if (const auto numbers = gain_map_numbers_of_iso(bytes))
    require(gain_map_numbers_of_iso(iso_of(*numbers)) == numbers, "numbers come back as they are");
  const std::string file(bytes);
  (void)join_gain_map_avif(file, file, GainMapNumbers{});
  const auto map = find_gain_map(source);
  if (!map) return;
  require(map->file.data() >= source.data() &&
              map->file.data() + map->file.size() <= source.data() + source.size(),
          "a gain map lies within its file");
  require(!map->xmp.empty() || !map->iso.empty(), "a gain map is described");
}
