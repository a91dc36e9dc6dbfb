// SPDX-License-Identifier: Apache-2.0
// The IIIF Image API 3.0 (https://iiif.io/api/image/3.0/), level 2 and most of what is beyond:
//
//   /iiif/3/{id}/{region}/{size}/{rotation}/{quality}.{format}
//   /iiif/3/{id}/full/max/0/default.jpg
//   /iiif/3/{id}/1024,512,512,512/256,/!90/gray.png
//
// Two steps, both pure: the path is parsed, and what was parsed is settled for a picture of a given
// size, to the pixel. What the specification leaves open:
//
//   - `square` is the middle; percentages are rounded to the nearest pixel at either end;
//   - `!w,h` without `^` is refused where the picture would have to be enlarged to fill the box, as
//     the official validator wants it;
//   - an animation gives its first frame, a document its first page.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "asset/plan.hpp"
#include "asset/recipe.hpp"

namespace calotype {

struct IiifRegion {
  enum class Form : std::uint8_t { full, square, pixels, percent };
  Form form = Form::full;
  double left = 0, top = 0, width = 0, height = 0;  // whole where they are pixels
};

struct IiifSize {
  enum class Form : std::uint8_t { max, by_width, by_height, exact, confined, percent };
  Form form = Form::max;
  bool may_enlarge = false;  // ^
  std::uint32_t width = 0, height = 0;
  double percent = 0;
};

/// An image request as it stands in the path.
struct IiifRequest {
  IiifRegion region;
  IiifSize size;
  bool mirror = false;
  std::uint16_t rotation = 0;  // hundredths of a degree
  Tone tone = Tone::color;
  ImageFormat format = ImageFormat::jpeg;
};

/// The largest width, height and area that are made: maxWidth, maxHeight and maxArea of info.json.
struct IiifLimits {
  std::uint32_t side_max = 0;
  std::uint64_t area_max = 0;
};

/// What a request means for a picture.
struct IiifPicture {
  Recipe recipe;          // canonical, with its format
  std::string canonical;  // "full/max/0/default.jpg": the request as the specification prefers it
};

/// The four segments after the identifier, raw. bad_recipe names the parameter and what is allowed.
Result<IiifRequest> parse_iiif(std::string_view region, std::string_view size,
                               std::string_view rotation, std::string_view quality_and_format);

/// bad_recipe where the region lies outside of the picture, or the size is past the region's
/// without `^`, past the limits, or less than a pixel.
Result<IiifPicture> settle_iiif(const IiifRequest& request, PictureSize picture,
                                const IiifLimits& limits);

inline constexpr std::uint32_t iiif_tile_side = 512;
/// Powers of two from 1 until the whole picture fits into one tile.
std::vector<std::uint32_t> iiif_scale_factors(PictureSize picture);
/// The whole picture by each of these factors, smallest first, as far as the limits let it be made.
std::vector<PictureSize> iiif_sizes(PictureSize picture, const IiifLimits& limits);

}  // namespace calotype
