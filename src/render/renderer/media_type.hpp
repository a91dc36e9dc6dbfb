// SPDX-License-Identifier: Apache-2.0
// What bytes are, from the bytes: our own rules for what matters here and for what libmagic takes
// for something else (the brands of HEIF, JPEG XL), libmagic for the rest of the world.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "render/renderer/picture.hpp"

namespace calotype {

/// By our own rules only; no library, any thread.
std::optional<std::string> sniff_media_type(Bytes bytes);

/// Whether the type is one that sniff_media_type gives to cameras' raw files.
bool is_camera_raw(std::string_view media_type);

/// Loads libmagic's database; before the sandbox.
bool start_media_types();
/// "application/octet-stream" where nothing is known.
std::string media_type_of_bytes(Bytes bytes);

}  // namespace calotype
