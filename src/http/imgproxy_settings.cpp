// SPDX-License-Identifier: Apache-2.0
#include "http/imgproxy_settings.hpp"

namespace calotype {

Result<ImgproxySettings> ImgproxySettings::read(const ImgproxyTexts& texts,
                                                const PresetTable& presets) {
  ImgproxySettings settings;
  TRY(settings.keys, parse_imgproxy_keys(texts.key, texts.salt, texts.signature_size));
  auto named = parse_imgproxy_presets(texts.presets, presets);
  if (!named) return fail(ErrorCode::bad_config, named.error().message);
  settings.rules.presets = *std::move(named);
  if (!texts.watermark.empty()) {
    settings.rules.watermark = AssetId::parse(texts.watermark);
    if (!settings.rules.watermark)
      return fail(ErrorCode::bad_config, "imgproxy.watermark must be an asset's id.");
  }
  settings.rules.allows_security_options = texts.allow_security_options;
  return settings;
}

}  // namespace calotype
