// SPDX-License-Identifier: Apache-2.0
#include "http/possession.hpp"

#include <algorithm>
#include <charconv>
#include <format>
#include <vector>

namespace calotype {
namespace {

constexpr std::uint64_t range_bytes_max = 64 << 10;
constexpr std::chrono::milliseconds valid_for{60'000};

}  // namespace

std::string Possession::mac(std::string_view payload, const Digest& content) const {
  const std::string text = std::string(payload) + content.hex();
  return to_base64url(hmac_sha256(secret_, as_bytes(text)).bytes);
}

PossessionChallenge Possession::challenge(const Digest& content, std::uint64_t bytes,
                                          Timestamp now) const {
  std::array<std::byte, 16> random{};
  random_bytes(random);
  std::uint64_t pick = 0;
  for (int i = 0; i < 8; ++i) pick = pick << 8 | std::to_integer<std::uint64_t>(random[i]);
  const std::uint64_t length = std::min(bytes, range_bytes_max);
  const std::uint64_t offset = bytes == length ? 0 : pick % (bytes - length + 1);
  const std::string payload = std::format("{}.{}.{}.{}", now.time_since_epoch().count(), offset,
                                          length, to_base64url(ByteSpan(random).subspan(8)));
  return {offset, length, payload + "." + mac(payload, content)};
}

std::optional<PossessionChallenge> Possession::recognise(std::string_view nonce,
                                                         const Digest& content,
                                                         Timestamp now) const {
  const auto point = nonce.rfind('.');
  if (point == nonce.npos) return std::nullopt;
  const std::string_view payload = nonce.substr(0, point);
  if (!equal_constant_time(nonce.substr(point + 1), mac(payload, content))) return std::nullopt;
  // Ours, so well-formed.
  std::array<std::uint64_t, 3> numbers{};
  const char* at = payload.data();
  for (std::uint64_t& number : numbers)
    at = std::from_chars(at, payload.data() + payload.size(), number).ptr + 1;
  const Timestamp made{std::chrono::milliseconds{static_cast<std::int64_t>(numbers[0])}};
  if (now > made + valid_for) return std::nullopt;
  return PossessionChallenge{numbers[1], numbers[2], std::string(nonce)};
}

}  // namespace calotype
