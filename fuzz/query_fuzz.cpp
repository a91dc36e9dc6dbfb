// SPDX-License-Identifier: Apache-2.0
#include "http/dialects/percent.hpp"
#include "http/query.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(query) {
  const auto query = Query::parse(bytes);
  if (query) {
    const auto limit = query->whole("limit", 100, 1, 1'000);
    require(!limit || (*limit >= 1 && *limit <= 1'000), "a number lies within its bounds");
    static_cast<void>(query->all("tags"));
  }
  if (!bytes.contains('\0'))
    require(percent_decode(percent_encode(bytes)) == bytes, "decoding undoes encoding");
}
