// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/make_picture.hpp"

#include "render/renderer/jpeg_codec.hpp"
#include "render/renderer/webp_encoder.hpp"

namespace calotype {

Outcome<std::string> encode(const Bitmap& picture, ImageFormat format, int quality) {
  switch (format) {
    case ImageFormat::jpeg:
      return encode_jpeg(picture, quality, false);
    case ImageFormat::png:
      return encode_png(picture);
    case ImageFormat::webp:
      return encode_webp(picture, quality);
    case ImageFormat::avif:
      return encode_avif(picture, quality);
  }
  return failed(wire::Status::refused, "no such format");
}

Outcome<std::string> make_picture(Original& original, const RenderPlan& plan) {
  const Size scaled_size{plan.scaled_width, plan.scaled_height};
  const Size kept{plan.kept_width, plan.kept_height};
  const Size canvas{plan.output_width, plan.output_height};
  TRY(const Bitmap* scaled, original.scaled(scaled_size));
  const bool keeps_alpha = has_alpha_channel(plan.format);
  const bool flattens = scaled->has_alpha() && (plan.flatten || !keeps_alpha);
  if (kept == scaled_size && canvas == kept && !flattens)
    return encode(*scaled, plan.format, plan.quality);
  Bitmap picture = crop(*scaled, plan.left, plan.top, kept);
  if (flattens) flatten(picture, plan.background, keeps_alpha);
  if (canvas != kept) picture = set_on_canvas(picture, canvas, plan.background);
  if (picture.has_alpha() && !keeps_alpha) flatten(picture, Color{}, false);
  return encode(picture, plan.format, plan.quality);
}

}  // namespace calotype
