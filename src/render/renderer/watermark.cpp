// SPDX-License-Identifier: Apache-2.0
// Another picture laid over the finished one: once, where it is told, or all over.
#include <algorithm>
#include <cmath>

#include "render/renderer/effects.hpp"
#include "render/renderer/resample.hpp"

namespace calotype {
namespace {

/// With its upper left corner there; what is outside of the picture is left away.
void lay_at(Bitmap& picture, const Bitmap& mark, std::uint32_t left, std::uint32_t top,
            std::uint8_t opacity_percent) {
  const std::uint32_t right = std::min(mark.width(), picture.width() - left);
  const std::uint32_t bottom = std::min(mark.height(), picture.height() - top);
  for (std::uint32_t y = 0; y < bottom; ++y)
    for (std::uint32_t x = 0; x < right; ++x) {
      const std::uint8_t* over = mark.row(y) + std::size_t{x} * 4;
      std::uint8_t* under = picture.row(top + y) + (std::size_t{left} + x) * 4;
      const double share = over[3] * opacity_percent / 25'500.0;
      const double kept = under[3] / 255.0 * (1 - share);
      const double alpha = share + kept;
      if (alpha <= 0) continue;
      for (int channel = 0; channel < 3; ++channel)
        under[channel] = to_byte((over[channel] * share + under[channel] * kept) / alpha);
      under[3] = to_byte(alpha * 255);
    }
}

}  // namespace

Size mark_size(Size picture, Size mark, const Effects& effects) {
  const double wanted = effects.mark_width_percent == 0
                            ? mark.width
                            : picture.width * effects.mark_width_percent / 100.0;
  const double share =
      std::min({wanted / mark.width, static_cast<double>(picture.width) / mark.width,
                static_cast<double>(picture.height) / mark.height});
  const auto side = [&](std::uint32_t length, std::uint32_t max) {
    return std::clamp(static_cast<std::uint32_t>(std::lround(length * share)), 1U, max);
  };
  return {side(mark.width, picture.width), side(mark.height, picture.height)};
}

void lay_over(Bitmap& picture, const Bitmap& given, const Effects& effects) {
  const Size whole{picture.width(), picture.height()};
  const Size size = mark_size(whole, {given.width(), given.height()}, effects);
  const Bitmap mark = resample(given, size);
  if (effects.mark_is_tiled) {
    for (std::uint32_t top = 0; top < whole.height; top += size.height + effects.mark_margin_y)
      for (std::uint32_t left = 0; left < whole.width; left += size.width + effects.mark_margin_x)
        lay_at(picture, mark, left, top, effects.mark_opacity_percent);
    return;
  }
  const PictureSize at =
      lean_offset(effects.mark_gravity, {whole.width, whole.height}, {size.width, size.height});
  const auto place = [](std::uint32_t start, std::uint32_t over, std::uint16_t margin) {
    const std::int64_t moved =
        std::int64_t{start} + (start != 0 && start == over ? -1 : 1) * std::int64_t{margin};
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(moved, 0, over));
  };
  lay_at(picture, mark, place(at.width, whole.width - size.width, effects.mark_margin_x),
         place(at.height, whole.height - size.height, effects.mark_margin_y),
         effects.mark_opacity_percent);
}

}  // namespace calotype
