// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "blobs/blob_store.hpp"

namespace calotype {
namespace {

constexpr std::size_t hex_size = 64;
constexpr std::size_t token_max = 64;

constexpr std::array<std::string_view, 3> kinds = {"raw", "proofs", "variants"};

bool is_lower_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= token_max && is_base32(text);
}

/// kind/aa/bb/hex, then -token where there is one.
std::string spell(std::string_view kind, const Digest& digest, std::string_view token) {
  const std::string hex = digest.hex();
  std::string text;
  text.reserve(kind.size() + 8 + hex.size() + 1 + token.size());
  text.append(kind).append("/").append(hex, 0, 2).append("/").append(hex, 2, 2).append("/");
  text.append(hex);
  if (!token.empty()) text.append("-").append(token);
  return text;
}

}  // namespace

BlobKey BlobKey::original(const Digest& digest) {
  return BlobKey(spell("raw", digest, {}));
}

BlobKey BlobKey::proof(const Digest& digest, std::string_view token) {
  require(is_token(token), "a proof's token is base32");
  return BlobKey(spell("proofs", digest, token));
}

BlobKey BlobKey::variant(const Digest& digest, std::string_view token) {
  require(is_token(token), "a variant's token is base32");
  return BlobKey(spell("variants", digest, token));
}

std::optional<BlobKey> BlobKey::parse(std::string_view text) {
  const std::string_view kind = text.substr(0, text.find('/'));
  bool known = false;
  for (const auto name : kinds) known = known || name == kind;
  if (!known || text.size() < kind.size() + 7 + hex_size) return std::nullopt;
  const std::string_view folders = text.substr(kind.size(), 7);  // "/aa/bb/"
  const std::string_view hex = text.substr(kind.size() + 7, hex_size);
  const std::string_view rest = text.substr(kind.size() + 7 + hex_size);
  if (!is_lower_hex(hex)) return std::nullopt;
  if (folders[0] != '/' || folders[3] != '/' || folders[6] != '/') return std::nullopt;
  if (folders.substr(1, 2) != hex.substr(0, 2)) return std::nullopt;
  if (folders.substr(4, 2) != hex.substr(2, 2)) return std::nullopt;
  const bool has_token = rest.starts_with('-') && is_token(rest.substr(1));
  if (kind == "raw" ? !rest.empty() : !has_token) return std::nullopt;
  return BlobKey(std::string(text));
}

Digest BlobKey::digest() const {
  const std::size_t name = text_.rfind('/') + 1;
  const auto digest = Digest::from_hex(std::string_view(text_).substr(name, hex_size));
  require(digest.has_value(), "a blob key contains its hash");
  return *digest;
}

}  // namespace calotype
