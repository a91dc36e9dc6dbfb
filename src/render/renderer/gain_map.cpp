// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/gain_map.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <functional>
#include <string_view>
#include <vector>

#include "render/renderer/byte_numbers.hpp"

namespace calotype {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr std::string_view xmp_name = "http://ns.adobe.com/xap/1.0/\0"sv;
constexpr std::string_view iso_name = "urn:iso:std:iso:ts:21496:-1\0"sv;
constexpr std::string_view mpf_name = "MPF\0"sv;
constexpr std::size_t segment_bytes_max = 65'533;  // without its length's two
constexpr std::size_t pictures_max = 16;

constexpr std::uint8_t start_of_scan = 0xda, app0 = 0xe0, app1 = 0xe1, app2 = 0xe2;

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Segment {
  std::uint8_t marker = 0;
  std::size_t at = 0;  // of its content
  std::string_view content;
};

/// Those before the pixels. Where they begin, or nothing where it is no JPEG that has any.
std::optional<std::size_t> each_segment(std::string_view jpeg,
                                        const std::function<void(const Segment&)>& look) {
  if (!jpeg.starts_with("\xff\xd8")) return std::nullopt;
  const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(jpeg[at]); };
  for (std::size_t at = 2; at + 4 <= jpeg.size();) {
    if (byte(at) != 0xff) return std::nullopt;
    if (byte(at + 1) == 0xff) {  // filling
      ++at;
      continue;
    }
    const std::uint8_t marker = byte(at + 1);
    const std::size_t length = std::size_t{byte(at + 2)} << 8 | byte(at + 3);
    if (length < 2 || jpeg.size() - at < 2 + length) return std::nullopt;
    if (marker == start_of_scan) return at;
    look({marker, at + 4, jpeg.substr(at + 4, length - 2)});
    at += 2 + length;
  }
  return std::nullopt;
}

struct Description {
  std::string xmp, iso;
  bool is_of_gain_map() const { return xmp.contains(gain_map_namespace) || !iso.empty(); }
};

void describe(Description& description, const Segment& segment) {
  if (segment.marker == app1 && segment.content.starts_with(xmp_name) && description.xmp.empty())
    description.xmp = segment.content.substr(xmp_name.size());
  if (segment.marker == app2 && segment.content.starts_with(iso_name) && description.iso.empty())
    description.iso = segment.content.substr(iso_name.size());
}

/// Of the multi-picture format's directory, the pictures behind the first.
std::vector<Bytes> further_pictures(Bytes file, const Segment& segment) {
  const std::size_t tiff_at = segment.at + mpf_name.size();
  const TiffNumbers tiff(file.subspan(tiff_at, segment.content.size() - mpf_name.size()));
  const auto number = [&](std::size_t at, std::size_t length) {
    return tiff.number(at, length).value_or(0);
  };
  const std::size_t directory = number(4, 4);
  std::vector<Bytes> pictures;
  for (std::uint32_t i = 0; i < std::min(number(directory, 2), 16U); ++i) {
    const std::size_t entry = directory + 2 + std::size_t{12} * i;
    if (number(entry, 2) != 0xb002) continue;
    const std::size_t count = std::min<std::size_t>(number(entry + 4, 4) / 16, pictures_max);
    for (std::size_t k = 1; k < count; ++k) {
      const std::size_t place = std::size_t{number(entry + 8, 4)} + 16 * k;
      const std::size_t length = number(place + 4, 4);
      const std::size_t start = tiff_at + number(place + 8, 4);
      if (start < file.size() && file.size() - start >= length)
        pictures.push_back(file.subspan(start, length));
    }
  }
  return pictures;
}

std::string segment_of(std::uint8_t marker, std::string_view name, std::string_view content) {
  const std::size_t length = 2 + name.size() + content.size();
  std::string out = {'\xff', static_cast<char>(marker), static_cast<char>(length >> 8),
                     static_cast<char>(length & 0xff)};
  return out.append(name).append(content);
}

std::string big_endian(std::size_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16 & 0xff),
          static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

/// The directory of two pictures; the second's place is counted from the TIFF header, which stands
/// `tiff_at` bytes into the file.
std::string mpf_segment(std::size_t base_bytes, std::size_t map_bytes, std::size_t tiff_at) {
  std::string tiff = "MM\0*\0\0\0\x08\0\x03"s;
  tiff += "\xb0\0\0\x07\0\0\0\x04"s + "0100"s;  // the version
  tiff += "\xb0\x01\0\x04\0\0\0\x01\0\0\0\x02"s;
  tiff += "\xb0\x02\0\x07\0\0\0\x20\0\0\0\x32"s + big_endian(0);
  tiff += "\0\x03\0\0"s + big_endian(base_bytes) + big_endian(0) + big_endian(0);
  tiff += "\0\0\0\0"s + big_endian(map_bytes) + big_endian(base_bytes - tiff_at) + big_endian(0);
  return segment_of(app2, mpf_name, tiff);
}

