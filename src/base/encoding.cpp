// SPDX-License-Identifier: Apache-2.0
#include "base/encoding.hpp"

#include <algorithm>
#include <array>

namespace calotype {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base32_digits = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view base64url_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Reads groups of `width` bits, most significant first, until `bits` are used up.
std::string to_digits(ByteSpan bytes, std::size_t bits, unsigned width, std::string_view digits) {
  std::string text;
  text.reserve((bits + width - 1) / width);
  std::uint32_t pending = 0;
  unsigned pending_bits = 0;
  std::size_t bits_left = bits;
  for (const std::byte byte : bytes) {
    if (bits_left == 0) break;
    const auto used = static_cast<unsigned>(std::min<std::size_t>(8, bits_left));
    pending = (pending << used) | (std::to_integer<std::uint32_t>(byte) >> (8 - used));
    pending_bits += used;
    bits_left -= used;
    while (pending_bits >= width) {
      pending_bits -= width;
      text.push_back(digits[(pending >> pending_bits) & ((1U << width) - 1)]);
    }
    pending &= (1U << pending_bits) - 1;
  }
  if (pending_bits > 0)
    text.push_back(digits[(pending << (width - pending_bits)) & ((1U << width) - 1)]);
  return text;
}

/// The inverse; nothing where a character is foreign or the spare bits are not zero.
std::optional<std::vector<std::byte>> from_digits(std::string_view text, unsigned width,
                                                  std::string_view digits) {
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() * width / 8);
  std::uint32_t pending = 0;
  unsigned pending_bits = 0;
  for (const char character : text) {
    const auto value = digits.find(character);
    if (value == std::string_view::npos) return std::nullopt;
    pending = (pending << width) | static_cast<std::uint32_t>(value);
    pending_bits += width;
    if (pending_bits >= 8) {
      pending_bits -= 8;
      bytes.push_back(static_cast<std::byte>(pending >> pending_bits));
      pending &= (1U << pending_bits) - 1;
    }
  }
  if (pending_bits >= width || pending != 0) return std::nullopt;
  return bytes;
}

}  // namespace

std::string to_hex(ByteSpan bytes) {
  return to_digits(bytes, bytes.size() * 8, 4, hex_digits);
}

std::optional<std::vector<std::byte>> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string lower(text);
  for (char& character : lower)
    if (character >= 'A' && character <= 'F') character += 'a' - 'A';
  return from_digits(lower, 4, hex_digits);
}

std::string to_base32(ByteSpan bytes, std::size_t bits) {
  return to_digits(bytes, std::min(bits, bytes.size() * 8), 5, base32_digits);
}

bool is_base32(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); });
}

std::string to_base64(ByteSpan bytes) {
  std::string text = to_digits(bytes, bytes.size() * 8, 6, base64_digits);
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::optional<std::vector<std::byte>> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  return from_digits(text, 6, base64_digits);
}

std::string to_base64url(ByteSpan bytes) {
  return to_digits(bytes, bytes.size() * 8, 6, base64url_digits);
}

std::optional<std::vector<std::byte>> from_base64url(std::string_view text) {
  return from_digits(text, 6, base64url_digits);
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

}  // namespace calotype
