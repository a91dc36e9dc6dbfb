// SPDX-License-Identifier: Apache-2.0
// When and with what a picture was taken, as its own metadata says (MediaInfo::metadata_json).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace calotype {

struct PhotoFacts {
  /// EXIF's DateTimeOriginal, else DateTimeDigitized, with its OffsetTime…; one that says no offset
  /// is taken for UTC.
  std::optional<Timestamp> taken_at;
  std::string make;   // "Canon"; empty where nothing says it
  std::string model;  // "Canon EOS 5D"
};

/// Whatever makes no sense is absent.
PhotoFacts photo_facts(std::string_view metadata_json);

/// "Canon EOS 5D", "Apple iPhone 12": the maker once. Empty where nothing says it.
std::string camera_name(const PhotoFacts& facts);

}  // namespace calotype
