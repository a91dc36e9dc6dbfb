// SPDX-License-Identifier: Apache-2.0
// The operator's face detector as the server holds it: its bytes as they were when it started, so
// that every renderer of this server, however late it is started, has the same.
#pragma once

#include <string>

#include "base/error.hpp"
#include "render/renderer_pool.hpp"

namespace calotype {

struct FaceModel {
  SourceBytes bytes;
  std::string version;  // of these bytes, and of how crops are made of what they find
};

inline constexpr std::uint64_t face_model_bytes_max = 256ULL << 20;

/// bad_config where it cannot be read, is empty or too large.
Result<FaceModel> read_face_model(const std::string& path);

}  // namespace calotype
