// SPDX-License-Identifier: Apache-2.0
#include "asset/photo_facts.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(photo_facts) {
  const PhotoFacts facts = photo_facts(bytes);
  if (facts.taken_at) {
    const auto year =
        std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(*facts.taken_at)).year();
    require(year >= std::chrono::year{0} && year <= std::chrono::year{10'000},
            "a date is one that EXIF can spell");
  }
  static_cast<void>(camera_name(facts));
}
