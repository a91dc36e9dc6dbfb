// SPDX-License-Identifier: Apache-2.0
// A plan, made: scaled, cut, flattened, padded and encoded. The usual plan, which asks for nothing
// but that, takes a short way.
#pragma once

#include <string>

#include "asset/plan.hpp"
#include "render/renderer/original.hpp"
#include "render/renderer/vips_encoders.hpp"

namespace calotype {

struct MadePicture {
  std::string bytes;
  Size size;
};

/// `mark` is the plan's watermark, where it has one.
Outcome<MadePicture> make_picture(Original& original, const RenderPlan& plan,
                                  Original* mark = nullptr);

/// Whether the plan asks for nothing that special_picture.cpp does.
bool is_usual(const RenderPlan& plan);
/// The long way.
Outcome<MadePicture> make_special_picture(Original& original, const RenderPlan& plan,
                                          Original* mark);

Outcome<std::string> encode(const Bitmap& picture, ImageFormat format, int quality,
                            Effort effort = Effort::quick);

}  // namespace calotype
