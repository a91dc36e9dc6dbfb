// SPDX-License-Identifier: Apache-2.0
// SHA-256 that can be interrupted: what it has come to between two bytes is written down in at most
// 103 bytes, and another process, on another machine perhaps, goes on from there without reading
// anything again. By OpenSSL's block function, so as fast as base/hash.hpp.
//
//   32 bytes   the chaining value, big-endian words
//    8 bytes   how many bytes have gone in, big-endian
//   0 … 63     those that do not fill a block yet
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/hash.hpp"

namespace calotype {

class ResumableSha256 {
 public:
  ResumableSha256();
  ~ResumableSha256();
  ResumableSha256(ResumableSha256&&) noexcept;
  ResumableSha256& operator=(ResumableSha256&&) noexcept;

  /// Goes on from a state; nothing where that is none.
  static std::optional<ResumableSha256> resume(ByteSpan state);

  void update(ByteSpan bytes);
  std::uint64_t bytes() const;
  std::vector<std::byte> state() const;
  /// Of all bytes so far; more may follow.
  Digest digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace calotype
