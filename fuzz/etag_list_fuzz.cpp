// SPDX-License-Identifier: Apache-2.0
#include "http/conditional.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(etag_list) {
  const bool strong = etag_list_has(bytes, "\"abc\"", false);
  const bool weak = etag_list_has(bytes, "\"abc\"", true);
  require(weak || !strong, "what matches strongly matches weakly");
  require(!weak || bytes.contains("\"abc\"") || bytes.contains('*'), "only what is there matches");
}
