// SPDX-License-Identifier: Apache-2.0
#include "http/chunked_body.hpp"

#include <algorithm>
#include <cstring>

namespace calotype {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_text(char c) {
  return static_cast<unsigned char>(c) >= 0x20 ? c != 0x7f : c == '\t';
}

}  // namespace

Result<ChunkedBody::Decoded> ChunkedBody::decode(std::span<char> buffer) {
  Decoded decoded;
  while (decoded.consumed < buffer.size() && state_ != State::done) {
    if (state_ == State::payload) {
      const std::size_t count = static_cast<std::size_t>(
          std::min<std::uint64_t>(left_, buffer.size() - decoded.consumed));
      std::memmove(buffer.data() + decoded.payload, buffer.data() + decoded.consumed, count);
      decoded.payload += count;
      decoded.consumed += count;
      left_ -= count;
      if (left_ == 0) state_ = State::payload_cr;
      continue;
    }
    if (!step(buffer[decoded.consumed]))
      return fail(ErrorCode::bad_request, "The body's chunked coding is broken.");
    ++decoded.consumed;
  }
  return decoded;
}

bool ChunkedBody::size_digit(char c) {
  const int value = hex_value(c);
  if (value >= 0) {
    if (++digits_ > 15) return false;
    left_ = left_ * 16 + static_cast<std::uint64_t>(value);
    return true;
  }
  if (digits_ == 0) return false;
  line_bytes_ = 0;
  if (c == '\r')
    state_ = State::size_lf;
  else if (c == ';' || c == ' ' || c == '\t')
    state_ = State::extension;
  else
    return false;
  return true;
}

/// Everything but the payload, a byte at a time.
bool ChunkedBody::step(char c) {
  const auto expect = [&](char wanted, State next) {
    state_ = next;
    return c == wanted;
  };
  switch (state_) {
    case State::size:
      return size_digit(c);
    case State::extension:
      if (c == '\r') return expect('\r', State::size_lf);
      return is_text(c) && ++line_bytes_ <= line_bytes_max;
    case State::size_lf:
      line_bytes_ = 0;
      return expect('\n', left_ == 0 ? State::trailer_start : State::payload);
    case State::payload_cr:
      return expect('\r', State::payload_lf);
    case State::payload_lf:
      digits_ = 0;
      return expect('\n', State::size);
    case State::trailer_start:
      if (c == '\r') return expect('\r', State::end_lf);
      state_ = State::trailer;
      return is_text(c) && c != ' ' && c != '\t' && ++line_bytes_ <= line_bytes_max;
    case State::trailer:
      if (c == '\r') return expect('\r', State::trailer_lf);
      return is_text(c) && ++line_bytes_ <= line_bytes_max;
    case State::trailer_lf:
      return expect('\n', State::trailer_start);
    case State::end_lf:
      return expect('\n', State::done);
    case State::payload:
    case State::done:
      return false;
  }
  return false;
}

}  // namespace calotype
