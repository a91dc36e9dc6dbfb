// SPDX-License-Identifier: Apache-2.0
// Upload-Metadata, a line feed, Upload-Checksum, a line feed, Upload-Concat.
#include "http/tus_fields.hpp"
#include "target.hpp"

using namespace calotype;

namespace {

std::string_view next_line(std::string_view& bytes) {
  const auto end = bytes.find('\n');
  const std::string_view line = bytes.substr(0, end);
  bytes = end == bytes.npos ? std::string_view{} : bytes.substr(end + 1);
  return line;
}

}  // namespace

FUZZ_TARGET(tus_fields) {
  UploadFacts facts;
  if (read_upload_metadata(next_line(bytes), facts)) {
    require(facts.file_name.size() <= 1'024, "a file's name has its limit");
    require(!facts.file_name.starts_with('/'), "a file's name leads nowhere else");
    require(facts.tags.size() <= 100, "tags have their limit");
  }
  const auto checksum = parse_upload_checksum(next_line(bytes));
  if (checksum) require(!checksum->sum.empty(), "a sum is not empty");
  const auto concat = parse_upload_concat(bytes);
  if (concat) {
    require(concat->is_partial == concat->partials.empty(), "either partial or made of some");
    for (const std::string& id : concat->partials)
      require(id.size() == 26 && is_base32(id), "a part is named by its id");
  }
}
