// SPDX-License-Identifier: Apache-2.0
#include "http/content_disposition.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(content_disposition) {
  const auto clean = clean_file_name(bytes);
  require(clean.size() <= 255, "a file name has at most 255 bytes");
  require(clean.find_first_of(std::string_view("/\\\r\n\0", 5)) == std::string::npos,
          "a file name has no folder and no line");
  const auto field = content_disposition("attachment", clean);
  require(field.find_first_of("\r\n") == std::string::npos, "a field is one line");
  const auto written = parse_field_parameters(field);
  require(written && written->value == "attachment", "what is written can be read");
  require(file_name_in(*written) == clean, "a file name survives its field");
  if (const auto parsed = parse_field_parameters(bytes))
    require(file_name_in(*parsed).size() <= 255, "a file name has at most 255 bytes");
}
