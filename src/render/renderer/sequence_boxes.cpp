// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/sequence_boxes.hpp"

#include <algorithm>
#include <string_view>

#include "render/renderer/heif_boxes.hpp"
#include "render/renderer/own_decoders.hpp"

namespace calotype {
namespace {

constexpr int boxes_max = 1'000;  // looked at on one level

std::vector<int> delays_of_track(Bytes media, std::size_t frames_max) {
  const Bytes header = inside(media, "mdhd");
  ByteReader clock(header, true);
  const std::uint32_t timescale = clock.number(clock.number(0, 1) == 1 ? 20 : 12, 4);
  const Bytes times = inside(inside(inside(media, "minf"), "stbl"), "stts");
  ByteReader reader(times, true);
  const std::uint32_t count = reader.number(4, 4);
  std::vector<int> delays;
  for (std::uint32_t i = 0; i < count && delays.size() < frames_max; ++i) {
    const std::size_t at = 8 + std::size_t{8} * i;
    const std::uint32_t frames = reader.number(at, 4);
    const std::uint64_t ticks = reader.number(at + 4, 4);
    if (!reader.ok() || timescale == 0) break;
    const std::uint64_t milliseconds = (ticks * 1'000 + timescale / 2) / timescale;
    delays.insert(delays.end(), std::min<std::size_t>(frames, frames_max - delays.size()),
                  static_cast<int>(std::min<std::uint64_t>(milliseconds, 1 << 30)));
  }
  return delays;
}

}  // namespace

std::vector<int> delays_of_sequence(Bytes heif, std::size_t frames_max) {
  const Bytes movie = inside(heif, "moov");
  std::size_t at = 0;
  for (int i = 0; i < boxes_max; ++i) {
    const auto track = next_box(movie, at);
    if (!track) break;
    if (track->type != "trak") continue;
    const Bytes media = inside(track->content, "mdia");
    const Bytes handler = inside(media, "hdlr");
    if (handler.size() < 12) continue;
    const std::string_view kind(reinterpret_cast<const char*>(handler.data()) + 8, 4);
    if (kind == "pict" || kind == "vide") return delays_of_track(media, frames_max);
  }
  return {};
}

}  // namespace calotype
