// SPDX-License-Identifier: Apache-2.0
// What inspection learnt of an asset from its bytes. Widths and heights are those of the upright
// picture (EXIF orientation applied); a renderer alone deals with how it is stored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "asset/recipe.hpp"

namespace calotype {

struct MediaInfo {
  std::string media_type;   // "image/jpeg", "application/pdf", … from the bytes, never the name
  bool renderable = false;  // a renderer can make variants of it
  std::uint32_t width = 0;  // upright pixels; 0 where it is not an image
  std::uint32_t height = 0;
  std::uint8_t orientation = 1;  // EXIF's 1 to 8, as stored
  std::uint8_t bits_per_channel = 8;
  std::uint8_t channels = 0;  // as stored: 1 gray, 3 RGB, 4 CMYK or RGB with alpha
  bool has_alpha = false;
  bool has_gain_map = false;  // Ultra-HDR: a second picture says how much brighter it can be shown
  std::uint32_t pages = 1;    // pages or frames
  std::string color_space;    // "srgb", "gray", "cmyk", "rgb16", …
  std::string icc_profile;    // the profile's description; empty where there is none
  std::string metadata_json;  // {"exif":{…},"xmp":{…},"iptc":{…}}, always an object
  std::string placeholder;    // ThumbHash, base64; empty where it is not an image
};

/// A proof is the upright original scaled to fit within this.
inline constexpr std::uint32_t proof_width_max = 640;
inline constexpr std::uint32_t proof_height_max = 1'280;

/// The small reduction that small variants are made from (architecture, decision 9).
struct Proof {
  std::string blob_key;
  std::uint64_t bytes = 0;
  std::uint32_t width = 0;  // upright pixels
  std::uint32_t height = 0;
};

/// The format of an original that is one of ours; nothing for the rest.
std::optional<ImageFormat> format_of_media_type(std::string_view media_type);

/// What a negotiated format has to carry where the recipe is followed: frames, unless it names one.
Carried carried_by(const MediaInfo& media, const Recipe& recipe);

/// Whether its pages are frames that follow one another. (A TIFF, PDF, HEIF or ICO has pages.)
bool is_animated(const MediaInfo& media);
/// Whether it is drawn at whatever size is wanted, so that being enlarged costs it nothing.
bool is_vector(const MediaInfo& media);

}  // namespace calotype
