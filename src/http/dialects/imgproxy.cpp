// SPDX-License-Identifier: Apache-2.0
// The path: options up to the first segment without a colon, and then the source.
#include "http/dialects/imgproxy.hpp"

#include <utility>

#include "asset/parameter.hpp"
#include "base/encoding.hpp"
#include "http/dialects/imgproxy_options.hpp"
#include "http/dialects/percent.hpp"

namespace calotype {
namespace {

using Text = std::string_view;

/// `name:argument:…`; each part is decoded after the colons were found.
Result<void> apply_segment(ImgproxyReading& reading, Text segment) {
  ImgproxyArguments parts;
  for (bool more = true; more;) {
    const auto end = segment.find(':');
    const auto part = percent_decode(segment.substr(0, end));
    if (!part)
      return fail(ErrorCode::bad_recipe, in_quotes(segment) +
                                             " is not percent-encoded properly; % needs two "
                                             "hexadecimal digits.");
    parts.push_back(*part);
    more = end != Text::npos;
    if (more) segment.remove_prefix(end + 1);
  }
  const std::string name = std::move(parts.front());
  parts.erase(parts.begin());
  return apply_imgproxy_option(reading, name, parts);
}

/// What stands after the options: the source, and its extension as one more option.
Result<void> read_source(ImgproxyReading& reading, Text rest) {
  std::string source;
  Text extension;
  if (rest.starts_with("plain/")) {
    rest.remove_prefix(6);
    const auto at = rest.find('@');
    if (at != Text::npos) extension = rest.substr(at + 1);
    const auto decoded = percent_decode(rest.substr(0, at));
    if (!decoded || extension.contains('@'))
      return refuse("the source", "percent-encoded, with at most one @ before the extension", rest);
    source = *decoded;
  } else {
    const auto point = rest.find('.');
    if (point != Text::npos) extension = rest.substr(point + 1);
    for (const char c : rest.substr(0, point))
      if (c != '/') source += c;
    while (source.ends_with('=')) source.pop_back();
    const auto bytes = from_base64url(source);
    if (!bytes || rest.starts_with("enc/"))
      return refuse("the source", "plain/… or base64 of the URL alphabet", rest);
    source = std::string(as_text(*bytes));
  }
  reading.request.source = std::move(source);
  if (extension.empty()) return {};
  return apply_imgproxy_option(reading, "ext", {std::string(extension)});
}

}  // namespace

Result<void> apply_imgproxy_preset(ImgproxyReading& reading, std::string_view text) {
  const bool was_in_preset = std::exchange(reading.in_preset, true);
  while (!text.empty()) {
    const auto end = text.find('/');
    TRY_VOID(apply_segment(reading, text.substr(0, end)));
    text.remove_prefix(end == Text::npos ? text.size() : end + 1);
  }
  reading.in_preset = was_in_preset;
  return {};
}

Result<ImgproxyRequest> parse_imgproxy(std::string_view path, const ImgproxyRules& rules,
                                       const PresetTable& presets) {
  ImgproxyReading reading{.rules = rules, .presets = presets};
  if (const auto first = rules.presets.find("default"); first != rules.presets.end()) {
    reading.presets_used.insert("default");
    TRY_VOID(apply_imgproxy_preset(reading, first->second));
  }
  if (path.starts_with('/')) path.remove_prefix(1);
  while (true) {
    const auto end = path.find('/');
    const auto segment = path.substr(0, end);
    if (!segment.contains(':')) break;
    TRY_VOID(apply_segment(reading, segment));
    path.remove_prefix(end == Text::npos ? path.size() : end + 1);
    if (path.empty()) break;
  }
  if (path.empty())
    return fail(ErrorCode::bad_recipe, "There is no source after the processing options.");
  TRY_VOID(read_source(reading, path));
  return std::move(reading.request);
}

std::optional<std::string> parse_imgproxy_source(std::string_view source) {
  for (const Text scheme : {"asset:", "local:"})
    if (source.starts_with(scheme)) {
      source.remove_prefix(scheme.size());
      while (source.starts_with('/')) source.remove_prefix(1);
      break;
    }
  source = source.substr(0, source.find('.'));
  const bool is_known = AssetId::parse(source) ||
                        (source.starts_with("sha256:") && Digest::from_hex(source.substr(7)));
  return is_known ? std::optional<std::string>(source) : std::nullopt;
}

Result<std::map<std::string, std::string, std::less<>>> parse_imgproxy_presets(
    std::string_view text, const PresetTable& presets) {
  ImgproxyRules rules;
  rules.watermark = AssetId::parse("aaaaaaaaaaaaaaaaaaaaaaaaaa");
  while (!text.empty()) {
    const auto end = text.find(',');
    const auto one = text.substr(0, end);
    text.remove_prefix(end == Text::npos ? text.size() : end + 1);
    const auto equals = one.find('=');
    if (equals == 0 || equals == Text::npos || equals + 1 == one.size())
      return refuse("imgproxy.presets", "name=options, several joined by commas", one);
    rules.presets[std::string(one.substr(0, equals))] = one.substr(equals + 1);
  }
  for (const auto& [name, preset] : rules.presets) {
    ImgproxyReading reading{.rules = rules, .presets = presets, .presets_used = {name}};
    if (const auto read = apply_imgproxy_preset(reading, preset); !read)
      return fail(ErrorCode::bad_recipe, "imgproxy.presets, " + name + ": " + read.error().message);
  }
  return rules.presets;
}

}  // namespace calotype
