// SPDX-License-Identifier: Apache-2.0
// A recipe says which picture is wanted, free of the URL dialect it was asked in. Two requests that
// mean the same picture have the same canonical recipe, and so share one variant:
//
//   w=400&dpr=2&fit=cover   →  w=800 (one dimension: nothing to cover; dpr multiplied in)
//   fit=crop&h=630&w=1200   →  w=1200&h=630&fit=cover
//   flip=v                  →  rot=180&flip=h (the same picture)
//
// The canonical form is `key=value` pairs joined by `&`, in the order of the fields below, defaults
// left out, with fm always last. It is the variant's key in the catalog and stands in its URL.
//
// What is done, in this order: page or frame, upright, trim, region, scaled and cut by width,
// height, fit and gravity, mirrored, rotated, tones, blur, sharpening, pixelated, rounded corners,
// border, opacity, padding, watermark. A dialect that orders it otherwise says it in these terms.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "asset/asset_id.hpp"
#include "base/error.hpp"

namespace calotype {

/// How a picture meets a box of width × height. With one dimension given all mean `inside`.
enum class Fit : std::uint8_t {
  inside,   // as large as fits within the box, nothing cut off (the default)
  outside,  // as small as covers the box, nothing cut off
  cover,    // covers the box, and what is over is cut off, as gravity says (`crop` is a synonym)
  contain,  // fits within the box, padded to it with the background
  fill,     // exactly the box, whatever becomes of the proportions
};

/// What `cover` keeps, and where `contain` puts the picture (a compass point there).
enum class Gravity : std::uint8_t {
  center,  // the asset's focal point where it has one, otherwise the middle
  north,
  northeast,
  east,
  southeast,
  south,
  southwest,
  west,
  northwest,
  attention,  // what draws the eye: edges, saturated colours, skin
  entropy,    // where most is to be seen
  face,       // the largest face, where the operator has a model that finds faces
  faces,      // all of them, as far as they fit; without one, both do as Recipe::no_face says
  focal,      // around Recipe::focus
};

enum class ImageFormat : std::uint8_t { jpeg, png, webp, avif, gif, jxl };
inline constexpr std::array image_formats = {ImageFormat::jpeg, ImageFormat::png, ImageFormat::webp,
                                             ImageFormat::avif, ImageFormat::gif, ImageFormat::jxl};

struct Color {
  std::uint8_t red = 0, green = 0, blue = 0, alpha = 255;
  bool operator==(const Color&) const = default;
};

/// A point of the upright picture, in ten-thousandths of its width and height.
struct FocalPoint {
  static constexpr std::uint16_t whole = 10'000;
  std::uint16_t x = whole / 2;
  std::uint16_t y = whole / 2;
  bool operator==(const FocalPoint&) const = default;
};

/// A part of the upright picture, cut out before it is scaled; what lies outside is left away. Of
/// no width: all of it.
struct Region {
  std::uint32_t left = 0, top = 0, width = 0, height = 0;
  bool is_relative = false;  // in ten-thousandths of the sides instead of pixels
  bool operator==(const Region&) const = default;
};

/// Pixels.
struct Padding {
  std::uint16_t top = 0, right = 0, bottom = 0, left = 0;
  bool operator==(const Padding&) const = default;
};

/// Borders that are taken off before anything else.
struct Trim {
  std::uint8_t tolerance = 0;    // what differs by no more than this is border
  std::optional<Color> color{};  // from this; nothing: from the upper left corner
  bool even_x = false;           // as much from the left as from the right
  bool even_y = false;
  bool operator==(const Trim&) const = default;
};

/// A frame around the picture, which follows its corners.
struct Border {
  std::uint16_t width = 0;  // pixels; 0: none
  Color color{};
  bool is_inside = false;  // drawn over the picture's edge; otherwise it adds to the size
  bool operator==(const Border&) const = default;
};

enum class Tone : std::uint8_t { color, gray, bitonal };
enum class Metadata : std::uint8_t {
  strip,
  copyright,  // who made it and who has the rights, of EXIF
  keep,       // EXIF (upright), XMP, IPTC
};
enum class ColorProfile : std::uint8_t {
  srgb,  // converted to it, none embedded
  p3,    // converted to Display P3, embedded
  keep,  // RGB values as they came, with their profile; sRGB where there is none or it is not RGB
};

/// Another asset, laid over the finished picture.
struct Watermark {
  AssetId asset;
  Gravity gravity = Gravity::southeast;  // a compass point
  std::uint8_t width_percent = 25;       // of the finished picture's, to 100; 0: its own size
  std::uint8_t opacity_percent = 100;    // 1 to 100
  std::uint16_t margin_x = 0;            // pixels from the edges that gravity names
  std::uint16_t margin_y = 0;
  bool is_tiled = false;  // all over the picture, with the margins between; gravity does not matter
  bool operator==(const Watermark&) const = default;
};

struct Recipe {
  std::uint32_t width = 0;   // pixels, device pixel ratio multiplied in; 0: follows the height
  std::uint32_t height = 0;  // likewise; both 0: the original's size
  Fit fit = Fit::inside;
  Gravity gravity = Gravity::center;
  FocalPoint focus;                      // for Gravity::focal
  Gravity no_face = Gravity::attention;  // for Gravity::face and faces: where there is none; one
                                         // that is neither, and not focal
  std::uint8_t quality = 0;         // 1 to 100; 0: the format's default; meaningless for PNG, GIF
  std::optional<Color> background;  // given: alpha is flattened on it; pads and fills corners
  bool enlarge = false;             // only then is a picture made larger than its original

