// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/sequence_boxes.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include "render/renderer/own_decoders.hpp"

namespace calotype {
namespace {

constexpr int boxes_max = 1'000;  // looked at on one level

struct Box {
  std::string_view type;
  Bytes content;
};

/// The box at `at`, which moves behind it; nothing where none fits.
std::optional<Box> next_box(Bytes bytes, std::size_t& at) {
  ByteReader reader(bytes, true);
  std::uint64_t length = reader.number(at, 4);
  const Bytes type = reader.part(at + 4, 4);
  std::size_t header = 8;
  if (length == 1) {
    length = std::uint64_t{reader.number(at + 8, 4)} << 32 | reader.number(at + 12, 4);
    header = 16;
  }
  if (!reader.ok()) return std::nullopt;
  if (length == 0) length = bytes.size() - at;
  if (length < header || length > bytes.size() - at) return std::nullopt;
  const Bytes content = bytes.subspan(at + header, static_cast<std::size_t>(length) - header);
  at += static_cast<std::size_t>(length);
  return Box{{reinterpret_cast<const char*>(type.data()), type.size()}, content};
}

/// The content of the first such box inside; empty where there is none.
Bytes inside(Bytes bytes, std::string_view type) {
  std::size_t at = 0;
  for (int i = 0; i < boxes_max; ++i) {
    const auto box = next_box(bytes, at);
    if (!box) break;
    if (box->type == type) return box->content;
  }
  return {};
}

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
