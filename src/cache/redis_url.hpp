// SPDX-License-Identifier: Apache-2.0
// Where a Redis is, as a URL says it: redis://[[user]:password@]host[:port][/db], or rediss:// for
// TLS. User and password may be percent-encoded; an IPv6 address stands in brackets.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace calotype {

struct RedisUrl {
  bool tls = false;
  std::string user;
  std::string password;
  std::string host;
  std::string port = "6379";
  int database = 0;
};

/// bad_config, which never repeats the password.
Result<RedisUrl> parse_redis_url(std::string_view text);

}  // namespace calotype