std::string container(std::size_t map_bytes) {
  return std::format(
      "<rdf:Description rdf:about=\"\""
      " xmlns:Container=\"http://ns.google.com/photos/1.0/container/\""
      " xmlns:Item=\"http://ns.google.com/photos/1.0/container/item/\""
      " xmlns:hdrgm=\"{}\" hdrgm:Version=\"1.0\"><Container:Directory><rdf:Seq>"
      "<rdf:li rdf:parseType=\"Resource\"><Container:Item Item:Semantic=\"Primary\""
      " Item:Mime=\"image/jpeg\"/></rdf:li>"
      "<rdf:li rdf:parseType=\"Resource\"><Container:Item Item:Semantic=\"GainMap\""
      " Item:Mime=\"image/jpeg\" Item:Length=\"{}\"/></rdf:li>"
      "</rdf:Seq></Container:Directory></rdf:Description>",
      gain_map_namespace, map_bytes);
}

/// The packet that was kept, its directory put right; our own where there is nothing to keep.
std::string base_xmp(std::string kept, std::size_t map_bytes) {
  std::string alone =
      "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">"
      "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">" +
      container(map_bytes) + "</rdf:RDF></x:xmpmeta>";
  if (kept.empty()) return alone;
  const auto end = kept.rfind("</rdf:RDF>");
  if (end == std::string::npos) return alone;
  if (!kept.contains("Container:Directory")) return kept.insert(end, container(map_bytes));
  std::size_t items = 0;
  for (auto at = kept.find("Item:Semantic"); at != std::string::npos;
       at = kept.find("Item:Semantic", at + 1))
    ++items;
  const auto length = kept.find("Item:Length=\"");
  if (items != 2 || length == std::string::npos) return alone;
  const auto digits = length + "Item:Length=\""sv.size();
  const auto quote = kept.find('"', digits);
  if (quote == std::string::npos) return alone;
  return kept.replace(digits, quote - digits, std::to_string(map_bytes));
}

/// The picture taken apart: what has to stand first, what stays, and the XMP that is replaced.
struct Parts {
  std::string first;  // JFIF and EXIF
  std::string rest;   // from there to the end, without XMP
  std::string xmp;
};

std::optional<Parts> taken_apart(const std::string& jpeg) {
  Parts parts;
  const auto pixels_at = each_segment(jpeg, [&](const Segment& segment) {
    const std::string whole = segment_of(segment.marker, {}, segment.content);
    const bool is_exif = segment.marker == app1 && segment.content.starts_with("Exif\0"sv);
    if (segment.marker == app1 && segment.content.starts_with(xmp_name))
      parts.xmp = segment.content.substr(xmp_name.size());
    else
      (segment.marker == app0 || is_exif ? parts.first : parts.rest) += whole;
  });
  if (!pixels_at) return std::nullopt;
  parts.rest += jpeg.substr(*pixels_at);
  return parts;
}

}  // namespace

std::optional<GainMap> find_gain_map(Bytes jpeg) {
  const std::string_view file = text_of(jpeg);
  Description base;
  std::vector<Bytes> candidates;
  const auto pixels_at = each_segment(file, [&](const Segment& segment) {
    describe(base, segment);
    if (segment.marker == app2 && segment.content.starts_with(mpf_name) && candidates.empty())
      candidates = further_pictures(jpeg, segment);
  });
  if (!pixels_at) return std::nullopt;
  if (base.is_of_gain_map()) {
    // Where the directory of pictures is wrong or missing: what follows the first one's end.
    const auto end = file.find("\xff\xd9\xff\xd8", *pixels_at);
    if (end != std::string_view::npos) candidates.push_back(jpeg.subspan(end + 2));
  }
  for (const Bytes candidate : candidates) {
    Description found;
    if (!each_segment(text_of(candidate), [&](const Segment& each) { describe(found, each); }))
      continue;
    if (!found.is_of_gain_map()) continue;
    const auto by_iso = gain_map_numbers_of_iso(found.iso);
    const auto by_xmp = gain_map_numbers_of_xmp(found.xmp);
    if (!by_iso) found.iso.clear();
    if (!by_xmp) found.xmp.clear();
    if (by_iso || by_xmp)
      return GainMap{.file = candidate,
                     .item = std::nullopt,
                     .numbers = by_iso ? *by_iso : *by_xmp,
                     .xmp = std::move(found.xmp),
                     .iso = std::move(found.iso),
                     .base_xmp = std::move(base.xmp),
                     .base_iso = std::move(base.iso)};
  }
  return std::nullopt;
}

Outcome<std::string> join_gain_map(const std::string& base, const std::string& map,
                                   const GainMap& described) {
  const auto parts = taken_apart(base);
  const auto map_parts = taken_apart(map);
  if (!parts || !map_parts) return failed(wire::Status::refused, "not a JPEG");
  std::string second = "\xff\xd8" + map_parts->first;
  if (!described.xmp.empty()) second += segment_of(app1, xmp_name, described.xmp);
  if (!described.iso.empty()) second += segment_of(app2, iso_name, described.iso);
  second += map_parts->rest;

  std::string xmp = base_xmp(parts->xmp, second.size());
  if (xmp_name.size() + xmp.size() > segment_bytes_max) xmp = base_xmp({}, second.size());
  std::string first = "\xff\xd8" + parts->first + segment_of(app1, xmp_name, xmp);
  if (!described.base_iso.empty()) first += segment_of(app2, iso_name, described.base_iso);
  const std::size_t mpf_bytes = mpf_segment(0, 0, 0).size();
  const std::size_t tiff_at = first.size() + 4 + mpf_name.size();
  first += mpf_segment(first.size() + mpf_bytes + parts->rest.size(), second.size(), tiff_at);
  first += parts->rest;
  return first + second;
}

}  // namespace calotype
