// SPDX-License-Identifier: Apache-2.0
// Which addresses a URL that somebody else has written may lead to: those of the public Internet,
// and what the operator has named. Whatever reaches into this machine, its network or its cloud is
// none of them (RFC 6890 and its registry), in whatever clothes: an IPv6 address that carries an
// IPv4 one (mapped, NAT64, 6to4, Teredo) is judged by that as well.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace calotype {

/// 16 bytes; an IPv4 address as ::ffff:a.b.c.d.
using IpAddress = std::array<std::uint8_t, 16>;

/// Of numbers only: "10.0.0.1", "::1". Nothing for anything else.
std::optional<IpAddress> parse_address(std::string_view text);
/// Of AF_INET and AF_INET6; nothing for other families.
std::optional<IpAddress> address_of(const sockaddr& address, std::size_t bytes);
std::string to_string(const IpAddress& address);

/// Whether it is a host of the public Internet.
bool is_public(const IpAddress& address);

/// "10.1.0.0/16", "127.0.0.1/32", "fd00::/8", or an address alone.
struct AddressRange {
  IpAddress first{};
  unsigned bits = 128;  // of the 16 bytes

  /// bad_config where it is none, or has bits behind the prefix.
  static Result<AddressRange> parse(std::string_view text);
  bool holds(const IpAddress& address) const;
};

class AddressRules {
 public:
  /// bad_config, naming the range.
  static Result<AddressRules> make(std::span<const std::string> allowed);
  /// Public, or in one of the ranges.
  bool allows(const IpAddress& address) const;

 private:
  std::vector<AddressRange> allowed_;
};

/// "images.example.org", "*.example.org" (any host below it, and not itself), "*" (any host),
/// each with ":8080" where another port than the scheme's own is meant. Case does not matter, nor
/// does a dot at the end.
class HostPattern {
 public:
  /// bad_config where it is none.
  static Result<HostPattern> parse(std::string_view text);
  /// `port` 0: the scheme's own.
  bool matches(std::string_view host, std::uint16_t port) const;

 private:
  std::string host_;  // lower case; behind "*." where below_
  bool below_ = false;
  bool any_ = false;
  std::uint16_t port_ = 0;
};

}  // namespace calotype
