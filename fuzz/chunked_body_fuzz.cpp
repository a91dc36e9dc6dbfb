// SPDX-License-Identifier: Apache-2.0
// The first byte says into pieces of which size the rest is cut.
#include <string>

#include "http/chunked_body.hpp"
#include "target.hpp"

using namespace calotype;

namespace {

struct Outcome {
  bool refused = false;
  bool done = false;
  std::size_t consumed = 0;
  std::string payload;
  bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string text, std::size_t piece) {
  ChunkedBody body;
  Outcome outcome;
  while (outcome.consumed < text.size() && !body.done()) {
    const std::span<char> rest = std::span(text).subspan(outcome.consumed);
    const std::span<char> buffer = rest.first(std::min(piece, rest.size()));
    const auto decoded = body.decode(buffer);
    if (!decoded) return {.refused = true, .consumed = 0, .payload = {}};
    require(decoded->payload <= decoded->consumed && decoded->consumed <= buffer.size(),
            "no more comes out than went in");
    require(decoded->consumed == buffer.size() || body.done(), "all is consumed until the end");
    outcome.payload.append(buffer.data(), decoded->payload);
    outcome.consumed += decoded->consumed;
  }
  outcome.done = body.done();
  return outcome;
}

}  // namespace

FUZZ_TARGET(chunked_body) {
  if (bytes.empty()) return;
  const auto piece = static_cast<std::size_t>(static_cast<unsigned char>(bytes.front())) + 1;
  const std::string text(bytes.substr(1));
  require(decode(text, piece) == decode(text, text.size() + 1), "pieces do not change a body");
}
