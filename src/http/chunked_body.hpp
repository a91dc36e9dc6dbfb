// SPDX-License-Identifier: Apache-2.0
// The chunked transfer coding (RFC 9112 §7.1), undone in place: the payload is moved together at
// the front of the buffer that it came in, so that a body of any size needs no second one. Strict
// as the head is: CRLF only, sizes of at most 15 hexadecimal digits. Trailer fields are passed
// over.
//
//   4;name=value\r\nWiki\r\n0\r\nTrailer: x\r\n\r\n   →   Wiki
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.hpp"

namespace calotype {

class ChunkedBody {
 public:
  struct Decoded {
    std::size_t payload = 0;   // bytes, now at the front of the buffer
    std::size_t consumed = 0;  // bytes of the buffer that belonged to this body
  };
  /// bad_request where the coding is broken; call it no more then, nor once done() is true. All of
  /// the buffer is consumed unless the body ended in it.
  Result<Decoded> decode(std::span<char> buffer);
  bool done() const { return state_ == State::done; }

 private:
  enum class State : std::uint8_t {
    size,
    extension,
    size_lf,
    payload,
    payload_cr,
    payload_lf,
    trailer_start,
    trailer,
    trailer_lf,
    end_lf,
    done,
  };
  bool step(char c);
  bool size_digit(char c);

  static constexpr std::size_t line_bytes_max = 8'192;  // extensions; all the trailers together

  State state_ = State::size;
  std::uint64_t left_ = 0;  // of the present chunk
  int digits_ = 0;
  std::size_t line_bytes_ = 0;
};

}  // namespace calotype
