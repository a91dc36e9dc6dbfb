// SPDX-License-Identifier: Apache-2.0
// A recipe says which picture is wanted, free of the URL dialect it was asked in. Two requests that
// mean the same picture have the same canonical recipe, and so share one variant:
//
//   w=400&dpr=2&fit=cover      →  w=800          (one dimension: nothing to cover; dpr multiplied
//   in) fit=crop&h=630&w=1200      →  w=1200&h=630&fit=cover
//
// The canonical form is `key=value` pairs joined by `&`, in the order of the fields below, defaults
// left out, with fm always last. It is the variant's key in the catalog and stands in its URL.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace calotype {

/// How a picture meets a box of width × height. With one dimension given all mean `inside`.
enum class Fit : std::uint8_t {
  inside,   // as large as fits within the box, nothing cut off (the default)
  outside,  // as small as covers the box, nothing cut off
  cover,    // covers the box, and what is over is cut off, as gravity says (`crop` is a synonym)
  contain,  // fits within the box, padded to it with the background
};

enum class Gravity : std::uint8_t {
  center,
  north,
  northeast,
  east,
  southeast,
  south,
  southwest,
  west,
  northwest,
};

enum class ImageFormat : std::uint8_t { jpeg, png, webp, avif };
inline constexpr std::array image_formats = {ImageFormat::jpeg, ImageFormat::png, ImageFormat::webp,
                                             ImageFormat::avif};

struct Color {
  std::uint8_t red = 0, green = 0, blue = 0, alpha = 255;
  bool operator==(const Color&) const = default;
};

struct Recipe {
  std::uint32_t width = 0;   // pixels, device pixel ratio multiplied in; 0: follows the height
  std::uint32_t height = 0;  // likewise; both 0: the original's size
  Fit fit = Fit::inside;
  Gravity gravity = Gravity::center;
  std::uint8_t quality = 0;         // 1 to 100; 0: the format's default; meaningless for PNG
  std::optional<Color> background;  // given: alpha is flattened on it; pads `contain`
  bool enlarge = false;             // only then is a picture made larger than its original
  /// Nothing: as the request says elsewhere (Accept, or the original's own format). A recipe is
  /// canonical, and can be a variant's key, only with a format.
  std::optional<ImageFormat> format;

  bool operator==(const Recipe&) const = default;
};

inline constexpr std::uint32_t dimension_max = 65'535;  // a parsed width or height, dpr included

/// Quality where the recipe gives none: JPEG 85, WebP 85, AVIF 60. PNG has none.
std::uint8_t default_quality(ImageFormat format);

/// "jpeg", "png", "webp", "avif" (parse also takes "jpg"); "image/jpeg" and so on.
std::string_view to_string(ImageFormat format);
std::optional<ImageFormat> parse_image_format(std::string_view text);
std::string_view media_type_of(ImageFormat format);
bool has_alpha_channel(ImageFormat format);
/// The file ending in URLs: "jpg", "png", "webp", "avif".
std::string_view extension_of(ImageFormat format);

std::string_view to_string(Fit fit);
std::string_view to_string(Gravity gravity);
/// The native names above; "top", "bottom", "left", "right" and their pairs are the dialects'.
std::optional<Fit> parse_fit(std::string_view text);
std::optional<Gravity> parse_gravity(std::string_view text);

/// Drops what has no effect: fit and gravity without a box, the default quality, PNG's quality.
Recipe canonical(Recipe recipe);

/// The canonical text of canonical(recipe). Parameters are `w h fit g q bg enlarge fm`.
std::string to_string(const Recipe& recipe);

/// Reads native parameters: `w`, `h`, `fit`, `g` (gravity), `dpr`, `q`, `bg`, `enlarge`, `fm`,
/// joined by `&` or `,`, percent-encoding undone by the caller. bad_recipe names the parameter, the
/// value and what is allowed; a parameter given twice is refused. `fm=auto` leaves format empty.
Result<Recipe> parse_recipe(std::string_view parameters);

/// 8 characters of base32 that change when the recipe or the renderer's version does
/// (architecture, decision 7).
std::string version_of(const Recipe& recipe, std::string_view renderer_version);

/// The best format for an Accept header (RFC 9110 §12.5.1), among those that can carry the picture:
/// AVIF, then WebP where they are named explicitly (a browser's `*/*` promises neither), then the
/// original's own where it is JPEG or PNG; otherwise JPEG, or PNG where there is alpha.
ImageFormat negotiate_format(std::string_view accept, std::optional<ImageFormat> original,
                             bool has_alpha);

}  // namespace calotype
