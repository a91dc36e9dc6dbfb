// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/imgproxy_signature.hpp"

#include <format>

#include "base/encoding.hpp"
#include "base/hash.hpp"

namespace calotype {
namespace {

Result<std::vector<std::vector<std::byte>>> parse_list(std::string_view name,
                                                       std::string_view text) {
  std::vector<std::vector<std::byte>> out;
  while (!text.empty()) {
    const auto end = text.find(',');
    const auto one = from_hex(text.substr(0, end));
    if (!one || one->empty())
      return fail(ErrorCode::bad_config,
                  std::format("{} must be hexadecimal digits, several joined by commas.", name));
    out.push_back(*one);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

}  // namespace

Result<ImgproxyKeys> parse_imgproxy_keys(std::string_view keys, std::string_view salts,
                                         std::size_t signature_size) {
  TRY(auto key_list, parse_list("imgproxy.key", keys));
  TRY(auto salt_list, parse_list("imgproxy.salt", salts));
  if (key_list.size() != salt_list.size())
    return fail(ErrorCode::bad_config,
                std::format("imgproxy.key has {} and imgproxy.salt {}; they come in pairs.",
                            key_list.size(), salt_list.size()));
  ImgproxyKeys out{.pairs = {}, .signature_size = signature_size};
  for (std::size_t i = 0; i < key_list.size(); ++i)
    out.pairs.push_back({std::move(key_list[i]), std::move(salt_list[i])});
  return out;
}

std::string imgproxy_signature(const ImgproxyKeys::Pair& pair, std::size_t signature_size,
                               std::string_view path) {
  std::vector<std::byte> message = pair.salt;
  const ByteSpan bytes = as_bytes(path);
  message.insert(message.end(), bytes.begin(), bytes.end());
  const Digest digest = hmac_sha256(pair.key, message);
  return to_base64url(ByteSpan(digest.bytes).first(signature_size));
}

Result<void> check_imgproxy_signature(const ImgproxyKeys& keys, std::string_view signature,
                                      std::string_view path) {
  bool is_ours = keys.pairs.empty();
  while (signature.ends_with('=')) signature.remove_suffix(1);
  // All of them are tried, so that the time says nothing of which.
  for (const auto& pair : keys.pairs)
    is_ours |= equal_constant_time(signature, imgproxy_signature(pair, keys.signature_size, path));
  if (is_ours) return {};
  return fail(ErrorCode::bad_signature, "The URL's signature is wrong.");
}

}  // namespace calotype
