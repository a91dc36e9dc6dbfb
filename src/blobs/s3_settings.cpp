// SPDX-License-Identifier: Apache-2.0
// Bucket and prefix are held to characters that no step between here and the bucket rewrites
// (RFC 3986's unreserved ones), so that what is signed is what is sent.
#include "blobs/s3_settings.hpp"

#include <algorithm>
#include <format>
#include <optional>

namespace calotype {
namespace {

constexpr std::string_view scheme = "s3://";

std::unexpected<Error> bad(std::string message) {
  return fail(ErrorCode::bad_config, "blobs: " + std::move(message));
}

bool consists_of(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_bucket(std::string_view name) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  if (name.size() < 3 || name.size() > 63 || !consists_of(name, allowed)) return false;
  const auto is_end = [](char c) { return c != '-' && c != '.'; };
  return is_end(name.front()) && is_end(name.back()) && !name.contains("..");
}

constexpr std::string_view unreserved =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

bool is_prefix(std::string_view prefix) {
  while (!prefix.empty()) {
    const auto segment = prefix.substr(0, prefix.find('/'));
    if (segment.empty() || segment == "." || segment == ".." || !consists_of(segment, unreserved))
      return false;
    prefix.remove_prefix(std::min(segment.size() + 1, prefix.size()));
  }
  return true;
}

/// http://HOST[:PORT] and nothing behind it.
bool is_endpoint(std::string_view url) {
  for (const std::string_view start : {"http://", "https://"}) {
    if (!url.starts_with(start)) continue;
    url.remove_prefix(start.size());
    constexpr std::string_view of_host =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._[]:";
    return !url.empty() && consists_of(url, of_host);
  }
  return false;
}

Result<void> take_parameter(S3Place& place, std::string_view name, std::string_view value,
                            std::optional<bool>& virtual_host) {
  if (name == "endpoint") {
    while (value.ends_with('/')) value.remove_suffix(1);
    if (!is_endpoint(value))
      return bad("endpoint must be http://HOST:PORT or https://HOST, without a path.");
    place.endpoint = value;
  } else if (name == "region") {
    if (value.empty() || !consists_of(value, unreserved))
      return bad(std::format("region must be a name like eu-central-1, not “{}”.", value));
    place.region = value;
  } else if (name == "style") {
    if (value != "path" && value != "virtual")
      return bad(std::format("style is path or virtual, not “{}”.", value));
    virtual_host = value == "virtual";
  } else {
    return bad(
        std::format("there is no parameter “{}”; there are endpoint, region and style.", name));
  }
  return {};
}

}  // namespace

std::string S3Place::base_url() const {
  if (!virtual_host) return endpoint + "/" + bucket;
  const auto host = endpoint.find("://") + 3;
  return endpoint.substr(0, host) + bucket + "." + endpoint.substr(host);
}

bool S3Place::is_amazon() const {
  return endpoint.starts_with("https://") && endpoint.ends_with(".amazonaws.com");
}

Result<S3Place> parse_s3_url(std::string_view url) {
  if (!url.starts_with(scheme)) return bad("an S3 store is s3://BUCKET/PREFIX?endpoint=…");
  url.remove_prefix(scheme.size());
  const auto question = url.find('?');
  std::string_view path = url.substr(0, question);
  std::string_view query =
      question == std::string_view::npos ? std::string_view{} : url.substr(question + 1);
  if (path.contains('@'))
    return bad(
        "keys do not belong into the URL: set blobs.access_key and blobs.secret_key, or "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.");
  S3Place place;
  const auto slash = path.find('/');
  place.bucket = path.substr(0, slash);
  if (!is_bucket(place.bucket))
    return bad(
        std::format("“{}” is no name of a bucket (3 to 63 of a–z, 0–9, - and .).", place.bucket));
  std::string_view prefix =
      slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (!is_prefix(prefix))
    return bad("the prefix may have letters, digits, - . _ ~ and single slashes.");
  if (!prefix.empty()) place.prefix = std::string(prefix) + "/";
  std::optional<bool> virtual_host;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto parameter = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const auto equals = parameter.find('=');
    const auto value =
        equals == std::string_view::npos ? std::string_view{} : parameter.substr(equals + 1);
    TRY_VOID(take_parameter(place, parameter.substr(0, equals), value, virtual_host));
  }
  const bool amazon = place.endpoint.empty();
  if (amazon) place.endpoint = "https://s3." + place.region + ".amazonaws.com";
  // A certificate for *.host does not cover a bucket with points in its name.
  place.virtual_host = virtual_host.value_or(amazon && !place.bucket.contains('.'));
  return place;
}

Result<void> S3Settings::validate() const {
  if (access_key.empty() || secret_key.empty())
    return bad(
        "an S3 store needs keys: set blobs.access_key and blobs.secret_key, or the "
        "environment's AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.");
  constexpr std::uint64_t part_min = std::uint64_t{5} << 20;  // S3's own limit
  if (part_bytes < part_min || multipart_min < part_min)
    return fail(ErrorCode::bad_config,
                "blobs.part_bytes and blobs.multipart_min must be at least 5MiB.");
  for (const std::string& name : {originals_class, variants_class})
    if (!consists_of(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"))
      return fail(ErrorCode::bad_config,
                  "A storage class is a word in capitals like STANDARD_IA, not “" + name + "”.");
  for (const std::string& secret : {access_key, secret_key, session_token})
    if (std::ranges::any_of(secret, [](char c) { return c <= 0x20 || c == 0x7f; }))
      return bad("a key has a space or a control character in it.");
  return {};
}

}  // namespace calotype
