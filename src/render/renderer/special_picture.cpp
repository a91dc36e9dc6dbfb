// SPDX-License-Identifier: Apache-2.0
// Pages, regions, borders, chosen crops, effects, watermarks, animations, and encodings with more
// to them than a quality. Everything that depends on the picture is decided on its first frame, and
// then done to all alike.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <format>

#include "render/renderer/crop_choice.hpp"
#include "render/renderer/effects.hpp"
#include "render/renderer/face_crop.hpp"
#include "render/renderer/gain_map_picture.hpp"
#include "render/renderer/heif_gain_map.hpp"
#include "render/renderer/make_picture.hpp"
#include "render/renderer/resample.hpp"

namespace calotype {
namespace {

// Borders are looked for at full size up to this, above on a reduction.
constexpr double border_pixels_max = 16e6;

Size size_of(const Bitmap& picture) {
  return {picture.width(), picture.height()};
}

/// The part of the upright picture that is left without its borders.
Outcome<Region> trimmed_region(Original& original, const Trim& trim) {
  const Size whole = original.facts().upright();
  const double pixels = static_cast<double>(whole.width) * whole.height;
  const double share = std::min(1.0, std::sqrt(border_pixels_max / pixels));
  const auto small = [&](std::uint32_t side) {
    return std::max(1U, static_cast<std::uint32_t>(side * share));
  };
  TRY(const Bitmap picture, original.scaled_region({}, {small(whole.width), small(whole.height)}));
  const auto inside = inside_borders(picture, trim);
  if (!inside) return Region{0, 0, whole.width, whole.height, false};
  const double across = static_cast<double>(whole.width) / picture.width();
  const double down = static_cast<double>(whole.height) / picture.height();
  const auto left = static_cast<std::uint32_t>(inside->left * across);
  const auto top = static_cast<std::uint32_t>(inside->top * down);
  const auto end = [](std::uint32_t at, double scale, std::uint32_t side) {
    return std::min(side, static_cast<std::uint32_t>(std::ceil(at * scale)));
  };
  return Region{left, top, end(inside->left + inside->width, across, whole.width) - left,
                end(inside->top + inside->height, down, whole.height) - top, false};
}

/// Once more, now that the page and its borders are known.
Outcome<RenderPlan> plan_again(Original& original, RenderPlan plan) {
  const Size whole = original.facts().upright();
  Region base{0, 0, whole.width, whole.height, false};
  if (plan.trim) {
    TRY(base, trimmed_region(original, *plan.trim));
  }
  const auto region = region_within(plan.region, {base.width, base.height});
  if (!region) return failed(wire::Status::region_outside, "");
  plan.region = base;
  if (region->width != 0)
    plan.region = {base.left + region->left, base.top + region->top, region->width, region->height,
                   false};
  fit_to(plan, {plan.region.width, plan.region.height});
  return plan;
}

/// What the renderer alone can say of the plan.
Outcome<RenderPlan> settled(Original& original, RenderPlan plan, FaceDetector* faces) {
  if (plan.plans_again()) {
    TRY(plan, plan_again(original, plan));
  }
  if (!finds_faces(plan.box.gravity)) return plan;
  if (faces == nullptr) return failed(wire::Status::refused, "nothing that finds faces");
  return placed_by_faces(original, plan, *faces);
}

/// What happens to each frame between being scaled and being encoded.
class Finish {
 public:
  Finish(const RenderPlan& plan, const Bitmap* mark) : plan_(plan), mark_(mark) {}

  Bitmap operator()(const Bitmap& scaled) {
    const Size kept{plan_.kept_width, plan_.kept_height};
    const Size canvas{plan_.output_width, plan_.output_height};
    const bool keeps_alpha = has_alpha_channel(plan_.format);
    Bitmap picture;
    if (kept == size_of(scaled)) {
      picture = crop(scaled, 0, 0, kept);
    } else {
      const Place place = place_in(scaled, kept);
      picture = crop(scaled, place.left, place.top, kept);
    }
    if (picture.has_alpha() && plan_.flatten) flatten(picture, plan_.background, keeps_alpha);
    if (canvas != kept)
      picture = set_on_canvas(picture, canvas, plan_.background, plan_.box.gravity);
    picture = with_effects(std::move(picture), plan_.effects, plan_.background);
    if (picture.has_alpha() && plan_.flatten) flatten(picture, plan_.background, keeps_alpha);
    if (mark_ != nullptr) lay_over(picture, *mark_, plan_.effects);
    if (picture.has_alpha() && !keeps_alpha) flatten(picture, Color{255, 255, 255, 255}, false);
    return picture;
  }
  /// The plan with the place that was chosen, once a picture has been through.
  RenderPlan plan_as_done() const {
    RenderPlan done = plan_;
    if (chosen_) {
      done.left = chosen_->left;
      done.top = chosen_->top;
    }
    return done;
  }

