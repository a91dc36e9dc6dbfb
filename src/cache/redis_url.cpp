// SPDX-License-Identifier: Apache-2.0
#include "cache/redis_url.hpp"

#include <charconv>
#include <optional>

namespace calotype {
namespace {

std::unexpected<Error> refused(std::string_view why) {
  return fail(ErrorCode::bad_config,
              "cache must be memory or redis://[user:password@]host:port/db (rediss:// for TLS): " +
                  std::string(why));
}

std::optional<int> whole(std::string_view text, int max) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || number < 0 ||
      number > max)
    return std::nullopt;
  return number;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned byte = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto [end, error] = std::from_chars(&text[i + 1], &text[i + 1] + 2, byte, 16);
    if (error != std::errc{} || end != &text[i + 1] + 2) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

Result<void> read_credentials(std::string_view text, RedisUrl& url) {
  const auto colon = text.find(':');
  const auto user = percent_decoded(text.substr(0, colon));
  const auto password =
      percent_decoded(colon == text.npos ? std::string_view{} : text.substr(colon + 1));
  if (!user || !password) return refused("user or password is badly percent-encoded.");
  if (password->empty()) return refused("a user has no password.");
  url.user = *user;
  url.password = *password;
  return {};
}

Result<void> read_place(std::string_view text, RedisUrl& url) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos) return refused("the host's bracket is not closed.");
    url.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && !port.starts_with(':')) return refused("after the host comes :port.");
    if (port.starts_with(':')) port.remove_prefix(1);
  } else {
    const auto colon = text.find(':');
    url.host = text.substr(0, colon);
    if (colon != text.npos) port = text.substr(colon + 1);
    if (colon != text.npos && port.empty()) return refused("the port is empty.");
  }
  if (url.host.empty()) return refused("the host is missing.");
  if (port.empty()) return {};
  const auto number = whole(port, 65'535);
  if (!number || *number == 0) return refused("the port is a number from 1 to 65535.");
  url.port = std::to_string(*number);
  return {};
}

}  // namespace

Result<RedisUrl> parse_redis_url(std::string_view text) {
  RedisUrl url;
  url.tls = text.starts_with("rediss://");
  const std::string_view scheme = url.tls ? "rediss://" : "redis://";
  if (!text.starts_with(scheme)) return refused("its scheme is another.");
  text.remove_prefix(scheme.size());
  const auto slash = text.find('/', text.rfind('@') == text.npos ? 0 : text.rfind('@'));
  std::string_view authority = text.substr(0, slash);
  if (slash != text.npos && slash + 1 < text.size()) {
    const auto database = whole(text.substr(slash + 1), 1'000'000);
    if (!database) return refused("after the host and / comes the number of a database.");
    url.database = *database;
  }
  if (const auto at = authority.rfind('@'); at != authority.npos) {
    TRY_VOID(read_credentials(authority.substr(0, at), url));
    authority.remove_prefix(at + 1);
  }
  TRY_VOID(read_place(authority, url));
  return url;
}

}  // namespace calotype
