// SPDX-License-Identifier: Apache-2.0
// The settings of the imgproxy dialect, read once.
#pragma once

#include <string>
#include <string_view>

#include "asset/preset.hpp"
#include "http/dialects/imgproxy.hpp"
#include "http/dialects/imgproxy_signature.hpp"

namespace calotype {

/// As they stand in the configuration.
struct ImgproxyTexts {
  std::string_view key, salt;
  std::size_t signature_size = 32;
  std::string_view presets, watermark;
  bool allow_security_options = false;
};

struct ImgproxySettings {
  ImgproxyKeys keys;
  ImgproxyRules rules;

  /// bad_config, naming the setting.
  static Result<ImgproxySettings> read(const ImgproxyTexts& texts, const PresetTable& presets);
};

}  // namespace calotype
