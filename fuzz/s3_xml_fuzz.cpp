// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "blobs/s3_xml.hpp"
#include "target.hpp"

using namespace calotype;

namespace {

std::size_t depth_of(const XmlElement& element) {
  std::size_t deepest = 0;
  for (const XmlElement& child : element.children) deepest = std::max(deepest, depth_of(child));
  return deepest + 1;
}

bool same(const XmlElement& a, const XmlElement& b) {
  if (a.name != b.name || a.text != b.text || a.children.size() != b.children.size()) return false;
  for (std::size_t i = 0; i < a.children.size(); ++i)
    if (!same(a.children[i], b.children[i])) return false;
  return true;
}

}  // namespace

FUZZ_TARGET(s3_xml) {
  if (const auto tree = parse_xml(bytes)) {
    require(depth_of(*tree) <= 16, "the depth is bounded");
    const auto text = to_xml(*tree);
    // A carriage return is a line's end to whoever reads it again.
    if (!text.contains('\r')) {
      const auto again = parse_xml(text);
      require(again && same(*tree, *again), "what was read can be written and read again");
    }
  }
  if (const auto page = parse_list_page(bytes))
    require(page->objects.size() <= 20'000, "the objects are bounded");
  static_cast<void>(parse_upload_page(bytes));
  static_cast<void>(parse_upload_id(bytes));
  static_cast<void>(parse_s3_time(bytes));
  if (const auto error = parse_s3_error(bytes))
    require(!error->code.empty(), "an error has a code");
}
