// SPDX-License-Identifier: Apache-2.0
#include "base/url.hpp"

#include <algorithm>
#include <array>

namespace calotype {
namespace {

constexpr std::string_view hidden = "********";

bool is_secret(std::string_view parameter) {
  constexpr std::array<std::string_view, 4> names = {"password", "passwd", "sslpassword", "secret"};
  return std::ranges::contains(names, parameter) || parameter.ends_with("_key");
}

/// "user:password@host:port/path": a password may hold a slash or an at that somebody forgot to
/// escape, so it reaches to the last at before the parameters.
std::string hide_userinfo(std::string_view rest) {
  const auto at = rest.rfind('@');
  if (at == rest.npos) return std::string(rest);
  const auto colon = rest.substr(0, at).find(':');
  if (colon == rest.npos) return std::string(rest);
  return std::string(rest.substr(0, colon + 1)) + std::string(hidden) +
         std::string(rest.substr(at));
}

std::string hide_parameters(std::string_view query) {
  std::string out;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, end);
    const auto equals = parameter.find('=');
    if (equals != parameter.npos && is_secret(parameter.substr(0, equals))) {
      out += std::string(parameter.substr(0, equals + 1)) + std::string(hidden);
    } else {
      out += parameter;
    }
    if (end < query.size()) out += '&';
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return out;
}

}  // namespace

std::string without_password(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == url.npos) return std::string(url);
  const auto rest = url.substr(scheme + 3);
  // A question mark in an unescaped password comes before the at.
  const auto at = rest.rfind('@');
  const auto query = rest.find('?', at == rest.npos ? 0 : at);
  std::string out(url.substr(0, scheme + 3));
  out += hide_userinfo(rest.substr(0, query));
  if (query != rest.npos) out += "?" + hide_parameters(rest.substr(query + 1));
  return out;
}

}  // namespace calotype
