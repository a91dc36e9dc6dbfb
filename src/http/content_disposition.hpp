// SPDX-License-Identifier: Apache-2.0
// Parameters of header fields (`form-data; name="photo"; filename="a.jpg"`), and the file names in
// Content-Disposition (RFC 6266, RFC 8187, RFC 7578), read and written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {

struct FieldParameters {
  std::string value;                                            // before the first `;`, lower case
  std::vector<std::pair<std::string, std::string>> parameters;  // names in lower case

  const std::string* find(std::string_view name) const;
};

/// Nothing where it is malformed. A backslash in a quoted string escapes only a quote or another
/// backslash, as browsers write it.
std::optional<FieldParameters> parse_field_parameters(std::string_view field);

/// `filename*` where it is well-formed (UTF-8), else `filename`; the last part of the path only,
/// control characters removed, at most 255 bytes, invalid UTF-8 replaced. Empty where there is
/// none.
std::string file_name_in(const FieldParameters& disposition);
std::string clean_file_name(std::string_view name);
/// The same, but a path below some folder ("2026/summer/a.jpg") is kept, up to 1024 bytes; one that
/// begins with a slash or leads upwards is none.
std::string clean_relative_name(std::string_view name);

/// "inline; filename=…; filename*=…", the last part of a path; without names where `file_name` is
/// empty.
std::string content_disposition(std::string_view kind, std::string_view file_name);

}  // namespace calotype
