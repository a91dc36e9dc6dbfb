// SPDX-License-Identifier: Apache-2.0
// Signed URLs. What is signed is what was received: the raw target, before anything is decoded,
// followed by `s` as its last parameter, so that there is one way only to cut it off.
//
//   /v/{id}/thumb.k3v7q2ma.webp?s=…       s = base64url(HMAC-SHA256(key, "/v/{id}/thumb.…webp"))
//   /i/{id}?w=400&s=…                     s = base64url(HMAC-SHA256(key, "/i/{id}?w=400"))
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace calotype {

/// The target with its signature. The key is the configured text's bytes.
std::string sign_target(std::string_view key, std::string_view target);

/// bad_signature where there is none, or another than ours.
Result<void> check_signature(std::string_view key, std::string_view target);

struct HttpSettings;
/// Of a picture's target, as the settings want it signed: imgproxy's by imgproxy's keys, where
/// there are some, and everything else by ours, where that is required.
Result<void> check_signed_target(const HttpSettings& settings, std::string_view target);

/// A target that carries the signature of another, with its own. One without stays without, where
/// that is not required.
std::string signed_again(const HttpSettings& settings, std::string_view target);

// A IIIF viewer makes URLs of its own from the one that it was given, so there the signature is
// part of the picture's identifier, and opens all that begins with it:
//
//   /iiif/3/{id}~…/info.json      … = base64url(HMAC-SHA256(key, "/iiif/3/{id}"))

/// The base URI's path with its signature.
std::string sign_iiif_base(std::string_view key, std::string_view path);
/// Any picture's target that has none yet: a base URI in that way, all others as sign_target.
std::string sign_picture(std::string_view key, std::string_view target);
/// "/iiif/3/{id}" and nothing after it.
bool is_iiif_base(std::string_view target);
/// The identifier without a signature that it may carry.
std::string_view without_base_signature(std::string_view identifier);

/// The target without `s` as its last parameter.
std::string_view without_signature(std::string_view target);

}  // namespace calotype
