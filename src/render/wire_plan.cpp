// SPDX-License-Identifier: Apache-2.0
// A plan on the wire. The renderer trusts the server and checks all the same: what it was told is
// within bounds, or it refuses.
#include <utility>

#include "render/wire.hpp"

namespace calotype::wire {
namespace {

bool is_inside(std::uint32_t start, std::uint32_t length, std::uint32_t whole) {
  return length > 0 && length <= whole && start <= whole - length;
}

bool is_percent(std::int8_t value) {
  return value >= -100 && value <= 100;
}

bool has_sane_geometry(const Output& output) {
  return is_inside(output.left, output.kept_width, output.scaled_width) &&
         is_inside(output.top, output.kept_height, output.scaled_height) &&
         is_inside(0, output.kept_width, output.output_width) &&
         is_inside(0, output.kept_height, output.output_height) &&
         output.focus_x <= FocalPoint::whole && output.focus_y <= FocalPoint::whole &&
         output.frames > 0;
}

bool has_known_names(const Output& output) {
  return output.format <= std::to_underlying(ImageFormat::jxl) && output.quality <= 100 &&
         output.fit <= std::to_underlying(Fit::fill) &&
         output.gravity <= std::to_underlying(Gravity::focal) &&
         output.no_face <= std::to_underlying(Gravity::entropy) &&
         output.tone <= std::to_underlying(Tone::bitonal) &&
         output.effort <= std::to_underlying(Effort::high) &&
         output.profile <= std::to_underlying(ColorProfile::keep) &&
         output.metadata <= std::to_underlying(Metadata::keep) &&
         is_compass(static_cast<Gravity>(output.mark_gravity));
}

bool has_sane_effects(const Output& output) {
  return output.rotation < 36'000 && output.blur <= blur_max && output.sharpen <= sharpen_max &&
         output.padding_top <= padding_max && output.padding_right <= padding_max &&
         output.padding_bottom <= padding_max && output.padding_left <= padding_max &&
         is_percent(output.brightness) && is_percent(output.contrast) &&
         is_percent(output.saturation) && output.mark_width_percent <= 100 &&
         output.mark_opacity_percent <= 100 && output.pixelate <= pixelate_max &&
         output.border_width <= border_max && output.opacity_percent <= 100;
}

void put_effects(Output& output, const Effects& effects) {
  output.mirror = effects.mirror;
  output.rotation = effects.rotation;
  output.tone = std::to_underlying(effects.tone);
  output.brightness = effects.brightness;
  output.contrast = effects.contrast;
  output.saturation = effects.saturation;
  output.blur = effects.blur;
  output.sharpen = effects.sharpen;
  output.pixelate = effects.pixelate;
  output.corner_radius = effects.corner_radius;
  output.border_width = effects.border.width;
  output.border_red = effects.border.color.red;
  output.border_green = effects.border.color.green;
  output.border_blue = effects.border.color.blue;
  output.border_alpha = effects.border.color.alpha;
  output.border_is_inside = effects.border.is_inside;
  output.opacity_percent = effects.opacity_percent;
  output.padding_top = effects.padding.top;
  output.padding_right = effects.padding.right;
  output.padding_bottom = effects.padding.bottom;
  output.padding_left = effects.padding.left;
  output.has_watermark = effects.has_watermark;
  output.mark_gravity = std::to_underlying(effects.mark_gravity);
  output.mark_width_percent = effects.mark_width_percent;
  output.mark_opacity_percent = effects.mark_opacity_percent;
  output.mark_margin_x = effects.mark_margin_x;
  output.mark_margin_y = effects.mark_margin_y;
  output.mark_is_tiled = effects.mark_is_tiled;
}

void put_trim(Output& output, const Trim& trim) {
  output.trims = 1;
  output.trim = trim.tolerance;
  output.trim_even_x = trim.even_x;
  output.trim_even_y = trim.even_y;
  output.trim_has_color = trim.color.has_value();
  const Color color = trim.color.value_or(Color{});
  output.trim_red = color.red;
  output.trim_green = color.green;
  output.trim_blue = color.blue;
  output.trim_alpha = color.alpha;
}

Trim trim_from(const Output& output) {
  Trim trim{.tolerance = output.trim,
            .even_x = output.trim_even_x != 0,
            .even_y = output.trim_even_y != 0};
  if (output.trim_has_color != 0)
    trim.color = Color{output.trim_red, output.trim_green, output.trim_blue, output.trim_alpha};
  return trim;
}

Effects effects_from(const Output& output) {
  return {
      .mirror = output.mirror != 0,
      .rotation = output.rotation,
      .tone = static_cast<Tone>(output.tone),
      .brightness = output.brightness,
      .contrast = output.contrast,
      .saturation = output.saturation,
      .blur = output.blur,
      .sharpen = output.sharpen,
      .pixelate = output.pixelate,
      .corner_radius = output.corner_radius,
      .border = {output.border_width,
                 {output.border_red, output.border_green, output.border_blue, output.border_alpha},
                 output.border_is_inside != 0},
      .opacity_percent = output.opacity_percent,
      .padding = {output.padding_top, output.padding_right, output.padding_bottom,
                  output.padding_left},
      .has_watermark = output.has_watermark != 0,
      .mark_gravity = static_cast<Gravity>(output.mark_gravity),
      .mark_width_percent = output.mark_width_percent,
      .mark_opacity_percent = output.mark_opacity_percent,
      .mark_margin_x = output.mark_margin_x,
      .mark_margin_y = output.mark_margin_y,
      .mark_is_tiled = output.mark_is_tiled != 0};
}

}  // namespace

Output to_wire(std::uint64_t id, const RenderPlan& plan) {
  Output output{};
  output.id = id;
  output.scaled_width = plan.scaled_width;
  output.scaled_height = plan.scaled_height;
  output.left = plan.left;
  output.top = plan.top;
  output.kept_width = plan.kept_width;
  output.kept_height = plan.kept_height;
  output.output_width = plan.output_width;
  output.output_height = plan.output_height;
  output.format = std::to_underlying(plan.format);
  output.quality = plan.quality;
  output.flatten = plan.flatten;
  output.from_proof = plan.source == RenderSource::proof;
  output.red = plan.background.red;
  output.green = plan.background.green;
  output.blue = plan.background.blue;
  output.alpha = plan.background.alpha;
  output.page = plan.page;
  output.frames = plan.frames;
  output.region_left = plan.region.left;
  output.region_top = plan.region.top;
  output.region_width = plan.region.width;
  output.region_height = plan.region.height;
  output.region_is_relative = plan.region.is_relative;
  if (plan.trim) put_trim(output, *plan.trim);
  output.box_width = plan.box.width;
  output.box_height = plan.box.height;
  output.fit = std::to_underlying(plan.box.fit);
  output.gravity = std::to_underlying(plan.box.gravity);
  output.no_face = std::to_underlying(plan.box.no_face);
  output.focus_x = plan.box.focus.x;
  output.focus_y = plan.box.focus.y;
  output.enlarge = plan.box.enlarge;
  put_effects(output, plan.effects);
  output.metadata = std::to_underlying(plan.metadata);
  output.profile = std::to_underlying(plan.profile);
  output.lossless = plan.lossless;
  output.bytes_max = plan.bytes_max;
  output.keeps_gain_map = plan.keeps_gain_map;
  output.effort = std::to_underlying(plan.effort);
  return output;
}

std::optional<RenderPlan> from_wire(const Output& output) {
  if (!has_sane_geometry(output) || !has_known_names(output) || !has_sane_effects(output))
    return std::nullopt;
  RenderPlan plan;
  plan.source = output.from_proof != 0 ? RenderSource::proof : RenderSource::original;
  plan.page = output.page;
  plan.frames = output.frames;
  plan.region = {output.region_left, output.region_top, output.region_width, output.region_height,
                 output.region_is_relative != 0};
  if (output.trims != 0) plan.trim = trim_from(output);
  plan.box = {.width = output.box_width,
              .height = output.box_height,
              .fit = static_cast<Fit>(output.fit),
              .gravity = static_cast<Gravity>(output.gravity),
              .focus = {output.focus_x, output.focus_y},
              .no_face = static_cast<Gravity>(output.no_face),
              .enlarge = output.enlarge != 0};
  plan.scaled_width = output.scaled_width;
  plan.scaled_height = output.scaled_height;
  plan.left = output.left;
  plan.top = output.top;
  plan.kept_width = output.kept_width;
  plan.kept_height = output.kept_height;
  plan.output_width = output.output_width;
  plan.output_height = output.output_height;
  plan.format = static_cast<ImageFormat>(output.format);
  plan.quality = output.quality;
  plan.flatten = output.flatten != 0;
  plan.background = {output.red, output.green, output.blue, output.alpha};
  plan.effects = effects_from(output);
  plan.metadata = static_cast<Metadata>(output.metadata);
  plan.profile = static_cast<ColorProfile>(output.profile);
  plan.lossless = output.lossless != 0;
  plan.bytes_max = output.bytes_max;
  plan.keeps_gain_map = output.keeps_gain_map != 0;
  plan.effort = static_cast<Effort>(output.effort);
  return plan;
}

}  // namespace calotype::wire
