// SPDX-License-Identifier: Apache-2.0
// Proving that one has some bytes without sending them, so that a leaked hash opens nothing. The
// server picks a range and a nonce; the client answers with SHA-256(nonce ‖ range), where the nonce
// counts as the characters that it was sent as. Nothing is kept between the two: the nonce carries
// its time, range and content under a MAC with a key that all servers of a catalog share, so that
// any of them recognises it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/hash.hpp"

namespace calotype {

struct PossessionChallenge {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::string nonce;
};

class Possession {
 public:
  using Secret = std::array<std::byte, 32>;
  explicit Possession(const Secret& secret) : secret_(secret) {}

  PossessionChallenge challenge(const Digest& content, std::uint64_t bytes, Timestamp now) const;
  /// The challenge that the nonce is of; nothing where it is not ours, of other content, or older
  /// than a minute.
  std::optional<PossessionChallenge> recognise(std::string_view nonce, const Digest& content,
                                               Timestamp now) const;

 private:
  std::string mac(std::string_view payload, const Digest& content) const;
  const Secret secret_;
};

}  // namespace calotype
