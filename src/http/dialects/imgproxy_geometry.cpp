// SPDX-License-Identifier: Apache-2.0
// Options become a recipe. The sizes are worked out as imgproxy does it, in the frame that its
// users see: after the picture has been turned and mirrored. What a recipe can say as it was said
// (a box, what it keeps) is said so, so that the same request shares its variant with the other
// dialects; the rest is said to the pixel. Last, everything is turned back into the frame of a
// recipe, which turns its picture at the end.
#include <algorithm>
#include <cmath>
#include <format>

#include "asset/plan.hpp"
#include "http/dialects/exact_size.hpp"
#include "http/dialects/frame.hpp"
#include "http/dialects/imgproxy.hpp"

namespace calotype {
namespace {

using Resizing = ImgproxyOptions::Resizing;

std::uint32_t rounded(double value) {
  return static_cast<std::uint32_t>(std::clamp(std::round(value), 0.0, 4e9));
}

std::unexpected<Error> unsayable(std::string_view what) {
  return fail(ErrorCode::bad_recipe, std::string(what));
}

/// What the scaling comes to: the part is shrunk by these.
struct Shrinking {
  double x = 1, y = 1;
  double dpr = 1;  // as far as it is applied
};

Resizing resizing_for(const ImgproxyOptions& options, PictureSize part) {
  if (options.resizing != Resizing::automatic) return options.resizing;
  const double width = options.width == 0 ? part.width : options.width;
  const double height = options.height == 0 ? part.height : options.height;
  return (part.width >= part.height) == (width >= height) ? Resizing::fill : Resizing::fit;
}

/// For the part that is scaled, and the type of resizing.
Shrinking shrinking_of(const ImgproxyOptions& options, PictureSize part, Resizing type,
                       bool may_enlarge) {
  Shrinking shrinking{.dpr = options.dpr};
  if (options.width != 0) shrinking.x = static_cast<double>(part.width) / options.width;
  if (options.height != 0) shrinking.y = static_cast<double>(part.height) / options.height;
  if (type != Resizing::force) {
    const double both = options.width == 0      ? shrinking.y
                        : options.height == 0   ? shrinking.x
                        : type == Resizing::fit ? std::max(shrinking.x, shrinking.y)
                                                : std::min(shrinking.x, shrinking.y);
    shrinking.x = shrinking.y = both;
  }
  shrinking.x /= options.zoom_x;
  shrinking.y /= options.zoom_y;
  if (!may_enlarge) {
    const double least = std::min(shrinking.x, shrinking.y);
    if (least < 1) {
      shrinking.x /= least;
      shrinking.y /= least;
      if (!options.extend) shrinking.dpr /= least;
    }
    shrinking.dpr = std::min({shrinking.dpr, shrinking.x, shrinking.y});
  }
  if (options.min_width != 0) {
    const double most = static_cast<double>(part.width) / options.min_width;
    if (most < shrinking.x) {
      shrinking.y *= most / shrinking.x;
      shrinking.x = most;
    }
  }
  if (options.min_height != 0) {
    const double most = static_cast<double>(part.height) / options.min_height;
    if (most < shrinking.y) {
      shrinking.x *= most / shrinking.y;
      shrinking.y = most;
    }
  }
  shrinking.x = std::min<double>(shrinking.x / shrinking.dpr, part.width);
  shrinking.y = std::min<double>(shrinking.y / shrinking.dpr, part.height);
  return shrinking;
}

/// What is kept of the scaled part, of whatever is over.
PictureSize kept_of(const ImgproxyOptions& options, PictureSize scaled, Resizing type, double dpr) {
  double width =
      options.width == 0 ? scaled.width : std::round(options.width * dpr * options.zoom_x);
  double height =
      options.height == 0 ? scaled.height : std::round(options.height * dpr * options.zoom_y);
  if (type == Resizing::fill_down && options.width != 0 && options.height != 0) {
    const double over_x = width / scaled.width;
    const double over_y = height / scaled.height;
    if (over_x > over_y && over_x > 1) {
      height = std::round(scaled.width * height / width);
      width = scaled.width;
    } else if (over_y > over_x && over_y > 1) {
      width = std::round(scaled.height * width / height);
      height = scaled.height;
    }
  }
  return {std::clamp(rounded(width), 1U, scaled.width),
          std::clamp(rounded(height), 1U, scaled.height)};
}

/// Where something of the size `kept` stands in `whole`. An offset below 1 is a share of it.
struct Corner {
  std::int64_t left = 0, top = 0;
};
Corner place_of(const ImgproxyGravity& gravity, PictureSize whole, PictureSize kept, double dpr) {
  const auto within = [](double at, std::uint32_t over) {
    return std::clamp<std::int64_t>(std::llround(at), 0, over);
  };
  const std::uint32_t over_x = whole.width - kept.width;
  const std::uint32_t over_y = whole.height - kept.height;
  if (gravity.type == Gravity::focal)
    return {within(std::floor(whole.width * gravity.x) - kept.width / 2, over_x),
            within(std::floor(whole.height * gravity.y) - kept.height / 2, over_y)};
  const auto offset = [&](double value, std::uint32_t side) {
    return std::abs(value) >= 1 ? std::round(value * dpr) : std::round(value * side);
  };
  const PictureSize start = lean_offset(gravity.type, whole, kept);
  const Lean lean = lean_of(gravity.type);
  // An offset moves away from the edge that gravity names.
  const double away_x =
      lean.x > 0 ? -offset(gravity.x, whole.width) : offset(gravity.x, whole.width);
  const double away_y =
      lean.y > 0 ? -offset(gravity.y, whole.height) : offset(gravity.y, whole.height);
  return {within(start.width + away_x, over_x), within(start.height + away_y, over_y)};
}

bool has_offset(const ImgproxyGravity& gravity) {
  return gravity.type != Gravity::focal && (gravity.x != 0 || gravity.y != 0);
}

/// As far as a recipe says it without an original's size.
Result<void> set_box(Recipe& recipe, const ImgproxyOptions& options, Resizing type, double dpr) {
  const auto side = [&](std::uint32_t length) {
    return length == 0 ? 0U : std::max(1U, rounded(length * dpr));
  };
  recipe.width = side(options.width);
  recipe.height = side(options.height);
  if (recipe.width > dimension_max || recipe.height > dimension_max)
    return unsayable("width and height times dpr must be at most 65535 pixels.");
  recipe.enlarge = options.enlarge;
  recipe.fit = type == Resizing::fit     ? Fit::inside
               : type == Resizing::force ? Fit::fill
                                         : Fit::cover;
  recipe.gravity = options.gravity.type;
  if (options.gravity.type == Gravity::focal)
    recipe.focus = {static_cast<std::uint16_t>(std::lround(options.gravity.x * FocalPoint::whole)),
                    static_cast<std::uint16_t>(std::lround(options.gravity.y * FocalPoint::whole))};
  return {};
}

/// The sizes of the picture on its way.
struct Shape {
  PictureSize whole;   // in the frame that users see
  Region part;         // of it, in pixels
  PictureSize scaled;  // the part
  PictureSize kept;    // of what is scaled
  Shrinking shrinking;
  Resizing type = Resizing::fit;
};

Result<Region> part_of(const ImgproxyOptions& options, PictureSize whole) {
  const auto side = [](double wanted, std::uint32_t length) {
    const double pixels = wanted == 0 ? length : wanted < 1 ? wanted * length : wanted;
    return std::clamp(rounded(pixels), 1U, length);
  };
  const PictureSize size{side(options.crop_width, whole.width),
                         side(options.crop_height, whole.height)};
  const ImgproxyGravity gravity = options.crop_gravity.value_or(options.gravity);
  if (gravity.type == Gravity::attention && size != whole)
    return unsayable(
        "crop cannot look for what draws the eye (sm) before the picture is resized; "
        "resize with fill and gravity:sm instead.");
  const Corner at = place_of(gravity, whole, size, 1);
  return Region{static_cast<std::uint32_t>(at.left), static_cast<std::uint32_t>(at.top), size.width,
                size.height};
}

Result<Shape> shape_of(const ImgproxyOptions& options, PictureSize whole, bool may_enlarge) {
  Shape shape;
  shape.whole = whole;
  TRY(shape.part, part_of(options, whole));
  const PictureSize part{shape.part.width, shape.part.height};
  shape.type = resizing_for(options, part);
  shape.shrinking = shrinking_of(options, part, shape.type, may_enlarge);
  const double width = std::max(1.0, std::round(part.width / shape.shrinking.x));
  const double height = std::max(1.0, std::round(part.height / shape.shrinking.y));
  if (std::max(width, height) > 2e9) return unsayable("the picture would be enlarged without end.");
  shape.scaled = {rounded(width), rounded(height)};
  shape.kept = kept_of(options, shape.scaled, shape.type, shape.shrinking.dpr);
  return shape;
}

/// Whether a box says it: no factor but dpr, nothing least, no offset.
bool is_plain_box(const ImgproxyOptions& options) {
  return options.zoom_x == 1 && options.zoom_y == 1 && options.min_width == 0 &&
         options.min_height == 0 && options.result_side_max == 0 && !has_offset(options.gravity);
}

/// The size that a recipe scales to before it cuts `kept` out of the part.
PictureSize cover_size(PictureSize part, PictureSize kept) {
  const bool is_wider =
      std::uint64_t{kept.width} * part.height > std::uint64_t{kept.height} * part.width;
  const PictureSize size = is_wider ? at_width(part, kept.width) : at_height(part, kept.height);
  return {std::max(size.width, kept.width), std::max(size.height, kept.height)};
}

bool is_near(PictureSize a, PictureSize b) {
  const auto apart = [](std::uint32_t x, std::uint32_t y) { return x > y ? x - y : y - x; };
  return apart(a.width, b.width) <= 1 && apart(a.height, b.height) <= 1;
}

/// The recipe's region, size, fit and gravity, in the frame that users see.
Result<void> set_shape(Recipe& recipe, const ImgproxyOptions& options, const Shape& shape) {
  const PictureSize part{shape.part.width, shape.part.height};
  const PictureSize& kept = shape.kept;
  set_exact_region(recipe, shape.whole, shape.part);
  const bool covers = shape.type == Resizing::fill || shape.type == Resizing::fill_down;
  const bool has_box = options.width != 0 && options.height != 0;
  const bool is_fitted = shape.type == Resizing::fit || (!has_box && covers);
  const PictureSize box{rounded(options.width * shape.shrinking.dpr),
                        rounded(options.height * shape.shrinking.dpr)};
  if (is_plain_box(options) && (options.width != 0 || options.height != 0)) {
    if (is_fitted) return set_box(recipe, options, Resizing::fit, options.dpr);
    if (shape.type == Resizing::fill_down && options.dpr == shape.shrinking.dpr)
      return set_box(recipe, options, shape.type, options.dpr);
    if (has_box && kept == box) return set_box(recipe, options, shape.type, shape.shrinking.dpr);
  }
  if (options.gravity.type == Gravity::attention || !has_offset(options.gravity)) {
    if (kept == shape.scaled) {
      set_exact_size(recipe, part, kept);
      return {};
    }
    if (is_near(cover_size(part, kept), shape.scaled)) {
      ImgproxyOptions exact = options;
      exact.width = kept.width;
      exact.height = kept.height;
      exact.enlarge = shape.scaled.width > part.width || shape.scaled.height > part.height;
      return set_box(recipe, exact, Resizing::fill, 1);
    }
    if (options.gravity.type == Gravity::attention)
      return unsayable("gravity:sm needs a picture that is scaled no more than its box asks for.");
  }
  // What is cut off after scaling is cut off before it, to the nearest pixel of the original.
  const Corner at = place_of(options.gravity, shape.scaled, kept, shape.shrinking.dpr);
  const double across = static_cast<double>(part.width) / shape.scaled.width;
  const double down = static_cast<double>(part.height) / shape.scaled.height;
  const auto start = [](double moved, std::uint32_t from, std::uint32_t over) {
    return from + std::min(rounded(moved), over);
  };
  Region region;
  region.width = std::clamp(rounded(kept.width * across), 1U, part.width);
  region.height = std::clamp(rounded(kept.height * down), 1U, part.height);
  region.left =
      start(static_cast<double>(at.left) * across, shape.part.left, part.width - region.width);
  region.top =
      start(static_cast<double>(at.top) * down, shape.part.top, part.height - region.height);
  set_exact_region(recipe, shape.whole, region);
  set_exact_size(recipe, {region.width, region.height}, kept);
  return {};
}

/// Room around what is kept, up to the canvas; part of the padding.
void add_room(Padding& padding, const ImgproxyGravity& gravity, PictureSize kept,
              PictureSize canvas, double dpr) {
  const Corner at = place_of(gravity, canvas, kept, dpr);
  const auto add = [](std::uint16_t& side, std::int64_t pixels) {
    side = static_cast<std::uint16_t>(std::clamp<std::int64_t>(side + pixels, 0, padding_max));
  };
  add(padding.left, at.left);
  add(padding.top, at.top);
  add(padding.right, std::int64_t{canvas.width} - kept.width - at.left);
  add(padding.bottom, std::int64_t{canvas.height} - kept.height - at.top);
}

/// extend and extend_aspect_ratio: to the box where a recipe can say it, as padding elsewhere.
void extend(Recipe& recipe, const ImgproxyOptions& options, const Shape& shape) {
  const double dpr = shape.shrinking.dpr;
  PictureSize size = shape.kept;
  const auto box_side = [&](std::uint32_t wanted, double zoom, std::uint32_t have) {
    return wanted == 0 ? have : std::max(have, rounded(wanted * dpr * zoom));
  };
  if (options.extend) {
    const PictureSize canvas{box_side(options.width, options.zoom_x, size.width),
                             box_side(options.height, options.zoom_y, size.height)};
    const bool is_plain = recipe.fit == Fit::inside && recipe.width != 0 && recipe.height != 0 &&
                          is_compass(options.extend_gravity.type) &&
                          !has_offset(options.extend_gravity) && recipe.blur == 0 &&
                          recipe.pixelate == 0 && dpr == options.dpr;
    if (is_plain) {
      recipe.fit = Fit::contain;
      recipe.gravity = options.extend_gravity.type;
    } else {
      add_room(recipe.padding, options.extend_gravity, size, canvas, dpr);
    }
    size = canvas;
  }
  if (options.extend_ratio && options.width != 0 && options.height != 0) {
    const double ratio = static_cast<double>(options.width) / options.height;
    const PictureSize canvas{std::max(size.width, rounded(size.height * ratio)),
                             std::max(size.height, rounded(size.width / ratio))};
    add_room(recipe.padding, options.extend_ratio_gravity, size, canvas, dpr);
  }
}

void set_padding(Recipe& recipe, const Padding& padding, double dpr) {
  const auto add = [&](std::uint16_t& side, std::uint16_t pixels) {
    side = static_cast<std::uint16_t>(
        std::clamp(std::round(side + pixels * dpr), 0.0, double{padding_max}));
  };
  add(recipe.padding.top, padding.top);
  add(recipe.padding.right, padding.right);
  add(recipe.padding.bottom, padding.bottom);
  add(recipe.padding.left, padding.left);
}

Result<void> set_watermark(Recipe& recipe, const ImgproxyOptions& options,
                           const ImgproxyRules& rules, PictureSize finished, double dpr) {
  if (options.watermark_opacity <= 0 || !rules.watermark) return {};
  if (options.watermark_x < 0 || options.watermark_y < 0)
    return unsayable("watermark offsets must not be negative: it stays within the picture.");
  Watermark mark{*rules.watermark};
  mark.gravity = options.watermark_position;
  mark.is_tiled = options.watermark_tiled;
  mark.width_percent = static_cast<std::uint8_t>(std::lround(options.watermark_scale * 100));
  mark.opacity_percent =
      static_cast<std::uint8_t>(std::max(1L, std::lround(options.watermark_opacity * 100)));
  const auto margin = [&](double offset, std::uint32_t side) {
    const double pixels = offset >= 1 ? offset * dpr : offset * side;
    return static_cast<std::uint16_t>(std::min<double>(std::round(pixels), padding_max));
  };
  mark.margin_x = margin(options.watermark_x, finished.width);
  mark.margin_y = margin(options.watermark_y, finished.height);
  recipe.watermark = mark;
  return {};
}

/// What the pixels are turned into, whatever their size.
void set_effects(Recipe& recipe, const ImgproxyOptions& options, const MediaInfo& media) {
  recipe.background = options.background;
  recipe.blur = options.blur;
  recipe.sharpen = options.sharpen;
  recipe.pixelate = options.pixelate;
  if (!options.strip_metadata)
    recipe.metadata = Metadata::keep;
  else if (options.keep_copyright)
    recipe.metadata = Metadata::copyright;
  if (!options.strip_color_profile) recipe.profile = ColorProfile::keep;
  recipe.bytes_max = options.bytes_max == 0 ? 0 : std::max(options.bytes_max, bytes_max_min);
  recipe.format = options.format;
  recipe.quality = options.quality;
  const ImageFormat format =
      options.format.value_or(format_of_media_type(media.media_type).value_or(ImageFormat::jpeg));
  if (const auto own = options.format_quality.find(format);
      recipe.quality == 0 && own != options.format_quality.end())
    recipe.quality = own->second;
}

Result<void> check_source(const ImgproxyOptions& options, const MediaInfo& media,
                          std::uint64_t bytes, Recipe& recipe) {
  const double megapixels = static_cast<double>(media.width) * media.height / 1e6;
  const auto refused = [](std::string_view name) {
    return fail(ErrorCode::limit_exceeded,
                std::format("The original is past the URL's own limit, {}.", name));
  };
  if (options.source_megapixels_max != 0 && megapixels > options.source_megapixels_max)
    return refused("max_src_resolution");
  if (options.source_bytes_max != 0 && bytes > options.source_bytes_max)
    return refused("max_src_file_size");
  if (options.frame_megapixels_max != 0 && is_animated(media) &&
      megapixels > options.frame_megapixels_max)
    return refused("max_animation_frame_resolution");
  if (options.frames_max == 1 && is_animated(media)) recipe.page = 1;
  if (options.frames_max > 1 && is_animated(media) && media.pages > options.frames_max)
    return refused("max_animation_frames");
  if (!options.auto_rotate && media.orientation != 1)
    return unsayable(
        "auto_rotate:0 cannot be had of a photograph that says how it is turned: "
        "pictures are always upright here.");
  if (options.preserve_hdr && media.bits_per_channel > 8)
    return unsayable(
        "preserve_hdr:1 cannot be had of an original with more than 8 bits a channel: "
        "pictures come out with 8.");
  return {};
}

/// The frame that users see is the upright one turned by `rotate`, then mirrored.
Frame frame_of(const ImgproxyOptions& options) {
  return {
      .quarter_turns = options.rotate / 90, .flips_x = options.flip_x, .flips_y = options.flip_y};
}

/// Borders go first, and what is left of the original nobody knows before it is rendered.
Result<void> set_shape_of_trimmed(Recipe& recipe, const ImgproxyOptions& options) {
  const bool is_box =
      is_plain_box(options) && options.crop_width == 0 && options.crop_height == 0 &&
      !options.extend_ratio && (!options.extend || options.resizing == Resizing::fit) &&
      !has_offset(options.extend_gravity) && options.resizing != Resizing::automatic;
  if (!is_box)
    return unsayable(
        "beside trim there can be width, height, dpr, a resizing type but auto, "
        "gravity without offsets, and extend with fit.");
  recipe.trim = options.trim;
  TRY_VOID(set_box(recipe, options, options.resizing, options.dpr));
  if (options.extend) {
    recipe.fit = Fit::contain;
    recipe.gravity = options.extend_gravity.type;
  }
  return {};
}

/// max_result_dimension: what would be longer is made smaller, all of it.
Result<Shape> limited_shape(ImgproxyOptions& options, PictureSize whole, bool may_enlarge) {
  TRY(Shape shape, shape_of(options, whole, may_enlarge));
  if (options.result_side_max == 0) return shape;
  const std::uint32_t longer = std::max(shape.kept.width, shape.kept.height);
  if (longer <= options.result_side_max) return shape;
  const double share = static_cast<double>(options.result_side_max) / longer;
  shape.kept = {std::max(1U, rounded(shape.kept.width * share)),
                std::max(1U, rounded(shape.kept.height * share))};
  shape.scaled = {std::max(shape.kept.width, rounded(shape.scaled.width * share)),
                  std::max(shape.kept.height, rounded(shape.scaled.height * share))};
  shape.shrinking.dpr *= share;
  return shape;
}

}  // namespace

Result<Recipe> settle_imgproxy(const ImgproxyOptions& given, const ImgproxyRules& rules,
                               const MediaInfo& media, std::uint64_t bytes) {
  ImgproxyOptions options = given;
  if (options.preset) {
    ImgproxyOptions alone;
    alone.preset = options.preset;
    alone.format = options.format;
    if (options != alone)
      return unsayable(
          "a preset of this server stands alone, with a format at most; imgproxy's "
          "own presets (imgproxy.presets) can be mixed with options.");
    return options.format ? with_format(*options.preset, options.format) : *options.preset;
  }
  Recipe recipe;
  TRY_VOID(check_source(options, media, bytes, recipe));
  const Frame frame = frame_of(options);
  const PictureSize upright{media.width, media.height};
  const PictureSize whole = frame.of(upright);
  set_effects(recipe, options, media);
  PictureSize kept{options.width, options.height};
  double dpr = options.dpr;
  if (options.trim) {
    TRY_VOID(set_shape_of_trimmed(recipe, options));
  } else {
    TRY(const Shape shape, limited_shape(options, whole, options.enlarge || is_vector(media)));
    TRY_VOID(set_shape(recipe, options, shape));
    // Said only where it makes a difference, as every dialect has it.
    recipe.enlarge = recipe.enlarge && (shape.scaled.width > shape.part.width ||
                                        shape.scaled.height > shape.part.height);
    extend(recipe, options, shape);
    kept = shape.kept;
    dpr = shape.shrinking.dpr;
  }
  set_padding(recipe, options.padding, dpr);
  const PictureSize finished{kept.width + recipe.padding.left + recipe.padding.right,
                             kept.height + recipe.padding.top + recipe.padding.bottom};
  TRY_VOID(set_watermark(recipe, options, rules, finished, dpr));
  if (std::max(recipe.width, recipe.height) > dimension_max)
    return unsayable("the picture would have a side of more than 65535 pixels.");
  frame.turn_back(recipe, whole);
  return canonical(recipe);
}

}  // namespace calotype
