// SPDX-License-Identifier: Apache-2.0
// Finds faces with the operator's model, in ONNX Runtime. The library is loaded by its name, and
// only where there is a model, so that a renderer without one starts and weighs as before. One
// thread, no arena: memory is taken from and given back to the allocator that everything here
// shares, under the process's limit.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "render/renderer/face_boxes.hpp"
#include "render/renderer/picture.hpp"

namespace calotype {

class FaceDetector {
 public:
  /// Of a model's bytes, which are needed no longer once it is made; before the process is sealed,
  /// for libraries are loaded and machines are asked what they can do. In plain words what is
  /// wrong: no library, no model that it reads, or which tensor the model lacks.
  static std::expected<FaceDetector, std::string> load(Bytes model);
  ~FaceDetector();
  FaceDetector(FaceDetector&& other) noexcept;
  FaceDetector& operator=(FaceDetector&& other) noexcept;

  /// The largest picture that it looks at whole: where the model takes any size, one in which a
  /// face of a fiftieth of the longer side is found, in some 8 ms.
  Size size_max() const;
  /// Of a picture of at most that size; the likeliest first. What shows through is seen on white.
  Outcome<std::vector<Face>> find(const Bitmap& picture);

 private:
  struct State;
  explicit FaceDetector(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace calotype
