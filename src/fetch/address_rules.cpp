// SPDX-License-Identifier: Apache-2.0
#include "fetch/address_rules.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace calotype {
namespace {

/// As much of an address as a prefix says, written out; parsed once.
struct Special {
  std::string_view range;
  std::string_view what;
};

// Not to be reached from outside, or not a host at all. RFC 6890 and the registries of it, with
// what has been added since.
constexpr Special special_ranges[] = {
    {"0.0.0.0/8", "this network"},
    {"10.0.0.0/8", "private"},
    {"100.64.0.0/10", "carrier-grade NAT"},
    {"127.0.0.0/8", "loopback"},
    {"169.254.0.0/16", "link-local; the metadata of clouds"},
    {"172.16.0.0/12", "private"},
    {"192.0.0.0/24", "protocol assignments"},
    {"192.0.2.0/24", "documentation"},
    {"192.31.196.0/24", "AS112"},
    {"192.52.193.0/24", "AMT"},
    {"192.88.99.0/24", "6to4 relays"},
    {"192.168.0.0/16", "private"},
    {"192.175.48.0/24", "AS112"},
    {"198.18.0.0/15", "benchmarks"},
    {"198.51.100.0/24", "documentation"},
    {"203.0.113.0/24", "documentation"},
    {"224.0.0.0/4", "multicast"},
    {"240.0.0.0/4", "reserved, broadcast"},
};
// Of IPv6 only what is handed out to hosts is public (2000::/3), but for these in it.
constexpr Special special_global_ranges[] = {
    {"2001::/23", "protocol assignments, Teredo, ORCHID"},
    {"2001:db8::/32", "documentation"},
    {"2002::/16", "6to4"},
    {"2620:4f:8000::/48", "AS112"},
    {"3fff::/20", "documentation"},
};

constexpr std::uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_mapped(const IpAddress& address) {
  return std::memcmp(address.data(), mapped_prefix, sizeof(mapped_prefix)) == 0;
}

template <std::size_t count>
std::vector<AddressRange> parsed(const Special (&list)[count]) {
  std::vector<AddressRange> ranges;
  for (const Special& special : list) {
    auto range = AddressRange::parse(special.range);
    require(range.has_value(), special.what);
    ranges.push_back(*range);
  }
  return ranges;
}

bool holds_any(const std::vector<AddressRange>& ranges, const IpAddress& address) {
  return std::ranges::any_of(ranges,
                             [&](const AddressRange& range) { return range.holds(address); });
}

std::unexpected<Error> no_range(std::string_view text) {
  return fail(ErrorCode::bad_config,
              "fetch.allow_addresses has addresses such as 10.1.0.0/16 or 127.0.0.1/32, not “" +
                  std::string(text) + "”.");
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string plain_host(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string plain(host);
  std::ranges::transform(plain, plain.begin(), lower);
  return plain;
}

}  // namespace

std::optional<IpAddress> parse_address(std::string_view text) {
  const std::string terminated(text);
  IpAddress address{};
  in_addr v4{};
  if (inet_pton(AF_INET, terminated.c_str(), &v4) == 1) {
    std::memcpy(address.data(), mapped_prefix, sizeof(mapped_prefix));
    std::memcpy(address.data() + sizeof(mapped_prefix), &v4, sizeof(v4));
    return address;
  }
  if (inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
  return std::nullopt;
}

std::optional<IpAddress> address_of(const sockaddr& socket, std::size_t bytes) {
  IpAddress address{};
  if (socket.sa_family == AF_INET && bytes >= sizeof(sockaddr_in)) {
    sockaddr_in v4{};
    std::memcpy(&v4, &socket, sizeof(v4));
    std::memcpy(address.data(), mapped_prefix, sizeof(mapped_prefix));
    std::memcpy(address.data() + sizeof(mapped_prefix), &v4.sin_addr, sizeof(v4.sin_addr));
    return address;
  }
  if (socket.sa_family == AF_INET6 && bytes >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &socket, sizeof(v6));
    std::memcpy(address.data(), &v6.sin6_addr, sizeof(v6.sin6_addr));
    return address;
  }
  return std::nullopt;
}

std::string to_string(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_mapped(address))
    inet_ntop(AF_INET, address.data() + sizeof(mapped_prefix), text.data(), text.size());
  else
    inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  return text.data();
}

bool is_public(const IpAddress& address) {
  static const auto special = parsed(special_ranges);
  static const auto special_global = parsed(special_global_ranges);
  if (is_mapped(address)) return !holds_any(special, address);
  // NAT64 (64:ff9b::/96, and the local 64:ff9b:1::/48) and all else outside 2000::/3: ::, ::1,
  // fe80::/10, fec0::/10, fc00::/7, ff00::/8, 100::/64, IPv4-compatible ::/96.
  if ((address[0] & 0xe0) != 0x20) return false;
  return !holds_any(special_global, address);
}

Result<AddressRange> AddressRange::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return no_range(text);
  const bool is_v4 = is_mapped(*address) && !text.substr(0, slash).contains(':');
  AddressRange range{.first = *address, .bits = 128};
  if (slash != text.npos) {
    const auto digits = text.substr(slash + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), range.bits);
    if (error != std::errc{} || end != digits.data() + digits.size() ||
        range.bits > (is_v4 ? 32U : 128U))
      return no_range(text);
    if (is_v4) range.bits += 96;
  }
  for (unsigned bit = range.bits; bit < 128; ++bit)
    if ((range.first[bit / 8] >> (7 - bit % 8) & 1) != 0) return no_range(text);
  return range;
}

bool AddressRange::holds(const IpAddress& address) const {
  const unsigned whole = bits / 8;
  if (!std::equal(address.begin(), address.begin() + whole, first.begin())) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - bits % 8));
  return (address[whole] & mask) == (first[whole] & mask);
}

Result<AddressRules> AddressRules::make(std::span<const std::string> allowed) {
  AddressRules rules;
  for (const std::string& text : allowed) {
    TRY(const AddressRange range, AddressRange::parse(text));
    rules.allowed_.push_back(range);
  }
  return rules;
}

bool AddressRules::allows(const IpAddress& address) const {
  return is_public(address) || holds_any(allowed_, address);
}

Result<HostPattern> HostPattern::parse(std::string_view text) {
  const auto refuse = [&] {
    return fail(ErrorCode::bad_config,
                "fetch.allow has hosts such as images.example.org, *.example.org or *, with :PORT "
                "where it is not the usual one, not “" +
                    std::string(text) + "”.");
  };
  HostPattern pattern;
  std::string_view host = text;
  if (const auto colon = host.rfind(':'); colon != host.npos && !host.ends_with(']')) {
    const auto digits = host.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), pattern.port_);
    if (error != std::errc{} || end != digits.data() + digits.size() || pattern.port_ == 0)
      return refuse();
    host = host.substr(0, colon);
  }
  pattern.any_ = host == "*";
  pattern.below_ = host.starts_with("*.");
  if (pattern.below_) host.remove_prefix(2);
  if (!pattern.any_ && (host.empty() || host.find_first_of("*/@? ") != host.npos)) return refuse();
  pattern.host_ = plain_host(host);
  return pattern;
}

bool HostPattern::matches(std::string_view host, std::uint16_t port) const {
  if (port != port_) return false;
  if (any_) return true;
  const std::string plain = plain_host(host);
  if (!below_) return plain == host_;
  return plain.size() > host_.size() + 1 && plain.ends_with(host_) &&
         plain[plain.size() - host_.size() - 1] == '.';
}

}  // namespace calotype
