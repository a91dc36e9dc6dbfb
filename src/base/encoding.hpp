// SPDX-License-Identifier: Apache-2.0
// Text forms of bytes (RFC 4648). Base32 is the lower-case alphabet a–z2–7 without padding, so that
// what it makes is safe in paths, host names and file names that ignore case.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {

using ByteSpan = std::span<const std::byte>;

inline ByteSpan as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string to_hex(ByteSpan bytes);
/// Either case; nothing where a character is not a hex digit or the length is odd.
std::optional<std::vector<std::byte>> from_hex(std::string_view text);

/// The first `bits` bits (default: all), most significant first; the last character is filled with
/// zero bits.
std::string to_base32(ByteSpan bytes, std::size_t bits = SIZE_MAX);
bool is_base32(std::string_view text);

/// Standard alphabet with padding.
std::string to_base64(ByteSpan bytes);
/// Strict: standard alphabet, padding required.
std::optional<std::vector<std::byte>> from_base64(std::string_view text);
/// URL alphabet without padding.
std::string to_base64url(ByteSpan bytes);
std::optional<std::vector<std::byte>> from_base64url(std::string_view text);

/// Equal in time that depends on the lengths only (secrets, signatures).
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace calotype
