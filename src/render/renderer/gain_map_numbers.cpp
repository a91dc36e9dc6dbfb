// SPDX-License-Identifier: Apache-2.0
#include "render/renderer/gain_map_numbers.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <exiv2/exiv2.hpp>
#include <format>
#include <utility>
#include <vector>

#include "render/renderer/own_decoders.hpp"

namespace calotype {
namespace {

constexpr std::uint32_t flag_three_channels = 0x80, flag_base_colors = 0x40;
// Written by libultrahdr: all fractions have one denominator, which is said first.
constexpr std::uint32_t flag_one_denominator = 0x08;
constexpr double stops_max = 64;  // a display's headroom is some 4
constexpr double offset_max = 64;
constexpr double gamma_min = 0.01, gamma_max = 100;
constexpr std::uint32_t decimals = 1'000'000;
constexpr std::size_t packet_bytes_max = 1 << 20;

bool is_within(const Fraction& number, double least, double most) {
  return number.denominator != 0 && number.value() >= least && number.value() <= most;
}

bool means_something(const GainMapNumbers& numbers) {
  const auto is_channel = [](const GainMapChannel& channel) {
    return is_within(channel.least, -stops_max, stops_max) &&
           is_within(channel.most, channel.least.value(), stops_max) &&
           is_within(channel.gamma, gamma_min, gamma_max) &&
           is_within(channel.base_offset, -offset_max, offset_max) &&
           is_within(channel.alternate_offset, -offset_max, offset_max);
  };
  return is_within(numbers.base_headroom, 0, stops_max) &&
         is_within(numbers.alternate_headroom, 0, stops_max) &&
         numbers.base_headroom.value() != numbers.alternate_headroom.value() &&
         std::ranges::all_of(numbers.channels, is_channel);
}

std::optional<GainMapNumbers> if_meaningful(const GainMapNumbers& numbers) {
  return means_something(numbers) ? std::optional(numbers) : std::nullopt;
}

/// Fractions one behind the other.
class IsoReader {
 public:
  explicit IsoReader(std::string_view iso)
      : reader_({reinterpret_cast<const std::uint8_t*>(iso.data()), iso.size()}, true) {}

  std::uint32_t number(std::size_t length) {
    const std::uint32_t number = reader_.number(at_, length);
    at_ += length;
    return number;
  }
  void set_denominator(std::uint32_t denominator) { denominator_ = denominator; }
  Fraction positive() { return over(number(4)); }
  Fraction either() { return over(static_cast<std::int32_t>(number(4))); }
  bool ok() const { return reader_.ok(); }

 private:
  Fraction over(std::int64_t numerator) {
    return {numerator, denominator_ ? *denominator_ : number(4)};
  }

