// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/media_type.hpp"

#include <magic.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "render/renderer/raw_preview.hpp"

namespace calotype {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t looked_at_max = 1 << 20;

struct CloseMagic {
  void operator()(magic_set* cookie) const { magic_close(cookie); }
};
// One for the process, made at its start and used by its one session.
std::unique_ptr<magic_set, CloseMagic> database;

struct RawType {
  std::string_view media_type;
  std::size_t offset;
  std::string_view signature;
};
constexpr RawType camera_raw_types[] = {
    {"image/x-canon-cr3", 4, ""sv},  // by its brand
    {"image/x-canon-cr2", 8, "CR\x02\0"sv},
    {"image/x-canon-crw", 6, "HEAPCCDR"sv},
    {"image/x-fuji-raf", 0, "FUJIFILMCCD-RAW"sv},
    {"image/x-olympus-orf", 0, "IIRO"sv},
    {"image/x-olympus-orf", 0, "IIRS"sv},
    {"image/x-olympus-orf", 0, "MMOR"sv},
    {"image/x-panasonic-rw2", 0, "IIU\0"sv},
    {"image/x-minolta-mrw", 0, "\0MRM"sv},
    {"image/x-adobe-dng", 0, ""sv},  // and its kin in TIFF: by what its directories hold
};

std::uint32_t little(std::string_view text, std::size_t at, std::size_t bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes; i-- > 0;)
    value = value << 8 | static_cast<std::uint8_t>(text[at + i]);
  return value;
}

/// “BM” alone begins many a text: the header's length has to be one that was ever used.
bool is_bitmap(std::string_view text) {
  if (!text.starts_with("BM") || text.size() < 26) return false;
  const std::uint32_t header = little(text, 14, 4);
  return header == 12 || header == 40 || header == 52 || header == 56 || header == 64 ||
         header == 108 || header == 124;
}

/// Icons and cursors: a count, and a first entry that points behind the directory.
bool is_icon(std::string_view text) {
  if (!text.starts_with("\0\0\1\0"sv) && !text.starts_with("\0\0\2\0"sv)) return false;
  if (text.size() < 22 || text[9] != 0) return false;
  const std::uint32_t count = little(text, 4, 2);
  return count > 0 && count <= 256 && little(text, 18, 4) >= 6 + 16 * count &&
         little(text, 14, 4) >= 40;
}

/// The root element, behind what may stand before it.
bool is_svg(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (;;) {
    const auto start = text.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) return false;
    text.remove_prefix(start);
    const bool is_comment = text.starts_with("<!--");
    std::string_view end = is_comment ? "-->" : ">";
    if (!is_comment && !text.starts_with("<?") && !text.starts_with("<!DOCTYPE")) break;
    // A doctype may declare entities between brackets.
    if (text.starts_with("<!DOCTYPE") && text.substr(0, text.find('>')).contains('[')) end = "]>";
    const auto close = text.find(end);
    if (close == std::string_view::npos) return text.contains("<svg");  // long declarations
    text.remove_prefix(close + end.size());
  }
  if (!text.starts_with('<')) return false;
  std::string_view name = text.substr(1, text.find_first_of(" \t\r\n/>", 1) - 1);
  if (const auto colon = name.find(':'); colon != std::string_view::npos)
    name.remove_prefix(colon + 1);
  return name == "svg";
}

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
  if (major == "crx ") return std::string(camera_raw_types[0].media_type);
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
  if (text.starts_with("GIF87a"sv) || text.starts_with("GIF89a"sv)) return "image/gif";
  if (text.starts_with("\0\0\0\x0cjP  \r\n\x87\n"sv) || text.starts_with("\xff\x4f\xff\x51"sv))
    return "image/jp2";
  if (text.starts_with("8BPS\0\1"sv)) return "image/vnd.adobe.photoshop";
  if (is_bitmap(text)) return "image/bmp";
  if (is_icon(text)) return "image/x-icon";
  if (text.substr(0, 1'024).contains("%PDF-")) return "application/pdf";
  for (const RawType& type : camera_raw_types)
    if (!type.signature.empty() && text.size() > type.offset &&
        text.substr(type.offset).starts_with(type.signature))
      return std::string(type.media_type);
  if (text.starts_with("II*\0"sv) || text.starts_with("MM\0*"sv) || text.starts_with("II+\0"sv) ||
      text.starts_with("MM\0+"sv))
    return is_raw_tiff(bytes) ? "image/x-adobe-dng" : "image/tiff";
  if (auto type = type_of_brands(text)) return type;
  if (is_svg(text)) return "image/svg+xml";
  return std::nullopt;
}

bool is_camera_raw(std::string_view media_type) {
  return std::ranges::any_of(camera_raw_types,
                             [&](const RawType& type) { return type.media_type == media_type; });
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
