// SPDX-License-Identifier: Apache-2.0
// A plan, made: scaled, cut, flattened, padded and encoded. The usual plan, which asks for nothing
// but that, takes a short way.
#pragma once

#include <string>

#include "asset/plan.hpp"
#include "render/renderer/original.hpp"
#include "render/renderer/vips_encoders.hpp"

namespace calotype {

class FaceDetector;

struct MadePicture {
  std::string bytes;
  Size size;
};

/// What a plan may need besides its original.
struct Beside {
  Original* mark = nullptr;  // the watermark
  FaceDetector* faces = nullptr;
};

Outcome<MadePicture> make_picture(Original& original, const RenderPlan& plan,
                                  const Beside& beside = {});

/// Whether the plan asks for nothing that special_picture.cpp does.
bool is_usual(const RenderPlan& plan);
/// The long way.
Outcome<MadePicture> make_special_picture(Original& original, const RenderPlan& plan,
                                          const Beside& beside);

Outcome<std::string> encode(const Bitmap& picture, ImageFormat format, int quality,
                            Effort effort = Effort::quick);

}  // namespace calotype
