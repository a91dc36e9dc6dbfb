// SPDX-License-Identifier: Apache-2.0
#include "http/signature.hpp"

#include "base/hash.hpp"
#include "http/server.hpp"

namespace calotype {
namespace {

constexpr std::string_view mark = "s=";

std::string mac(std::string_view key, std::string_view text) {
  return to_base64url(hmac_sha256(as_bytes(key), as_bytes(text)).bytes);
}

constexpr std::string_view iiif_prefix = "/iiif/3/";
constexpr char base_mark = '~';

/// Of "/iiif/3/{id}/…", `{id}`; empty elsewhere.
std::string_view iiif_identifier(std::string_view target) {
  if (!target.starts_with(iiif_prefix)) return {};
  target.remove_prefix(iiif_prefix.size());
  return target.substr(0, target.find_first_of("/?"));
}

constexpr std::string_view imgproxy_prefix = "/imgproxy/";

struct ImgproxyPath {
  std::string_view signature;
  std::string_view path;  // what it signs
};

/// Nothing where the target is not imgproxy's, or is not signed by its keys.
std::optional<ImgproxyPath> imgproxy_path(const HttpSettings& settings, std::string_view target) {
  if (!target.starts_with(imgproxy_prefix) || settings.imgproxy.keys.pairs.empty())
    return std::nullopt;
  std::string_view rest = target.substr(imgproxy_prefix.size());
  rest = rest.substr(0, rest.find('?'));
  const auto end = std::min(rest.find('/'), rest.size());
  return ImgproxyPath{rest.substr(0, end), rest.substr(end)};
}

}  // namespace

std::string sign_iiif_base(std::string_view key, std::string_view path) {
  return std::string(path).append(1, base_mark).append(mac(key, path));
}

bool is_iiif_base(std::string_view target) {
  const auto identifier = iiif_identifier(target);
  return !identifier.empty() && target.size() == iiif_prefix.size() + identifier.size();
}

std::string_view without_base_signature(std::string_view identifier) {
  return identifier.substr(0, identifier.find(base_mark));
}

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

std::string sign_picture(std::string_view key, std::string_view target) {
  return is_iiif_base(target) ? sign_iiif_base(key, target) : sign_target(key, target);
}

Result<void> check_signed_target(const HttpSettings& settings, std::string_view target) {
  if (const auto signed_path = imgproxy_path(settings, target))
    return check_imgproxy_signature(settings.imgproxy.keys, signed_path->signature,
                                    signed_path->path);
  if (!settings.require_signature) return {};
  return check_signature(settings.signing_key, target);
}

std::string signed_again(const HttpSettings& settings, std::string_view target) {
  if (const auto signed_path = imgproxy_path(settings, target)) {
    const ImgproxyKeys& keys = settings.imgproxy.keys;
    return std::string(imgproxy_prefix) +
           imgproxy_signature(keys.pairs.front(), keys.signature_size, signed_path->path) +
           std::string(signed_path->path);
  }
  if (!settings.require_signature) return std::string(target);
  const auto identifier = iiif_identifier(target);
  if (const auto bare = without_base_signature(identifier); bare.size() != identifier.size()) {
    const auto path = target.substr(0, iiif_prefix.size() + bare.size());
    return sign_iiif_base(settings.signing_key, path) +
           std::string(target.substr(iiif_prefix.size() + identifier.size()));
  }
  return sign_picture(settings.signing_key, without_signature(target));
}

Result<void> check_signature(std::string_view key, std::string_view target) {
  const auto identifier = iiif_identifier(target);
  if (const auto bare = without_base_signature(identifier); bare.size() != identifier.size()) {
    const auto path = target.substr(0, iiif_prefix.size() + bare.size());
    if (equal_constant_time(identifier.substr(bare.size() + 1), mac(key, path))) return {};
    return fail(ErrorCode::bad_signature, "The identifier's signature is wrong.");
  }
  const std::string_view signed_text = without_signature(target);
  if (signed_text.size() == target.size())
    return fail(ErrorCode::bad_signature, "This URL has to be signed.");
  const std::string_view given = target.substr(signed_text.size() + 1 + mark.size());
  if (!equal_constant_time(given, mac(key, signed_text)))
    return fail(ErrorCode::bad_signature, "The URL's signature is wrong.");
  return {};
}

}  // namespace calotype
