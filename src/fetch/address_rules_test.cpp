// SPDX-License-Identifier: Apache-2.0
#include "fetch/address_rules.hpp"

#include <gtest/gtest.h>

namespace calotype {
namespace {

TEST(AddressRules, PublicIsWhatThePublicCanReach) {
  struct Row {
    const char* address;
    bool is_public;
  };
  const Row rows[] = {
      {"8.8.8.8", true},
      {"93.184.216.34", true},
      {"100.63.255.255", true},
      {"100.128.0.0", true},
      {"172.15.255.255", true},
      {"172.32.0.0", true},
      {"198.17.255.255", true},
      {"198.20.0.0", true},
      {"223.255.255.255", true},
      {"2606:4700::1111", true},
      {"2a00:1450:4001::200e", true},
      {"0.0.0.0", false},
      {"0.1.2.3", false},
      {"10.0.0.1", false},
      {"100.64.0.1", false},
      {"100.127.255.255", false},
      {"127.0.0.1", false},
      {"127.255.255.254", false},
      {"169.254.169.254", false},
      {"172.16.0.1", false},
      {"172.31.255.255", false},
      {"192.0.0.192", false},
      {"192.0.2.1", false},
      {"192.88.99.1", false},
      {"192.168.1.1", false},
      {"198.18.0.1", false},
      {"198.19.255.255", false},
      {"198.51.100.7", false},
      {"203.0.113.7", false},
      {"224.0.0.1", false},
      {"239.255.255.255", false},
      {"240.0.0.1", false},
      {"255.255.255.255", false},
      {"::", false},
      {"::1", false},
      {"::ffff:127.0.0.1", false},
      {"::ffff:10.0.0.1", false},
      {"::ffff:8.8.8.8", true},
      {"::127.0.0.1", false},
      {"::8.8.8.8", false},
      {"64:ff9b::8.8.8.8", false},
      {"64:ff9b::7f00:1", false},
      {"64:ff9b:1::1", false},
      {"100::1", false},
      {"2001::1", false},
      {"2001:20::1", false},
      {"2001:db8::1", false},
      {"2002:7f00:1::1", false},
      {"2002:808:808::1", false},
      {"3fff::1", false},
      {"5f00::1", false},
      {"fc00::1", false},
      {"fd12:3456::1", false},
      {"fe80::1", false},
      {"fec0::1", false},
      {"ff02::1", false},
  };
  for (const Row& row : rows) {
    const auto address = parse_address(row.address);
    ASSERT_TRUE(address) << row.address;
    EXPECT_EQ(is_public(*address), row.is_public) << row.address;
  }
}

TEST(AddressRules, WhatIsNamedIsAllowedBesides) {
  const std::string allowed[] = {"127.0.0.1/32", "10.1.0.0/16", "fd00:1::/32", "::1"};
  const auto rules = AddressRules::make(allowed);
  ASSERT_TRUE(rules);
  for (const char* yes : {"127.0.0.1", "10.1.255.255", "fd00:1::7", "::1", "8.8.8.8"})
    EXPECT_TRUE(rules->allows(*parse_address(yes))) << yes;
  for (const char* no : {"127.0.0.2", "10.2.0.0", "fd00:2::7", "::2", "169.254.169.254"})
    EXPECT_FALSE(rules->allows(*parse_address(no))) << no;
  for (const std::string nonsense :
       {"", "10.0.0.0/33", "10.0.0.1/8", "::/129", "localhost", "10.0.0.0/", "10.0.0.0/8x", "1"}) {
    const auto refused = AddressRules::make(std::span(&nonsense, 1));
    ASSERT_FALSE(refused) << nonsense;
    EXPECT_EQ(refused.error().code, ErrorCode::bad_config);
  }
}

TEST(HostPattern, MatchesWholeLabelsOnly) {
  struct Row {
    const char* pattern;
    const char* host;
    std::uint16_t port;
    bool matches;
  };
  const Row rows[] = {
      {"example.org", "example.org", 0, true},
      {"Example.org.", "EXAMPLE.ORG", 0, true},
      {"example.org", "example.org.", 0, true},
      {"example.org", "www.example.org", 0, false},
      {"example.org", "example.org", 8080, false},
      {"example.org:8080", "example.org", 8080, true},
      {"example.org:8080", "example.org", 0, false},
      {"*.example.org", "www.example.org", 0, true},
      {"*.example.org", "a.b.example.org", 0, true},
      {"*.example.org", "example.org", 0, false},
      {"*.example.org", "badexample.org", 0, false},
      {"*.example.org", ".example.org", 0, false},
      {"*", "anything.at.all", 0, true},
      {"*", "anything.at.all", 8080, false},
      {"*:8080", "anything.at.all", 8080, true},
      {"[::1]:8080", "[::1]", 8080, true},
  };
  for (const Row& row : rows) {
    const auto pattern = HostPattern::parse(row.pattern);
    ASSERT_TRUE(pattern) << row.pattern;
    EXPECT_EQ(pattern->matches(row.host, row.port), row.matches)
        << row.pattern << " " << row.host << ":" << row.port;
  }
  for (const char* nonsense : {"", "*.", "http://example.org", "a b", "exa*mple.org", "host:x",
                               "host:0", "host:70000", "user@host"})
    EXPECT_FALSE(HostPattern::parse(nonsense)) << nonsense;
}

}  // namespace
}  // namespace calotype
