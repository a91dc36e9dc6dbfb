// SPDX-License-Identifier: Apache-2.0
#include "http/signature.hpp"

#include "base/hash.hpp"

namespace calotype {
namespace {

constexpr std::string_view mark = "s=";

std::string mac(std::string_view key, std::string_view text) {
  return to_base64url(hmac_sha256(as_bytes(key), as_bytes(text)).bytes);
}

}  // namespace

std::string_view without_signature(std::string_view target) {
  const auto separator = target.find_last_of("?&");
  if (separator == target.npos || !target.substr(separator + 1).starts_with(mark)) return target;
  return target.substr(0, separator);
}

std::string sign_target(std::string_view key, std::string_view target) {
  return std::string(target)
      .append(target.contains('?') ? "&" : "?")
      .append(mark)
      .append(mac(key, target));
}

Result<void> check_signature(std::string_view key, std::string_view target) {
  const std::string_view signed_text = without_signature(target);
  if (signed_text.size() == target.size())
    return fail(ErrorCode::bad_signature, "This URL has to be signed.");
  const std::string_view given = target.substr(signed_text.size() + 1 + mark.size());
  if (!equal_constant_time(given, mac(key, signed_text)))
    return fail(ErrorCode::bad_signature, "The URL's signature is wrong.");
  return {};
}

}  // namespace calotype
