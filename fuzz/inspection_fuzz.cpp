// SPDX-License-Identifier: Apache-2.0
// A renderer's answer, which may be forged: the fixed part, then what stands in its output.
#include <unistd.h>

#include <cstring>

#include "render/answers.hpp"
#include "target.hpp"

using namespace calotype;

FUZZ_TARGET(inspection) {
  wire::Inspected answer{};
  if (bytes.size() < sizeof(answer)) return;
  std::memcpy(&answer, bytes.data(), sizeof(answer));
  bytes.remove_prefix(sizeof(answer));
  const auto output = make_output();
  require(output.has_value(), "a memfd can be made");
  require(bytes.empty() || pwrite(output->get(), bytes.data(), bytes.size(), 0) ==
                               static_cast<ssize_t>(bytes.size()),
          "a memfd can be written to");
  const auto inspection = read_inspection(*output, answer);
  if (!inspection) return;
  const MediaInfo& media = inspection->media;
  require(!media.renderable || (media.width > 0 && media.height > 0), "a picture has pixels");
  require(media.orientation >= 1 && media.orientation <= 8, "an orientation is 1 to 8");
  require(!inspection->fingerprint || inspection->fingerprint->quality <= 100, "a share");
  require(media.metadata_json.size() <= bytes.size() + 2, "no text comes from elsewhere");
}
