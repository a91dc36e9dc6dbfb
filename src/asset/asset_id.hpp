// SPDX-License-Identifier: Apache-2.0
// An asset's id is the first 130 bits of the SHA-256 of its bytes, in lower-case base32: the same
// bytes have the same id everywhere, and a client can compute it before it sends anything.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.hpp"

namespace calotype {

class AssetId {
 public:
  static constexpr std::size_t bits = 130;
  static constexpr std::size_t length = 26;

  static AssetId of(const Digest& digest) { return AssetId(to_base32(digest.bytes, bits)); }
  /// Exactly 26 characters of lower-case base32; nothing otherwise.
  static std::optional<AssetId> parse(std::string_view text) {
    if (text.size() != length || !is_base32(text)) return std::nullopt;
    return AssetId(std::string(text));
  }

  const std::string& text() const { return text_; }
  auto operator<=>(const AssetId&) const = default;

 private:
  explicit AssetId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace calotype
