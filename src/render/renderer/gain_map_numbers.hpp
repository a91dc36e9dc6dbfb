// SPDX-License-Identifier: Apache-2.0
// What a gain map's samples mean: how much brighter the darkest and the lightest make a place, and
// on which displays all of it is shown. Written in two ways that say the same, decimal numbers in
// XMP (hdrgm, by Adobe and Google) and fractions by ISO 21496-1, big-endian:
//
//   minimum version 0 (2), writer's version (2), flags (1),
//   headroom of the base, of the alternate,
//   once, or for red, green and blue: least gain, most gain, gamma, offset of the base, the other's
//
// each number a numerator (4) and a denominator (4). Gains and headrooms are logarithms to base 2.
// Numbers that nobody can mean (nought below the line, not finite, beyond reason) are none.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace calotype {

struct Fraction {
  std::int64_t numerator = 0;  // within what 32 bits hold, with or without sign
  std::uint32_t denominator = 1;

  double value() const { return static_cast<double>(numerator) / denominator; }
  bool operator==(const Fraction&) const = default;
};

struct GainMapChannel {
  Fraction least{0, 1}, most{1, 1}, gamma{1, 1}, base_offset{1, 64}, alternate_offset{1, 64};
  bool operator==(const GainMapChannel&) const = default;
};

struct GainMapNumbers {
  bool uses_base_colors = true;  // the gains are of the base's primaries, not of the alternate's
  Fraction base_headroom{0, 1}, alternate_headroom{1, 1};
  std::array<GainMapChannel, 3> channels;

  /// The base is the rendition for ordinary displays, as it nearly always is.
  bool brightens() const { return base_headroom.value() < alternate_headroom.value(); }
  bool operator==(const GainMapNumbers&) const = default;
};

constexpr std::string_view gain_map_namespace = "http://ns.adobe.com/hdr-gain-map/1.0/";

/// Nothing where it has another version, is cut off, or means nothing.
std::optional<GainMapNumbers> gain_map_numbers_of_iso(std::string_view iso);
/// Nothing where the packet cannot be read, has no such numbers, or they mean nothing.
std::optional<GainMapNumbers> gain_map_numbers_of_xmp(const std::string& packet);

std::string iso_of(const GainMapNumbers& numbers);
/// A packet of its own. The map brightens.
std::string xmp_of(const GainMapNumbers& numbers);

}  // namespace calotype
