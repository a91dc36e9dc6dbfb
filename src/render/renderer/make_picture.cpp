// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/make_picture.hpp"

#include "render/renderer/jpeg_codec.hpp"
#include "render/renderer/webp_encoder.hpp"

namespace calotype {

Outcome<std::string> encode(const Bitmap& picture, ImageFormat format, int quality, Effort effort) {
  switch (format) {
    case ImageFormat::jpeg:
      return encode_jpeg(picture, quality, false, effort);
    case ImageFormat::webp:
      return encode_webp(picture, quality, effort);
    case ImageFormat::png:
    case ImageFormat::avif:
    case ImageFormat::gif:
    case ImageFormat::jxl:
      return encode_still(
          picture, {.format = format, .quality = quality, .effort = effort, .icc_profile = {}});
  }
  return failed(wire::Status::refused, "no such format");
}

bool is_usual(const RenderPlan& plan) {
  return plan.page == 0 && plan.frames == 1 && plan.region.width == 0 && !plan.trim &&
         plan.effects == Effects{} && plan.metadata == Metadata::strip &&
         plan.profile == ColorProfile::srgb && !plan.lossless && plan.bytes_max == 0 &&
         !plan.keeps_gain_map && !is_placed_by_looking(plan.box.gravity);
}

Outcome<MadePicture> make_picture(Original& original, const RenderPlan& plan,
                                  const Beside& beside) {
  if (!is_usual(plan)) return make_special_picture(original, plan, beside);
  const Size scaled_size{plan.scaled_width, plan.scaled_height};
  const Size kept{plan.kept_width, plan.kept_height};
  const Size canvas{plan.output_width, plan.output_height};
  const auto encoded = [&](const Bitmap& picture) -> Outcome<MadePicture> {
    TRY(std::string bytes, encode(picture, plan.format, plan.quality, plan.effort));
    return MadePicture{std::move(bytes), {picture.width(), picture.height()}};
  };
  TRY(const Bitmap* scaled, original.scaled(scaled_size));
  const bool keeps_alpha = has_alpha_channel(plan.format);
  const bool flattens = scaled->has_alpha() && (plan.flatten || !keeps_alpha);
  if (kept == scaled_size && canvas == kept && !flattens) return encoded(*scaled);
  Bitmap picture = crop(*scaled, plan.left, plan.top, kept);
  if (flattens) flatten(picture, plan.background, keeps_alpha);
  if (canvas != kept) picture = set_on_canvas(picture, canvas, plan.background, plan.box.gravity);
  if (picture.has_alpha() && !keeps_alpha) flatten(picture, Color{}, false);
  return encoded(picture);
}

}  // namespace calotype
