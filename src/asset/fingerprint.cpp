// SPDX-License-Identifier: Apache-2.0
#include "asset/fingerprint.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <format>
#include <ranges>

namespace calotype {

unsigned distance(const Fingerprint::Bits& one, const Fingerprint::Bits& other) {
  unsigned bits = 0;
  for (std::size_t i = 0; i < one.size(); ++i)
    bits += static_cast<unsigned>(std::popcount(one[i] ^ other[i]));
  return bits;
}

namespace {

constexpr unsigned all_bits = 256;

/// Without the quarter that differs most, the one of those left that does.
unsigned distance_of_three(const Fingerprint& one, const Fingerprint& other) {
  std::array<unsigned, 4> distances{};
  for (std::size_t i = 0; i < distances.size(); ++i) {
    const bool is_flat =
        one.quarters[i] == Fingerprint::Bits{} || other.quarters[i] == Fingerprint::Bits{};
    distances[i] = is_flat ? all_bits : distance(one.quarters[i], other.quarters[i]);
  }
  std::ranges::sort(distances);
  return distances[2];
}

/// From what the one shows to what a crop of the other does.
unsigned distance_to_crops(const Fingerprint::Bits& whole, const Fingerprint& of) {
  unsigned least = distance(whole, of.middle);
  for (const auto& crop : of.crops) least = std::min(least, distance(whole, crop));
  return least;
}

}  // namespace

unsigned distance(const Fingerprint& one, const Fingerprint& other) {
  return std::min({distance(one.whole, other.whole), distance_to_crops(one.whole, other),
                   distance_to_crops(other.whole, one), distance_of_three(one, other)});
}

std::string to_hex(const Fingerprint::Bits& bits) {
  return std::format("{:016x}{:016x}{:016x}{:016x}", bits[3], bits[2], bits[1], bits[0]);
}

std::string to_bytes(const Fingerprint::Bits& bits) {
  std::string bytes;
  for (const std::uint64_t word : std::views::reverse(bits))
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(word >> shift & 0xff);
  return bytes;
}

std::optional<Fingerprint::Bits> parse_bits(ByteSpan bytes) {
  if (bytes.size() != fingerprint_bits_bytes) return std::nullopt;
  Fingerprint::Bits bits{};
  auto next = bytes.begin();
  for (std::uint64_t& word : std::views::reverse(bits))
    for (int i = 0; i < 8; ++i) word = word << 8 | std::to_integer<std::uint64_t>(*next++);
  return bits;
}

std::string to_bytes(const Fingerprint& fingerprint) {
  std::string bytes = to_bytes(fingerprint.whole) + to_bytes(fingerprint.middle);
  for (const auto& quarter : fingerprint.quarters) bytes += to_bytes(quarter);
  for (const auto& crop : fingerprint.crops) bytes += to_bytes(crop);
  return bytes;
}

std::optional<Fingerprint> parse_fingerprint(ByteSpan bytes, std::uint8_t quality) {
  Fingerprint fingerprint{.crops = {}, .quality = quality};
  const std::size_t fixed = 2 + fingerprint.quarters.size();
  const std::size_t count = bytes.size() / fingerprint_bits_bytes;
  if (bytes.size() % fingerprint_bits_bytes != 0 || count < fixed) return std::nullopt;
  const auto bits_at = [&](std::size_t place) {
    return *parse_bits(bytes.subspan(place * fingerprint_bits_bytes, fingerprint_bits_bytes));
  };
  fingerprint.whole = bits_at(0);
  fingerprint.middle = bits_at(1);
  for (std::size_t i = 2; i < fixed; ++i) fingerprint.quarters[i - 2] = bits_at(i);
  for (std::size_t i = fixed; i < count; ++i) fingerprint.crops.push_back(bits_at(i));
  return fingerprint;
}

}  // namespace calotype
