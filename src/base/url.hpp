// SPDX-License-Identifier: Apache-2.0
// URLs of servers that we connect to, as they may be shown.
#pragma once

#include <string>
#include <string_view>

namespace calotype {

/// The URL with ******** in the place of a password: of the one in scheme://user:password@host, and
/// of those in parameters called password, passwd, sslpassword, secret or …_key. What is no URL
/// comes back as it is.
std::string without_password(std::string_view url);

}  // namespace calotype
