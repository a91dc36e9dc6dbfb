// SPDX-License-Identifier: Apache-2.0
// SHA-256 by OpenSSL (which uses the processor's SHA instructions), streaming and whole.
#pragma once

#include <array>
#include <compare>
#include <memory>
#include <optional>
#include <string>

#include "base/encoding.hpp"

namespace calotype {

/// The SHA-256 of some bytes: the name of content everywhere in this program.
struct Digest {
  std::array<std::byte, 32> bytes{};

  std::string hex() const { return to_hex(bytes); }
  static std::optional<Digest> from_hex(std::string_view text);
  static std::optional<Digest> from_bytes(ByteSpan bytes);
  auto operator<=>(const Digest&) const = default;
};

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(ByteSpan bytes);
  /// Ends the stream; the object starts anew afterwards.
  Digest finish();

  static Digest of(ByteSpan bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// HMAC-SHA256 (RFC 2104).
Digest hmac_sha256(ByteSpan key, ByteSpan message);

/// The digests that a client may claim in `Repr-Digest` (RFC 9530) beside sha-256.
class Sha512 {
 public:
  Sha512();
  ~Sha512();
  Sha512(Sha512&&) noexcept;
  Sha512& operator=(Sha512&&) noexcept;
  void update(ByteSpan bytes);
  std::array<std::byte, 64> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Bytes from the kernel's random source; stops the program where there is none.
void random_bytes(std::span<std::byte> out);

}  // namespace calotype
