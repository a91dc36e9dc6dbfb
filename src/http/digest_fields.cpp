// SPDX-License-Identifier: Apache-2.0
#include "http/digest_fields.hpp"

#include <algorithm>

#include "http/request_head.hpp"

namespace calotype {
namespace {

std::unexpected<Error> malformed() {
  return fail(ErrorCode::bad_digest_header,
              "A digest field reads sha-256=:<base64>: (or sha-512), several joined by commas.");
}

bool is_key(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
           c == '*';
  });
}

template <class Value>
bool contradict(const std::optional<Value>& a, const std::optional<Value>& b) {
  return a && b && *a != *b;
}

}  // namespace

Result<ClaimedDigests> parse_digest_field(std::string_view field) {
  ClaimedDigests claimed;
  field = trim(field);
  while (!field.empty()) {
    const auto comma = field.find(',');
    const std::string_view member = trim(field.substr(0, comma));
    field = comma == field.npos ? std::string_view{} : trim(field.substr(comma + 1));
    const auto equals = member.find('=');
    if (equals == member.npos || !is_key(member.substr(0, equals))) return malformed();
    const std::string_view name = member.substr(0, equals);
    std::string_view value = member.substr(equals + 1);
    if (value.size() < 2 || value.front() != ':') return malformed();
    const auto close = value.find(':', 1);
    if (close == value.npos) return malformed();
    value = value.substr(1, close - 1);  // parameters may follow
    if (name != "sha-256" && name != "sha-512") continue;
    const auto bytes = from_base64(value);
    if (!bytes || bytes->size() != (name == "sha-256" ? 32U : 64U)) return malformed();
    if (name == "sha-256") {
      claimed.sha256 = Digest::from_bytes(*bytes);
    } else {
      claimed.sha512.emplace();
      std::ranges::copy(*bytes, claimed.sha512->begin());
    }
  }
  return claimed;
}

Result<ClaimedDigests> parse_digest_fields(std::string_view repr_digest,
                                           std::string_view content_digest) {
  TRY(ClaimedDigests claimed, parse_digest_field(repr_digest));
  TRY(const ClaimedDigests other, parse_digest_field(content_digest));
  if (contradict(claimed.sha256, other.sha256) || contradict(claimed.sha512, other.sha512))
    return fail(ErrorCode::bad_digest_header, "Repr-Digest and Content-Digest differ.");
  if (other.sha256) claimed.sha256 = other.sha256;
  if (other.sha512) claimed.sha512 = other.sha512;
  return claimed;
}

}  // namespace calotype
