// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/metadata.hpp"

#include <cmath>
#include <exiv2/exiv2.hpp>
#include <optional>

#include "base/json.hpp"
#include "render/utf8.hpp"

namespace calotype {
namespace {

constexpr std::size_t json_bytes_max = 256 << 10;
constexpr std::size_t text_bytes_max = 4'096;
constexpr std::size_t numbers_max = 32;
constexpr std::size_t binary_bytes_max = 64;
constexpr std::size_t entries_max = 2'000;

json::string text_of(const std::string& raw) {
  std::string text = sanitize_utf8(std::string_view(raw).substr(0, text_bytes_max));
  const auto last = text.find_last_not_of(' ');
  text.resize(last == std::string::npos ? 0 : last + 1);
  return json::string(text);
}

json::value number_of(const Exiv2::Value& value, std::size_t index) {
  switch (value.typeId()) {
    case Exiv2::unsignedRational:
    case Exiv2::signedRational: {
      const auto [numerator, denominator] = value.toRational(index);
      if (denominator == 0) return nullptr;
      if (numerator % denominator == 0) return std::int64_t{numerator / denominator};
      return static_cast<double>(numerator) / denominator;
    }
    case Exiv2::tiffFloat:
    case Exiv2::tiffDouble: {
      const double number = value.toFloat(index);
      return std::isfinite(number) ? json::value(number) : json::value(nullptr);
    }
    default:
      return value.toInt64(index);
  }
}

bool is_binary(Exiv2::TypeId type) {
  return type == Exiv2::undefined || type == Exiv2::unsignedByte || type == Exiv2::signedByte;
}

bool is_numeric(Exiv2::TypeId type) {
  switch (type) {
    case Exiv2::unsignedShort:
    case Exiv2::unsignedLong:
    case Exiv2::unsignedRational:
    case Exiv2::signedShort:
    case Exiv2::signedLong:
    case Exiv2::signedRational:
    case Exiv2::tiffFloat:
    case Exiv2::tiffDouble:
    case Exiv2::unsignedLongLong:
    case Exiv2::signedLongLong:
      return true;
    default:
      return false;
  }
}

/// Bytes that spell something ("0230"); nothing for what is really binary.
std::optional<json::value> value_of_bytes(const Exiv2::Value& value) {
  if (value.count() == 1) return json::value(value.toInt64(0));
  if (value.count() > binary_bytes_max) return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i < value.count(); ++i) {
    const auto byte = static_cast<char>(value.toInt64(i));
    if (byte == '\0') continue;
    if (byte < 0x20 || byte > 0x7e) return std::nullopt;
    text += byte;
  }
  return json::value(text_of(text));
}

std::optional<json::value> value_of(const Exiv2::Value& value) {
  if (value.count() == 0) return std::nullopt;
  if (is_binary(value.typeId())) return value_of_bytes(value);
  if (!is_numeric(value.typeId())) {
    if (value.size() > text_bytes_max * 4) return std::nullopt;
    return json::value(text_of(value.toString()));
  }
  if (value.count() == 1) return number_of(value, 0);
  if (value.count() > numbers_max) return std::nullopt;
  json::array numbers;
  for (std::size_t i = 0; i < value.count(); ++i) numbers.push_back(number_of(value, i));
  return json::value(std::move(numbers));
}

bool is_wanted(const Exiv2::Exifdatum& datum) {
  const std::string group = datum.groupName();
  if (group != "Image" && group != "Photo" && group != "GPSInfo" && group != "Iop") return false;
  const std::string tag = datum.tagName();
  return !tag.starts_with("0x") && tag != "MakerNote" && tag != "ExifTag" && tag != "GPSTag" &&
         tag != "InteroperabilityTag" && tag != "XMLPacket" && tag != "IPTCNAA" &&
         tag != "ImageResources" && tag != "InterColorProfile" && tag != "PrintImageMatching";
}

json::object& group_in(json::object& object, const std::string& name) {
  json::value& group = object[name];
  if (!group.is_object()) group.emplace_object();
  return group.get_object();
}

/// A second value under the same name makes an array of both.
void put(json::object& group, const std::string& name, json::value value) {
  auto* there = group.if_contains(name);
  if (there == nullptr) {
    group.emplace(name, std::move(value));
  } else if (there->is_array()) {
    there->get_array().push_back(std::move(value));
  } else {
    *there = json::array{std::move(*there), std::move(value)};
  }
}

json::object exif_of(const Exiv2::ExifData& data) {
  json::object exif;
  std::size_t entries = 0;
  for (const auto& datum : data) {
    if (!is_wanted(datum) || ++entries > entries_max) continue;
    json::object& group = group_in(exif, datum.groupName());
    if (datum.tagName() == "UserComment") {
      const auto* comment = dynamic_cast<const Exiv2::CommentValue*>(&datum.value());
      if (comment != nullptr)
        if (auto text = text_of(comment->comment()); !text.empty())
          group.insert_or_assign("UserComment", std::move(text));
      continue;
    }
    if (auto value = value_of(datum.value()))
      group.insert_or_assign(datum.tagName(), std::move(*value));
  }
  return exif;
}

std::optional<double> degrees(const Exiv2::ExifData& data, const char* key, const char* ref_key,
                              char negative, double limit) {
  const auto datum = data.findKey(Exiv2::ExifKey(key));
  if (datum == data.end() || datum->count() == 0 || datum->count() > 3) return std::nullopt;
  double sum = 0;
  double unit = 1;
  for (std::size_t i = 0; i < datum->count(); ++i, unit *= 60) {
    const auto [numerator, denominator] = datum->toRational(i);
    if (denominator == 0) {
      if (numerator == 0 && i > 0) continue;  // "0/0 seconds": some telephones
      return std::nullopt;
    }
    sum += static_cast<double>(numerator) / denominator / unit;
  }
  const auto ref = data.findKey(Exiv2::ExifKey(ref_key));
  if (ref != data.end() && ref->toString().starts_with(negative)) sum = -sum;
  return std::isfinite(sum) && std::abs(sum) <= limit ? std::optional(sum) : std::nullopt;
}

json::object gps_of(const Exiv2::ExifData& data) {
  json::object gps;
  const auto latitude =
      degrees(data, "Exif.GPSInfo.GPSLatitude", "Exif.GPSInfo.GPSLatitudeRef", 'S', 90);
  const auto longitude =
      degrees(data, "Exif.GPSInfo.GPSLongitude", "Exif.GPSInfo.GPSLongitudeRef", 'W', 180);
  if (!latitude || !longitude) return gps;
  gps["latitude"] = *latitude;
  gps["longitude"] = *longitude;
  const auto altitude = data.findKey(Exiv2::ExifKey("Exif.GPSInfo.GPSAltitude"));
  if (altitude != data.end() && altitude->count() == 1) {
    const auto [numerator, denominator] = altitude->toRational(0);
    const auto ref = data.findKey(Exiv2::ExifKey("Exif.GPSInfo.GPSAltitudeRef"));
    const bool below = ref != data.end() && ref->count() == 1 && ref->toInt64() == 1;
    if (denominator != 0)
      gps["altitude"] = (below ? -1.0 : 1.0) * static_cast<double>(numerator) / denominator;
  }
  return gps;
}

json::object xmp_of(const Exiv2::XmpData& data) {
  json::object xmp;
  std::size_t entries = 0;
  for (const auto& datum : data) {
    if (++entries > entries_max || datum.size() > text_bytes_max * 4) continue;
    json::object& group = group_in(xmp, datum.groupName());
    if (const auto* list = dynamic_cast<const Exiv2::XmpArrayValue*>(&datum.value())) {
      json::array items;
      for (std::size_t i = 0; i < list->count() && i < numbers_max * 8; ++i)
        items.push_back(text_of(list->toString(i)));
      put(group, datum.tagName(), std::move(items));
    } else if (const auto* languages = dynamic_cast<const Exiv2::LangAltValue*>(&datum.value())) {
      put(group, datum.tagName(), text_of(languages->toString("x-default")));
    } else {
      put(group, datum.tagName(), text_of(datum.toString()));
    }
  }
  return xmp;
}

json::object iptc_of(const Exiv2::IptcData& data) {
  json::object iptc;
  std::size_t entries = 0;
  for (const auto& datum : data) {
    if (++entries > entries_max || datum.tagName().starts_with("0x")) continue;
    if (is_binary(datum.typeId()) && datum.size() > binary_bytes_max) continue;
    put(group_in(iptc, datum.groupName()), datum.tagName(), text_of(datum.toString()));
  }
  return iptc;
}

}  // namespace

void start_metadata() {
  Exiv2::LogMsg::setLevel(Exiv2::LogMsg::mute);
  Exiv2::XmpParser::initialize();
}

std::string metadata_json(Bytes bytes) {
  json::object all;
  try {
    const auto image = Exiv2::ImageFactory::open(bytes.data(), bytes.size());
    image->readMetadata();
    const auto add = [&](const char* name, json::object part) {
      if (!part.empty() &&
          json::serialize(part).size() + json::serialize(all).size() + 32 < json_bytes_max)
        all.emplace(name, std::move(part));
    };
    add("exif", exif_of(image->exifData()));
    add("gps", gps_of(image->exifData()));
    add("iptc", iptc_of(image->iptcData()));
    add("xmp", xmp_of(image->xmpData()));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    // Metadata that cannot be read is no reason to refuse the picture.
  }
  return json::serialize(all);
}

}  // namespace calotype
