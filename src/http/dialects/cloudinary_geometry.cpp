// SPDX-License-Identifier: Apache-2.0
// Components become one recipe. Crops of the original and one change of size after them are said as
// they were said (a region, a box, what it keeps), so that the same request shares its variant with
// the other dialects. Where sizes and crops follow one another, each is worked out on what the one
// before has made, as a rectangle of the original and a size, and said to the pixel.
#include <algorithm>
#include <cmath>
#include <format>

#include "asset/plan.hpp"
#include "http/dialects/cloudinary.hpp"
#include "http/dialects/exact_size.hpp"
#include "http/dialects/frame.hpp"

namespace calotype {
namespace {

using Crop = CloudinaryComponent::Crop;
using Component = CloudinaryComponent;

std::unexpected<Error> unsayable(std::string_view what) {
  return fail(ErrorCode::bad_recipe, std::string(what));
}

std::uint32_t rounded(double value) {
  return static_cast<std::uint32_t>(std::clamp(std::round(value), 0.0, 4e9));
}
std::uint32_t side_of(double value) {
  return std::max(1U, rounded(value));
}

/// What is asked of a component's sizes, in pixels; a side of 0 follows the other.
struct Box {
  std::uint32_t width = 0, height = 0;
  bool is_whole() const { return width != 0 && height != 0; }
  PictureSize size() const { return {width, height}; }
};

class Chain {
 public:
  explicit Chain(PictureSize upright) : upright_(upright), whole_(upright) { reset(); }

  Result<void> apply(const Component& component);
  Recipe take();

 private:
  void reset() {
    left_ = top_ = 0;
    across_ = whole_.width;
    down_ = whole_.height;
    size_ = whole_;
  }
  Result<Box> box_of(const Component& component) const;
  Result<void> resize(const Component& component);
  Result<void> fit(const Component& component, Box box);
  Result<void> fill(const Component& component, Box box);
  Result<void> pad(const Component& component, Box box);
  Result<void> cut(const Component& component, Box box);
  Result<void> turn(const Component::Turn& turn);
  Result<void> decorate(const Component& component);
  void say_box(Box box, Fit fit, bool enlarges);
  void scale_to(PictureSize size) { size_ = size; }
  void keep(double left, double top, PictureSize kept);
  bool is_first() const { return resizes_ == 0; }
  Region region() const;

