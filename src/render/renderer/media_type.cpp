// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/media_type.hpp"

#include <magic.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace calotype {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t looked_at_max = 1 << 20;

struct CloseMagic {
  void operator()(magic_set* cookie) const { magic_close(cookie); }
};
// One for the process, made at its start and used by its one session.
std::unique_ptr<magic_set, CloseMagic> database;

/// ISO 14496-12: the brands of the `ftyp` box, the major one first.
std::optional<std::string> type_of_brands(std::string_view text) {
  if (text.size() < 16 || text.substr(4, 4) != "ftyp") return std::nullopt;
  std::size_t length = 0;
  for (int i = 0; i < 4; ++i)
    length = length << 8 | static_cast<std::uint8_t>(text[static_cast<std::size_t>(i)]);
  const std::string_view box = text.substr(0, std::min(length, text.size()));
  const auto has = [&](std::string_view brand) {
    if (box.size() >= 12 && box.substr(8, 4) == brand) return true;
    for (std::size_t at = 16; at + 4 <= box.size(); at += 4)
      if (box.substr(at, 4) == brand) return true;
    return false;
  };
  if (has("avif") || has("avis")) return "image/avif";
  if (has("heic") || has("heix") || has("heim") || has("heis")) return "image/heic";
  if (has("hevc") || has("hevx")) return "image/heic-sequence";
  const std::string_view major = text.substr(8, 4);
  if (major == "mif1" || major == "msf1") return "image/heif";
  if (major == "crx ") return "image/x-canon-cr3";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> sniff_media_type(Bytes bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              std::min<std::size_t>(bytes.size(), 4'096));
  if (text.starts_with("\xff\xd8\xff"sv)) return "image/jpeg";
  if (text.starts_with("\x89PNG\r\n\x1a\n"sv)) return "image/png";
  if (text.starts_with("RIFF"sv) && text.size() >= 16 && text.substr(8, 4) == "WEBP")
    return "image/webp";
  if (text.starts_with("\xff\x0a"sv) || text.starts_with("\0\0\0\x0cJXL \r\n\x87\n"sv))
    return "image/jxl";
  return type_of_brands(text);
}

bool start_media_types() {
  database.reset(magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS));
  return database && magic_load(database.get(), nullptr) == 0;
}

std::string media_type_of_bytes(Bytes bytes) {
  if (auto own = sniff_media_type(bytes)) return *own;
  const char* type =
      database ? magic_buffer(database.get(), bytes.data(), std::min(bytes.size(), looked_at_max))
               : nullptr;
  std::string name = type == nullptr ? "application/octet-stream" : type;
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return name;
}

}  // namespace calotype
