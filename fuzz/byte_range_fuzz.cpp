// SPDX-License-Identifier: Apache-2.0
// The first byte is the representation's size.
#include "http/byte_range.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(byte_range) {
  if (bytes.empty()) return;
  const std::uint64_t size = static_cast<unsigned char>(bytes.front());
  const auto choice = choose_ranges(bytes.substr(1), size);
  if (const auto* ranges = std::get_if<std::vector<ByteRange>>(&choice)) {
    require(!ranges->empty() && ranges->size() <= 16, "there are 1 to 16 ranges");
    std::uint64_t total = 0;
    for (const ByteRange& range : *ranges) {
      require(range.size > 0 && range.offset < size && range.size <= size - range.offset,
              "a range lies within the representation");
      total += range.size;
    }
    require(total <= size, "no byte is sent twice");
  }
}
