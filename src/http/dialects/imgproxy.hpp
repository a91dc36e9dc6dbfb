// SPDX-License-Identifier: Apache-2.0
// The imgproxy dialect (https://docs.imgproxy.net): what follows the signature in
// /imgproxy/{signature}/{options}/plain/{source}@{extension} and
// /imgproxy/{signature}/{options}/{base64 of the source}.{extension}
//
//   /rs:fill:300:400/g:sm/plain/asset://{id}@webp      a source names an asset of ours
//   /w:200/bG9jYWw6Ly8v….png                           (see parse_imgproxy_source)
//
// Two steps, both pure. The path is parsed into options, in imgproxy's own terms; then those are
// settled for an original of a given size into a recipe. imgproxy's sizes, crops and gravities are
// meant after it has been turned and mirrored, a recipe's before: settling turns them back. All 45
// options of the open-source imgproxy are read; what a recipe cannot say is refused by name.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "asset/asset_id.hpp"
#include "asset/media.hpp"
#include "asset/preset.hpp"
#include "asset/recipe.hpp"
#include "base/hash.hpp"

namespace calotype {

struct ImgproxyGravity {
  Gravity type = Gravity::center;  // never focal by itself: with a point
  double x = 0, y = 0;             // offsets, below 1 relative; or the point
  bool operator==(const ImgproxyGravity&) const = default;
};

/// What the options say, in imgproxy's terms and with its defaults.
struct ImgproxyOptions {
  enum class Resizing : std::uint8_t { fit, fill, fill_down, force, automatic };
  Resizing resizing = Resizing::fit;
  std::uint32_t width = 0, height = 0, min_width = 0, min_height = 0;
  double zoom_x = 1, zoom_y = 1, dpr = 1;
  bool enlarge = false;
  bool extend = false, extend_ratio = false;
  ImgproxyGravity extend_gravity, extend_ratio_gravity, gravity;
  double crop_width = 0, crop_height = 0;  // below 1 relative; 0: all of it
  std::optional<ImgproxyGravity> crop_gravity;
  std::optional<Trim> trim;
  Padding padding;
  bool auto_rotate = true;
  std::uint16_t rotate = 0;  // 0, 90, 180, 270
  bool flip_x = false, flip_y = false;
  std::optional<Color> background;
  std::uint16_t blur = 0, sharpen = 0;  // hundredths
  std::uint16_t pixelate = 0;
  double watermark_opacity = 0;
  Gravity watermark_position = Gravity::center;
  bool watermark_tiled = false;
  double watermark_x = 0, watermark_y = 0, watermark_scale = 0;
  bool strip_metadata = true, keep_copyright = false, strip_color_profile = true;
  bool preserve_hdr = false;
  std::uint8_t quality = 0;
  std::map<ImageFormat, std::uint8_t> format_quality;
  std::uint32_t bytes_max = 0;
  std::optional<ImageFormat> format;
  std::optional<Recipe> preset;  // one of ours, by name: with nothing beside it but a format
  double source_megapixels_max = 0, frame_megapixels_max = 0;  // 0: no matter, as the next three
  std::uint64_t source_bytes_max = 0;
  std::uint32_t frames_max = 0, result_side_max = 0;
  bool operator==(const ImgproxyOptions&) const = default;
};

/// What does not change the picture, but the answer.
struct ImgproxyDelivery {
  bool raw = false;                          // the original as it came in
  std::vector<std::string> skip_processing;  // endings of originals that are sent as they are
  std::optional<std::int64_t> expires;       // seconds since 1970
  std::string file_name;
  bool is_attachment = false;
};

struct ImgproxyRequest {
  ImgproxyOptions options;
  ImgproxyDelivery delivery;
  std::string source;  // decoded
};

struct ImgproxyRules {
  std::map<std::string, std::string, std::less<>> presets;  // imgproxy's own, by name
  std::optional<AssetId> watermark;
  bool allows_security_options = false;
};

/// `name=options` joined by commas, as IMGPROXY_PRESETS has them. Each is read once, so that a
/// mistake is found at the start. bad_recipe.
Result<std::map<std::string, std::string, std::less<>>> parse_imgproxy_presets(
    std::string_view text, const PresetTable& presets);

/// The path after the signature, raw, with its leading slash. bad_recipe names the option and what
/// is allowed.
Result<ImgproxyRequest> parse_imgproxy(std::string_view path, const ImgproxyRules& rules,
                                       const PresetTable& presets);

/// The argument for an asset (an id, or "sha256:…") that a source names: by itself, or as
/// asset://…, local:///…, with or without an ending like .jpg. Nothing where it names something
/// else.
std::optional<std::string> parse_imgproxy_source(std::string_view source);

/// The recipe (canonical; without a format: the original's own). bad_recipe names what a recipe
/// cannot say of this original; limit_exceeded where a max_src_… of the request is passed.
Result<Recipe> settle_imgproxy(const ImgproxyOptions& options, const ImgproxyRules& rules,
                               const MediaInfo& media, std::uint64_t bytes);

}  // namespace calotype