  ByteReader reader_;
  std::size_t at_ = 0;
  std::optional<std::uint32_t> denominator_;
};

void append(std::string& out, std::uint32_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(number >> shift & 0xff);
}

void append(std::string& out, const Fraction& number) {
  append(out, static_cast<std::uint32_t>(number.numerator), 4);
  append(out, number.denominator, 4);
}

bool has_one_channel(const GainMapNumbers& numbers) {
  return numbers.channels[1] == numbers.channels[0] && numbers.channels[2] == numbers.channels[0];
}

/// The XMP names of a channel's numbers.
using Property = std::pair<const char*, Fraction GainMapChannel::*>;
constexpr std::array properties = {
    Property{"GainMapMin", &GainMapChannel::least}, Property{"GainMapMax", &GainMapChannel::most},
    Property{"Gamma", &GainMapChannel::gamma}, Property{"OffsetSDR", &GainMapChannel::base_offset},
    Property{"OffsetHDR", &GainMapChannel::alternate_offset}};

std::optional<Fraction> fraction_of(std::string_view text) {
  const auto is_space = [](char character) { return character == ' ' || character == '\n'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(std::abs(value) < 1'000))
    return std::nullopt;
  return Fraction{std::llround(value * decimals), decimals};
}

/// The values that a property has; none where it is not there.
std::vector<std::string> values_of(const Exiv2::XmpData& data, const std::string& name) {
  const std::string prefix = Exiv2::XmpProperties::prefix(std::string(gain_map_namespace));
  const auto datum = data.findKey(Exiv2::XmpKey(prefix, name));
  if (datum == data.end()) return {};
  const auto* list = dynamic_cast<const Exiv2::XmpArrayValue*>(&datum->value());
  if (list == nullptr) return {datum->toString()};
  std::vector<std::string> values;
  for (std::size_t i = 0; i < std::min<std::size_t>(list->count(), 4); ++i)
    values.push_back(list->toString(i));
  return values;
}

/// False where it is there and is no number.
bool read_number(const Exiv2::XmpData& data, const char* name, Fraction& number) {
  const auto values = values_of(data, name);
  if (values.empty()) return true;
  const auto read = fraction_of(values[0]);
  if (read) number = *read;
  return read && values.size() == 1;
}

bool read_channels(const Exiv2::XmpData& data, const Property& property, GainMapNumbers& numbers) {
  const auto values = values_of(data, property.first);
  if (values.empty()) return true;
  if (values.size() != 1 && values.size() != 3) return false;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto read = fraction_of(values[values.size() == 1 ? 0 : i]);
    if (!read) return false;
    numbers.channels[i].*property.second = *read;
  }
  return true;
}

std::optional<GainMapNumbers> numbers_of(const Exiv2::XmpData& data) {
  if (values_of(data, "Version").empty()) return std::nullopt;
  GainMapNumbers numbers;
  bool ok = read_number(data, "HDRCapacityMin", numbers.base_headroom) &&
            read_number(data, "HDRCapacityMax", numbers.alternate_headroom);
  for (const Property& property : properties) ok = ok && read_channels(data, property, numbers);
  if (!ok) return std::nullopt;
  const auto base_is_hdr = values_of(data, "BaseRenditionIsHDR");
  if (!base_is_hdr.empty() && base_is_hdr[0] == "True") {
    // In XMP "SDR" and "HDR" are told apart, in ISO 21496-1 the base and the alternate.
    std::swap(numbers.base_headroom, numbers.alternate_headroom);
    for (GainMapChannel& channel : numbers.channels)
      std::swap(channel.base_offset, channel.alternate_offset);
  }
  return if_meaningful(numbers);
}

}  // namespace

std::optional<GainMapNumbers> gain_map_numbers_of_iso(std::string_view iso) {
  IsoReader reader(iso);
  if (reader.number(2) != 0) return std::nullopt;
  (void)reader.number(2);
  const std::uint32_t flags = reader.number(1);
  if ((flags & flag_one_denominator) != 0) reader.set_denominator(reader.number(4));
  GainMapNumbers numbers;
  numbers.uses_base_colors = (flags & flag_base_colors) != 0;
  numbers.base_headroom = reader.positive();
  numbers.alternate_headroom = reader.positive();
  const std::size_t channels = (flags & flag_three_channels) != 0 ? 3 : 1;
  for (std::size_t i = 0; i < channels; ++i) {
    GainMapChannel& channel = numbers.channels[i];
    channel.least = reader.either();
    channel.most = reader.either();
    channel.gamma = reader.positive();
    channel.base_offset = reader.either();
    channel.alternate_offset = reader.either();
  }
  if (!reader.ok()) return std::nullopt;
  for (std::size_t i = channels; i < 3; ++i) numbers.channels[i] = numbers.channels[0];
  return if_meaningful(numbers);
}

std::optional<GainMapNumbers> gain_map_numbers_of_xmp(const std::string& packet) {
  if (packet.size() > packet_bytes_max || !packet.contains(gain_map_namespace)) return std::nullopt;
  try {
    Exiv2::XmpProperties::registerNs(std::string(gain_map_namespace), "hdrgm");
    Exiv2::XmpData data;
    if (Exiv2::XmpParser::decode(data, packet) != 0) return std::nullopt;
    return numbers_of(data);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::string iso_of(const GainMapNumbers& numbers) {
  const std::size_t channels = has_one_channel(numbers) ? 1 : 3;
  std::string iso(4, '\0');
  append(
      iso,
      (channels == 3 ? flag_three_channels : 0) | (numbers.uses_base_colors ? flag_base_colors : 0),
      1);
  append(iso, numbers.base_headroom);
  append(iso, numbers.alternate_headroom);
  for (std::size_t i = 0; i < channels; ++i) {
    const GainMapChannel& channel = numbers.channels[i];
    for (const Fraction& number : {channel.least, channel.most, channel.gamma, channel.base_offset,
                                   channel.alternate_offset})
      append(iso, number);
  }
  return iso;
}

std::string xmp_of(const GainMapNumbers& numbers) {
  std::string elements;
  for (const auto& [name, member] : properties) {
    elements += std::format("<hdrgm:{}>", name);
    if (has_one_channel(numbers)) {
      elements += std::format("{}", (numbers.channels[0].*member).value());
    } else {
      elements += "<rdf:Seq>";
      for (const GainMapChannel& channel : numbers.channels)
        elements += std::format("<rdf:li>{}</rdf:li>", (channel.*member).value());
      elements += "</rdf:Seq>";
    }
    elements += std::format("</hdrgm:{}>", name);
  }
  return std::format(
      "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">"
      "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
      "<rdf:Description rdf:about=\"\" xmlns:hdrgm=\"{}\" hdrgm:Version=\"1.0\""
      " hdrgm:BaseRenditionIsHDR=\"False\" hdrgm:HDRCapacityMin=\"{}\" hdrgm:HDRCapacityMax=\"{}\">"
      "{}</rdf:Description></rdf:RDF></x:xmpmeta>",
      gain_map_namespace, numbers.base_headroom.value(), numbers.alternate_headroom.value(),
      elements);
}

}  // namespace calotype
