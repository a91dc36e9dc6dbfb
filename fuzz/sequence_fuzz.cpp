// SPDX-License-Identifier: Apache-2.0
// A HEIF sequence's boxes.
#include <algorithm>

#include "render/renderer/sequence_boxes.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(sequence) {
  const auto delays = delays_of_sequence(
      {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, 1'000);
  require(delays.size() <= 1'000, "no more frames are told than were asked for");
  require(std::ranges::all_of(delays, [](int delay) { return delay >= 0; }), "time goes on");
}
