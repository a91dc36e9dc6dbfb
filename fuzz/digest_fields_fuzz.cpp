// SPDX-License-Identifier: Apache-2.0
// Repr-Digest, a line feed, Content-Digest.
#include "http/digest_fields.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(digest_fields) {
  const auto line_end = bytes.find('\n');
  const auto repr = bytes.substr(0, line_end);
  const auto content =
      line_end == std::string_view::npos ? std::string_view{} : bytes.substr(line_end + 1);
  const auto both = parse_digest_fields(repr, content);
  const auto one = parse_digest_field(repr);
  if (both && one && one->sha256)
    require(both->sha256 == one->sha256, "the two fields never contradict each other");
}
