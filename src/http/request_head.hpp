// SPDX-License-Identifier: Apache-2.0
// The head of an HTTP/1 request, read strictly (RFC 9112): whatever two programs could read in two
// ways is refused, because that is how one request is smuggled inside another. Refused are a bare
// LF or CR, a folded line, white space before a colon, a Content-Length that is repeated or stands
// beside a Transfer-Encoding, any coding but `chunked`, and a Host that is missing or repeated.
//
// Nothing is copied and nothing allocated: names and values are views into the caller's buffer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace calotype {

enum class Method : std::uint8_t { get, head, post, put, patch, remove, options, other };
std::string_view to_string(Method method);  // "GET", …; "DELETE" for remove

/// The fields that this server looks at.
enum class FieldName : std::uint8_t {
  accept,
  accept_encoding,
  access_control_request_method,
  authorization,
  connection,
  content_digest,
  content_disposition,
  content_length,
  content_type,
  expect,
  host,
  if_match,
  if_modified_since,
  if_none_match,
  if_range,
  if_unmodified_since,
  last_event_id,
  origin,
  range,
  repr_digest,
  transfer_encoding,
  unknown,
};

constexpr std::uint32_t bit(FieldName name) {
  return 1U << static_cast<unsigned>(name);
}

struct Field {
  std::string_view name;
  std::string_view value;
  FieldName known = FieldName::unknown;
};

class RequestHead {
 public:
  static constexpr std::size_t fields_max = 100;

  Method method = Method::other;
  std::string_view target;  // origin form: begins with `/`, or is `*`
  bool http_1_0 = false;
  bool keep_alive = true;
  bool chunked = false;
  bool expects_continue = false;
  std::optional<std::uint64_t> content_length;
  std::uint32_t present = 0;   // one bit a known field
  std::uint32_t repeated = 0;  // likewise, those that came more than once
  std::size_t bytes = 0;       // of the head, its last empty line included

  std::string_view path() const { return target.substr(0, target.find('?')); }
  /// Without the `?`.
  std::string_view query() const;
  bool has(FieldName name) const { return (present & bit(name)) != 0; }
  /// The first of that name; empty where there is none.
  std::string_view first(FieldName name) const;
  /// Those of that name joined by commas, as RFC 9110 §5.3 lets a recipient do.
  std::string joined(FieldName name) const;
  std::span<const Field> fields() const { return {fields_.data(), count_}; }
  bool has_body() const { return chunked || content_length.value_or(0) > 0; }

 private:
  friend class HeadReader;
  std::array<Field, fields_max> fields_;
  std::size_t count_ = 0;
};

enum class HeadStatus : std::uint8_t { complete, incomplete, refused };

/// Why a head was refused: a status of its own (400, 417, 431, 501, 505) and words for the client.
struct HeadRefusal {
  int status = 400;
  std::string_view reason;
};

/// Reads the head at the start of `buffer`. `incomplete` where its end has not come yet. The
/// caller's buffer has to stay as it is while the head is in use. Empty lines before the head are
/// skipped (and counted in its bytes).
HeadStatus read_head(std::string_view buffer, RequestHead& head, HeadRefusal& refusal);

/// ASCII only.
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);  // spaces and tabs at both ends

}  // namespace calotype
