// SPDX-License-Identifier: Apache-2.0
// multipart/form-data (RFC 7578 over RFC 2046) as a stream: chunks go in as they arrive, the parts'
// heads and contents come out, and no more is kept than a part's head or what could be the start of
// a delimiter.
//
//   --boundary CRLF head CRLF CRLF content CRLF --boundary CRLF … CRLF --boundary-- CRLF
//
// Strict where it matters: lines end with CRLF, a delimiter stands at the start of a line and is
// followed by the end of its line (spaces allowed), the last one must have come at the end.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace calotype {

/// What a Content-Type says the boundary is; nothing where it is no multipart/form-data.
/// bad_request where it is one without a proper boundary (1 to 70 characters).
Result<std::optional<std::string>> multipart_boundary(std::string_view content_type);

struct PartHead {
  std::string name;                      // of the form's field
  std::optional<std::string> file_name;  // cleaned; given for files
};

class MultipartParser {
 public:
  class Receiver {
   public:
    virtual ~Receiver() = default;
    /// An error ends the parsing, and is what feed returns.
    virtual Result<void> part_begins(PartHead head) = 0;
    virtual Result<void> part_content(std::string_view bytes) = 0;
    virtual Result<void> part_ends() = 0;
  };

  static constexpr std::size_t head_bytes_max = 8'192;
  static constexpr std::size_t parts_max = 100;
  static constexpr std::size_t preamble_bytes_max = 8'192;

  explicit MultipartParser(std::string_view boundary);

  /// bad_request where the coding is broken or a limit is passed; the receiver's errors.
  Result<void> feed(std::string_view chunk, Receiver& receiver);
  /// Whether the last delimiter has come: anything else at the end of the body is a broken one.
  bool complete() const { return state_ == State::epilogue; }

 private:
  enum class State : std::uint8_t { preamble, delimiter_end, head, content, epilogue };

  Result<void> find_delimiter(std::string_view& chunk, Receiver& receiver);
  Result<void> emit(std::string_view bytes, Receiver& receiver);
  Result<void> delimiter_end(std::string_view& chunk);
  Result<void> head(std::string_view& chunk, Receiver& receiver);

  const std::string delimiter_;  // CRLF "--" boundary
  State state_ = State::preamble;
  std::string held_;  // what may be the start of a delimiter, or the head or line so far
  std::size_t parts_ = 0;
  std::size_t preamble_bytes_ = 0;
};

}  // namespace calotype