  const PictureSize upright_;
  PictureSize whole_;  // in the frame that the sizes are meant in
  Frame frame_;
  // What has been kept of it, and the size that that has now.
  double left_ = 0, top_ = 0, across_ = 0, down_ = 0;
  PictureSize size_;
  int resizes_ = 0;         // crops at the original's own size do not count
  bool is_padded_ = false;  // nothing is cut or sized after that
  bool is_placed_by_looking_ = false;
  bool is_decorated_ = false;
  bool is_turned_ = false;              // after it had its size
  std::vector<Component::Turn> turns_;  // after it had its size
  Region said_region_;                  // before the first change of size
  Recipe recipe_;                       // what has been said of that one, and of decoration
};

Result<Box> Chain::box_of(const Component& component) const {
  const auto side = [&](double wanted, bool is_share, std::uint32_t now) {
    if (wanted == 0) return 0U;
    return side_of(is_share ? wanted * now : wanted * component.dpr);
  };
  Box box{side(component.width, component.width_is_share, size_.width),
          side(component.height, component.height_is_share, size_.height)};
  if (component.ratio != 0 && !box.is_whole()) {
    if (box.width != 0)
      box.height = side_of(box.width / component.ratio);
    else if (box.height != 0)
      box.width = side_of(box.height * component.ratio);
    else {
      // As large as goes into the picture; where it is padded, as small as goes around it.
      const bool is_wider = component.ratio * size_.height > size_.width;
      const bool pads = component.crop == Crop::pad || component.crop == Crop::lpad ||
                        component.crop == Crop::mpad;
      const bool by_width = is_wider != pads;
      box = by_width ? Box{size_.width, side_of(size_.width / component.ratio)}
                     : Box{side_of(size_.height * component.ratio), size_.height};
    }
  }
  if (std::max(box.width, box.height) > dimension_max)
    return unsayable("w and h times dpr must be at most 65535 pixels.");
  return box;
}

/// One change of size that a recipe says as it is.
void Chain::say_box(Box box, Fit fit, bool enlarges) {
  recipe_.width = box.width;
  recipe_.height = box.height;
  recipe_.fit = fit;
  recipe_.enlarge = enlarges;
}

/// Of what there is now, that rectangle.
void Chain::keep(double left, double top, PictureSize kept) {
  const double x = across_ / size_.width;
  const double y = down_ / size_.height;
  left_ += left * x;
  top_ += top * y;
  across_ = kept.width * x;
  down_ = kept.height * y;
  size_ = kept;
}

Result<void> Chain::fit(const Component& component, Box box) {
  const bool grows = component.crop != Crop::limit;
  const bool is_exact = component.crop == Crop::scale || component.crop == Crop::none;
  PictureSize to = box.is_whole()    ? is_exact ? box.size() : fit_within(size_, box.size())
                      : box.width != 0 ? at_width(size_, box.width)
                   : box.height != 0 ? at_height(size_, box.height)
                                     : size_;
  const bool is_larger = to.width > size_.width || to.height > size_.height;
  if (is_larger && !grows) to = size_;
  if (component.crop == Crop::mfit && !is_larger) to = size_;
  if (is_first()) {
    if (component.crop == Crop::mfit)
      set_exact_size(recipe_, size_, to);
    else
      say_box(box, is_exact ? Fit::fill : Fit::inside, is_larger && grows);
  }
  scale_to(to);
  return {};
}

Result<void> Chain::fill(const Component& component, Box box) {
  if (!box.is_whole()) return fit(component, box);
  const Gravity gravity = component.gravity.value_or(
      component.crop == Crop::automatic ? Gravity::attention : Gravity::center);
  if ((component.x || component.y) && gravity != Gravity::focal)
    return unsayable("x and y with c_fill and its kin need g_xy_center.");
  if (component.crop == Crop::thumb && finds_faces(gravity))
    return unsayable(
        "g_face with c_thumb would zoom in, which is not done here; c_fill keeps the face.");
  const double share = std::max(static_cast<double>(box.width) / size_.width,
                                static_cast<double>(box.height) / size_.height);
  const bool is_larger = share > 1;
  const bool is_limited = component.crop == Crop::lfill && is_larger;
  // Where it must not grow, each side is cut that is there to cut.
  const PictureSize kept =
      is_limited ? PictureSize{std::min(box.width, size_.width), std::min(box.height, size_.height)}
                 : box.size();
  const PictureSize scaled = is_limited
                                 ? size_
                                 : PictureSize{std::max(box.width, side_of(size_.width * share)),
                                               std::max(box.height, side_of(size_.height * share))};
  FocalPoint focus;
  PictureSize start = lean_offset(gravity, scaled, kept);
  if (gravity == Gravity::focal) {
    const auto at = [](double pixels, double length) {
      return std::clamp(std::abs(pixels) < 1 ? pixels : pixels / length, 0.0, 1.0);
    };
    const double x = at(component.x.value_or(0), size_.width);
    const double y = at(component.y.value_or(0), size_.height);
    focus = {static_cast<std::uint16_t>(
                 std::lround((left_ + x * across_) / whole_.width * FocalPoint::whole)),
             static_cast<std::uint16_t>(
                 std::lround((top_ + y * down_) / whole_.height * FocalPoint::whole))};
    const auto place = [](double middle, std::uint32_t side, std::uint32_t over) {
      return std::min(rounded(std::max(0.0, middle - side / 2.0)), over);
    };
    start = {place(scaled.width * x, kept.width, scaled.width - kept.width),
             place(scaled.height * y, kept.height, scaled.height - kept.height)};
  }
  if (is_first() && !(is_limited && kept == size_)) {
    say_box({kept.width, kept.height}, Fit::cover, is_larger && !is_limited);
    recipe_.gravity = gravity;
    recipe_.focus = focus;
    recipe_.no_face = component.no_face;
  }
  is_placed_by_looking_ = is_placed_by_looking(gravity) && kept != scaled;
  if (is_placed_by_looking_ && !is_first())
    return unsayable(
        "g_auto and g_face look at the original; they must come with the first change of size.");
  scale_to(scaled);
  keep(start.width, start.height, kept);
  return {};
}

Result<void> Chain::pad(const Component& component, Box box) {
  if (!box.is_whole()) return fit(component, box);
  const Gravity gravity = component.gravity.value_or(Gravity::center);
  if (!is_compass(gravity) || component.x || component.y)
    return unsayable("c_pad and its kin take a compass point as g, and no x and y.");
  const PictureSize fitted = fit_within(size_, box.size());
  const bool is_larger = fitted.width > size_.width || fitted.height > size_.height;
  PictureSize to = fitted;
  if (component.crop == Crop::lpad && is_larger) to = size_;
  if (component.crop == Crop::mpad && !is_larger) return {};  // large enough already
  is_padded_ = true;
  if (is_first()) {
    say_box(box, Fit::contain, is_larger && component.crop != Crop::lpad);
    recipe_.gravity = gravity;
    scale_to(to);
    return {};
  }
  scale_to(to);
  const PictureSize at = lean_offset(gravity, box.size(), to);
  const std::uint32_t right = box.width - to.width - at.width;
  const std::uint32_t bottom = box.height - to.height - at.height;
  if (std::max({at.width, at.height, right, bottom}) > padding_max)
    return unsayable("c_pad after another change of size adds at most 8192 pixels a side.");
  const auto narrow = [](std::uint32_t pixels) { return static_cast<std::uint16_t>(pixels); };
  recipe_.padding = {narrow(at.height), narrow(right), narrow(bottom), narrow(at.width)};
  return {};
}

Result<void> Chain::cut(const Component& component, Box box) {
  const PictureSize kept{box.width == 0 ? size_.width : std::min(box.width, size_.width),
                         box.height == 0 ? size_.height : std::min(box.height, size_.height)};
  const auto pixels = [](std::optional<double> offset, std::uint32_t side) {
    const double value = offset.value_or(0);
    return std::abs(value) < 1 ? value * side : value;
  };
  const double x = pixels(component.x, size_.width);
  const double y = pixels(component.y, size_.height);
  const bool has_place = component.x || component.y;
  const Gravity gravity =
      component.gravity.value_or(has_place ? Gravity::northwest : Gravity::center);
  if (is_placed_by_looking(gravity) && kept != size_)
    return unsayable(
        "c_crop cannot look for faces or what draws the eye; c_fill with g_face or g_auto can.");
  const std::uint32_t over_x = size_.width - kept.width;
  const std::uint32_t over_y = size_.height - kept.height;
  const auto within = [](double at, std::uint32_t over) {
    return static_cast<double>(std::min(rounded(std::max(0.0, at)), over));
  };
  if (gravity == Gravity::focal) {
    keep(within(x - kept.width / 2.0, over_x), within(y - kept.height / 2.0, over_y), kept);
    return {};
  }
  const PictureSize start = lean_offset(gravity, size_, kept);
  const Lean lean = lean_of(gravity);
  keep(within(start.width + (lean.x > 0 ? -x : x), over_x),
       within(start.height + (lean.y > 0 ? -y : y), over_y), kept);
  return {};
}

Result<void> Chain::resize(const Component& component) {
  if (is_padded_ || is_decorated_ || is_turned_)
    return unsayable(
        "sizes must come before padding, round corners, borders and opacity, and before "
        "an angle that is not the first of all.");
  if (is_placed_by_looking_)
    return unsayable(
        "after g_auto or g_face nobody knows before it is rendered what is left to be sized.");
  TRY(const Box box, box_of(component));
  if (component.crop == Crop::crop) {
    // Of the original it is a region; of what has another size, a rectangle that is said at the
    // end.
    const bool at_own_size = is_first();
    TRY_VOID(cut(component, box));
    if (!at_own_size) ++resizes_;
    return {};
  }
  if (is_first()) said_region_ = region();
  switch (component.crop) {
    case Crop::fill:
    case Crop::lfill:
    case Crop::thumb:
    case Crop::automatic:
      TRY_VOID(fill(component, box));
      break;
    case Crop::pad:
    case Crop::lpad:
    case Crop::mpad:
      TRY_VOID(pad(component, box));
      break;
    default:
      TRY_VOID(fit(component, box));
  }
  ++resizes_;
  return {};
}

Result<void> Chain::turn(const Component::Turn& turn) {
  const bool is_quarter = turn.rotation % 9'000 == 0;
  const bool is_untouched = resizes_ == 0 && size_ == whole_ && !is_padded_;
  if (!is_quarter && (recipe_.corner_radius != 0 || recipe_.border != Border{}))
    return unsayable("round corners and borders come after an angle.");
  if (is_untouched && is_quarter && !is_turned_ && !is_decorated_) {
    // A frame is turned, then mirrored: what is mirrored one way and then turned by a quarter is
    // turned, and then mirrored the other way.
    if (turn.flips_x) frame_.flips_x = !frame_.flips_x;
    if (turn.flips_y) frame_.flips_y = !frame_.flips_y;
    const int quarters = turn.rotation / 9'000;
    if (quarters % 2 != 0) std::swap(frame_.flips_x, frame_.flips_y);
    frame_.quarter_turns = (frame_.quarter_turns + quarters) % 4;
    whole_ = frame_.of(upright_);
    reset();
    return {};
  }
  if (recipe_.padding != Padding{}) return unsayable("padding comes after an angle.");
  is_turned_ = true;
  turns_.push_back(turn);
  return {};
}

Result<void> Chain::decorate(const Component& component) {
  if (component.radius) {
    if (recipe_.corner_radius != 0 || recipe_.border != Border{} ||
        recipe_.opacity_percent != 100 || recipe_.padding != Padding{})
      return unsayable("round corners come once, before a border, opacity and padding.");
    recipe_.corner_radius = *component.radius;
  }
  if (component.border) {
    if (recipe_.border != Border{} || recipe_.opacity_percent != 100 ||
        recipe_.padding != Padding{})
      return unsayable("a border comes once, before opacity and padding.");
    recipe_.border = *component.border;
  }
  if (component.opacity) {
    if (recipe_.opacity_percent != 100) return unsayable("opacity comes once.");
    recipe_.opacity_percent = *component.opacity;
  }
  is_decorated_ = is_decorated_ || component.decorates();
  return {};
}

Result<void> Chain::apply(const Component& component) {
  if (component.resizes() || component.ratio != 0)
    TRY_VOID(resize(component));
  else if (component.gravity || component.x || component.y || component.dpr != 1)
    return unsayable("g, x, y and dpr need w, h or c beside them.");
  for (const Component::Turn& one : component.turns) TRY_VOID(turn(one));
  return decorate(component);
}

/// What is kept, to the nearest pixel.
Region Chain::region() const {
  Region region;
  region.left = std::min(rounded(left_), whole_.width - 1);
  region.top = std::min(rounded(top_), whole_.height - 1);
  region.width = std::clamp(rounded(across_), 1U, whole_.width - region.left);
  region.height = std::clamp(rounded(down_), 1U, whole_.height - region.top);
  return region;
}

Recipe Chain::take() {
  const Region kept = region();
  if (resizes_ > 1) {
    recipe_.gravity = Gravity::center;
    set_exact_size(recipe_, {kept.width, kept.height}, size_);
  }
  set_exact_region(recipe_, whole_, resizes_ == 1 ? said_region_ : kept);
  frame_.turn_back(recipe_, whole_);
  for (const Component::Turn& one : turns_) {
    // Mirroring after turning is turning the other way after mirroring.
    const bool flips = one.flips_x != one.flips_y;
    int rotation = recipe_.rotation;
    if (flips) {
      recipe_.mirror = !recipe_.mirror;
      rotation = -rotation;
    }
    if (one.flips_y) rotation += 18'000;
    recipe_.rotation = static_cast<std::uint16_t>((rotation + one.rotation + 72'000) % 36'000);
  }
  return recipe_;
}

}  // namespace

Result<Recipe> settle_cloudinary(const CloudinaryRequest& request, const MediaInfo& media) {
  const auto encoded = [&](Recipe recipe) {
    recipe = with_format(std::move(recipe), request.negotiate ? std::nullopt : request.format);
    if (request.quality != 0) recipe.quality = request.quality;
    return canonical(std::move(recipe));
  };
  if (request.preset) {
    const bool is_alone = std::ranges::all_of(request.components, [](const Component& one) {
      return !one.resizes() && !one.decorates() && one.turns.empty() && one.ratio == 0 &&
             !one.gravity && !one.x && !one.y && one.dpr == 1;
    });
    if (!is_alone || request.background || request.page != 0)
      return unsayable("t_ stands alone, with f_ and q_ at most.");
    if (!request.format && !request.negotiate) {
      Recipe recipe = *request.preset;
      if (request.quality != 0) recipe.quality = request.quality;
      return canonical(std::move(recipe));
    }
    return encoded(*request.preset);
  }
  Chain chain({media.width, media.height});
  for (const Component& component : request.components) TRY_VOID(chain.apply(component));
  Recipe recipe = chain.take();
  if (std::max(recipe.width, recipe.height) > dimension_max)
    return unsayable("the picture would have a side of more than 65535 pixels.");
  recipe.background = request.background;
  recipe.page = request.page;
  return encoded(std::move(recipe));
}

}  // namespace calotype
