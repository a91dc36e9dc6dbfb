// SPDX-License-Identifier: Apache-2.0
// What a file is, as far as we look ourselves: signatures, brands, a TIFF's directories, the first
// element of an XML text, and where a JPEG's gain map lies.
#include "render/renderer/gain_map.hpp"
#include "render/renderer/media_type.hpp"
#include "render/renderer/raw_preview.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(source_type) {
  const Bytes source(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (const auto type = sniff_media_type(source))
    require(type->contains('/'), "a type has two parts");
  (void)is_raw_tiff(source);
  const auto map = find_gain_map(source);
  if (!map) return;
  require(map->jpeg.data() >= source.data() &&
              map->jpeg.data() + map->jpeg.size() <= source.data() + source.size(),
          "a gain map lies within its file");
  require(!map->xmp.empty() || !map->iso.empty(), "a gain map is described");
}
