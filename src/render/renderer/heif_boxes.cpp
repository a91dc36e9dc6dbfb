// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/heif_boxes.hpp"

#include "render/renderer/own_decoders.hpp"

namespace calotype {
namespace {

constexpr int boxes_max = 1'000;  // looked at on one level

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

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
  const Bytes whole = bytes.subspan(at, static_cast<std::size_t>(length));
  at += whole.size();
  return Box{text_of(type), whole.subspan(header), whole};
}

Bytes inside(Bytes bytes, std::string_view type) {
  std::size_t at = 0;
  for (int i = 0; i < boxes_max; ++i) {
    const auto box = next_box(bytes, at);
    if (!box) break;
    if (box->type == type) return box->content;
  }
  return {};
}

bool has_brand(Bytes file, std::string_view brand) {
  std::size_t at = 0;
  const auto type = next_box(file, at);
  if (!type || type->type != "ftyp") return false;
  for (std::size_t i = 0; i + 4 <= type->content.size(); i += 4)
    if (text_of(type->content.subspan(i, 4)) == brand) return true;
  return false;
}

std::string box_of(std::string_view type, std::string_view content) {
  const std::size_t length = 4 + type.size() + content.size();
  std::string box;
  for (const int shift : {24, 16, 8, 0}) box += static_cast<char>(length >> shift & 0xff);
  return box.append(type).append(content);
}

}  // namespace calotype