  std::uint32_t page = 0;  // or frame, from 1; 0: the first page, or all frames
  std::optional<Trim> trim;
  Region region;
  bool mirror = false;         // left and right change places
  std::uint16_t rotation = 0;  // hundredths of a degree, clockwise, after mirroring
  Tone tone = Tone::color;
  std::int8_t brightness = 0;       // −100 to 100 percent
  std::int8_t contrast = 0;         // likewise
  std::int8_t saturation = 0;       // likewise; −100 is Tone::gray
  std::uint16_t blur = 0;           // sigma in hundredths of a pixel of the result
  std::uint16_t sharpen = 0;        // likewise, of an unsharp mask
  std::uint16_t pixelate = 0;       // the side of squares of one colour, in pixels
  std::uint16_t corner_radius = 0;  // pixels; radius_max: half the shorter side
  Border border{};
  std::uint8_t opacity_percent = 100;  // 1 to 100, of the picture with its border
  Padding padding;
  std::optional<Watermark> watermark;
  Metadata metadata = Metadata::strip;
  ColorProfile profile = ColorProfile::srgb;
  bool lossless = false;        // WebP, AVIF, JPEG XL; PNG and GIF always are
  std::uint32_t bytes_max = 0;  // the quality is lowered until it fits; 0: no matter

  /// Nothing: as the request says elsewhere (Accept, or the original's own format). A recipe is
  /// canonical, and can be a variant's key, only with a format.
  std::optional<ImageFormat> format;

  bool operator==(const Recipe&) const = default;
};

inline constexpr std::uint32_t dimension_max = 65'535;  // a parsed width or height, dpr included
inline constexpr std::uint16_t radius_max = 65'535;
inline constexpr std::uint16_t padding_max = 8'192;
inline constexpr std::uint16_t border_max = 2'048;
inline constexpr std::uint16_t pixelate_max = 8'192;
inline constexpr std::uint16_t blur_max = 25'000;
inline constexpr std::uint16_t sharpen_max = 2'000;
inline constexpr std::uint32_t page_max = 1'000'000;
inline constexpr std::uint32_t bytes_max_min = 100;

/// Quality where the recipe gives none: JPEG 85, WebP 85, AVIF 60, JPEG XL 80. PNG and GIF have
/// none.
std::uint8_t default_quality(ImageFormat format);

/// "jpeg", "png", "webp", "avif", "gif", "jxl" (parse also takes "jpg"); "image/jpeg" and so on.
std::string_view to_string(ImageFormat format);
std::optional<ImageFormat> parse_image_format(std::string_view text);
std::string_view media_type_of(ImageFormat format);
bool has_alpha_channel(ImageFormat format);
bool has_frames(ImageFormat format);
bool has_quality(ImageFormat format);
/// The file ending in URLs: "jpg", and otherwise the format's name.
std::string_view extension_of(ImageFormat format);

std::string_view to_string(Fit fit);
/// Of all but `focal`, which is written as its point.
std::string_view to_string(Gravity gravity);
/// The native names above; "top", "bottom", "left", "right" and their pairs are the dialects'.
std::optional<Fit> parse_fit(std::string_view text);
/// Without `focal`.
std::optional<Gravity> parse_gravity(std::string_view text);
/// Whether it is one of the nine that need no look at the picture.
bool is_compass(Gravity gravity);
/// Whether it needs a face detector.
bool finds_faces(Gravity gravity);
/// Whether its place is known only once the picture has been looked at.
bool is_placed_by_looking(Gravity gravity);

/// Drops what has no effect: fit and gravity without a box, the default quality, PNG's quality.
Recipe canonical(Recipe recipe);

/// Whether the picture that it makes of an asset depends on the asset's focal point.
bool follows_focal_point(const Recipe& recipe);
/// The recipe for an asset that has this focal point: the point is named, so that another point is
/// another variant with another version.
Recipe with_focal_point(Recipe recipe, const std::optional<FocalPoint>& point);

/// The canonical text of canonical(recipe).
std::string to_string(const Recipe& recipe);

/// Reads native parameters (docs/API.md), joined by `&` or `,`, percent-encoding undone by the
/// caller. bad_recipe names the parameter, the value and what is allowed; a parameter given twice
/// is refused. `fm=auto` leaves format empty.
Result<Recipe> parse_recipe(std::string_view parameters);

/// 8 characters of base32 that change when the recipe or the renderer's version does
/// (architecture, decision 7).
std::string version_of(const Recipe& recipe, std::string_view renderer_version);

/// What a negotiated format has to be able to carry.
struct Carried {
  std::optional<ImageFormat> original;  // the original's own, where it is one of ours
  bool has_alpha = false;
  bool is_animated = false;
  bool is_lossless = false;  // the recipe asks for it
};

/// The best format for an Accept header (RFC 9110 §12.5.1), among those that can carry the picture:
/// AVIF, then WebP, then JPEG XL where they are named explicitly (a browser's `*/*` promises none),
/// then the original's own where it is JPEG or PNG; otherwise JPEG, or PNG where there is alpha. Of
/// what moves: WebP where it is named, then AVIF, otherwise GIF.
ImageFormat negotiate_format(std::string_view accept, const Carried& carried);

}  // namespace calotype
