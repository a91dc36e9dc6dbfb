// SPDX-License-Identifier: Apache-2.0
#include "http/event_feed.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(event_id) {
  const auto place = parse_event_id(bytes);
  if (place) require(to_event_id(*place) == bytes, "an id has one spelling");
}
