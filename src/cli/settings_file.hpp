// SPDX-License-Identifier: Apache-2.0
// Reads calotype.toml into flat keys: the one place that includes toml++.
//
//   data = "/srv/calotype"
//   [http]
//   listen = "127.0.0.1:8080"
//   cors_origins = ["https://example.org"]
//   [presets]
//   hero = "w=1600&fm=webp"
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace calotype {

struct FileSetting {
  std::string key;   // "http.listen"
  std::string text;  // as it would be written in the environment
  int line = 0;
};

/// bad_config with the line: not TOML, or a value that is no text, whole number, truth value or
/// list of texts. Whether the keys exist is not its concern.
Result<std::vector<FileSetting>> parse_settings_file(std::string_view toml);

}  // namespace calotype