 private:
  Place place_in(const Bitmap& scaled, Size kept) {
    const Gravity gravity = plan_.box.gravity;
    if (gravity != Gravity::attention && gravity != Gravity::entropy)
      return {plan_.left, plan_.top};
    if (!chosen_) chosen_ = choose_place(scaled, kept, gravity);
    return *chosen_;
  }

  const RenderPlan& plan_;
  const Bitmap* mark_;
  std::optional<Place> chosen_;
};

Outcome<Bitmap> scaled_for(Original& original, const RenderPlan& plan) {
  const Size size{plan.scaled_width, plan.scaled_height};
  if (plan.region.width == 0) {
    TRY(const Bitmap* scaled, original.scaled(size));
    return crop(*scaled, 0, 0, size);
  }
  return original.scaled_region(plan.region, size);
}

Outcome<Animation> animation_of(Original& original, const RenderPlan& plan, Finish& finish) {
  Animation animation;
  TRY(animation.timing, original.timing());
  const Size size{plan.scaled_width, plan.scaled_height};
  std::uint32_t count = 0;
  TRY_VOID(original.each_frame(plan.frames, [&](Bitmap frame) -> Outcome<void> {
    if (plan.region.width != 0)
      frame =
          crop(frame, plan.region.left, plan.region.top, {plan.region.width, plan.region.height});
    if (size_of(frame) != size) frame = resample(frame, size);
    const Bitmap finished = finish(frame);
    if (animation.strip.empty()) {
      animation.frame_height = finished.height();
      animation.strip =
          Bitmap(finished.width(), finished.height() * plan.frames, finished.has_alpha());
    }
    if (finished.width() != animation.strip.width() || finished.height() != animation.frame_height)
      return failed(wire::Status::damaged, "frames of different sizes");
    if (finished.has_alpha()) animation.strip.set_has_alpha(true);
    for (std::uint32_t y = 0; y < finished.height(); ++y)
      std::memcpy(animation.strip.row(count * animation.frame_height + y), finished.row(y),
                  finished.row_bytes());
    ++count;
    return {};
  }));
  if (count != plan.frames) return failed(wire::Status::damaged, "fewer frames than it says");
  animation.timing.delays_ms.resize(plan.frames, 100);
  return animation;
}

Outcome<Bitmap> mark_for(Original& mark, const RenderPlan& plan) {
  const PictureSize finished = finished_size(plan);
  const Size whole = mark.facts().upright();
  const Size size = mark_size({finished.width, finished.height}, whole, plan.effects);
  TRY(const Bitmap* scaled, mark.scaled(size));
  return crop(*scaled, 0, 0, size);
}

/// A map that cannot be read costs the picture nothing but the map.
Outcome<std::string> with_gain_map(const Original& original, const RenderPlan& plan,
                                   std::string base) {
  const OriginalFacts& facts = original.facts();
  if (!facts.gain_map) return base;
  const auto map = make_gain_map(*facts.gain_map, facts.upright(), facts.orientation, plan);
  if (!map) return base;
  if (plan.format != ImageFormat::avif) return join_gain_map(base, *map, *facts.gain_map);
  auto joined = join_gain_map_avif(base, *map, facts.gain_map->numbers);
  return joined ? joined : base;
}

}  // namespace

Outcome<MadePicture> make_special_picture(Original& original, const RenderPlan& given,
                                          const Beside& beside) {
  TRY(const RenderPlan plan, settled(original, given, beside.faces));
  Bitmap mark_picture;
  if (plan.effects.has_watermark) {
    if (beside.mark == nullptr) return failed(wire::Status::refused, "no watermark");
    TRY(mark_picture, mark_for(*beside.mark, plan));
  }
  Encoding encoding{.format = plan.format,
                    .quality = plan.quality,
                    .effort = plan.effort,
                    .lossless = plan.lossless,
                    .bytes_max = plan.bytes_max,
                    .icc_profile = {}};
  TRY(encoding.icc_profile, original.profile_in_force());
  if (plan.metadata != Metadata::strip) {
    encoding.metadata = plan.metadata;
    TRY(encoding.metadata_from, original.described());
  }
  Finish finish(plan, mark_picture.empty() ? nullptr : &mark_picture);
  if (plan.frames > 1) {
    TRY(const Animation animation, animation_of(original, plan, finish));
    TRY(std::string bytes, encode_animation(animation, encoding));
    return MadePicture{std::move(bytes), {animation.strip.width(), animation.frame_height}};
  }
  TRY(const Bitmap scaled, scaled_for(original, plan));
  const Bitmap picture = finish(scaled);
  const bool is_plain_encoding = plan.metadata == Metadata::strip && encoding.icc_profile.empty() &&
                                 !plan.lossless && plan.bytes_max == 0;
  TRY(std::string bytes, is_plain_encoding ? encode(picture, plan.format, plan.quality, plan.effort)
                                           : encode_still(picture, encoding));
  if (plan.keeps_gain_map) {
    TRY(bytes, with_gain_map(original, finish.plan_as_done(), std::move(bytes)));
  }
  return MadePicture{std::move(bytes), size_of(picture)};
}

}  // namespace calotype
