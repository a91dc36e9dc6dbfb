// SPDX-License-Identifier: Apache-2.0
// What clients may have summed up a piece of an upload with (tus 1.0, Upload-Checksum). These find
// damage on the way; content is named by its SHA-256 alone.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/encoding.hpp"

namespace calotype {

class Checksum {
 public:
  /// As tus lists them.
  static constexpr std::string_view algorithms = "sha1,sha256,md5,crc32";
  /// One of them by its name; nothing for any other.
  static std::optional<Checksum> of(std::string_view algorithm);

  ~Checksum();
  Checksum(Checksum&&) noexcept;
  Checksum& operator=(Checksum&&) noexcept;

  void update(ByteSpan bytes);
  /// Big-endian where it is a number. Ends it.
  std::vector<std::byte> finish();

 private:
  class Algorithm;
  class Crc32;
  class Hash;
  explicit Checksum(std::unique_ptr<Algorithm> algorithm);
  std::unique_ptr<Algorithm> algorithm_;
};

}  // namespace calotype
