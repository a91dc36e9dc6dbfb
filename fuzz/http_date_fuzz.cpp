// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(http_date) {
  const auto time = parse_http_date(bytes);
  if (time)
    require(parse_http_date(to_http_date(*time)) == time, "a date's text is read back as the same");
}
