// SPDX-License-Identifier: Apache-2.0
// The one table of settings: what each is called, what kind of value it takes, what it is without
// being set, and what it does. Files, environment, flags, `calotype config` and its help all read
// this table, so that no setting exists in one of them only.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace calotype {

enum class SettingType : std::uint8_t {
  text,
  whole,     // digits
  flag,      // true, false, on, off, 1, 0
  bytes,     // 1024, 64KiB, 2GB: whole numbers, 1024-based with an i, 1000-based without
  duration,  // 250ms, 10s, 5m, 1h, 180d
  list,      // joined by commas; an array in the file
  choice,    // one of `choices`
};

struct SettingSpec {
  std::string_view key;  // "http.listen"; its environment variable is CALOTYPE_HTTP_LISTEN
  SettingType type;
  std::string_view default_text;
  std::string_view help;
  std::uint64_t min = 0;  // of a whole number, bytes, or a duration in milliseconds
  std::uint64_t max = UINT64_MAX;
  std::string_view choices = {};  // separated by spaces
  bool secret = false;            // shown as ********
};

/// In the order in which they are shown.
std::span<const SettingSpec> setting_table();
/// nullptr where there is none. `presets.<name>` is not in the table; settings.hpp deals with it.
const SettingSpec* find_setting(std::string_view key);
/// The known key that is most like it, where one is alike enough to be meant.
std::optional<std::string> nearest_setting(std::string_view key);
/// "CALOTYPE_HTTP_LISTEN".
std::string environment_name(std::string_view key);

std::optional<std::uint64_t> parse_bytes(std::string_view text);
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
std::optional<bool> parse_flag(std::string_view text);
std::vector<std::string> split_names(std::string_view text);

/// bad_config: "http.idle_timeout must be a duration like 250ms, 10s, 5m, 1h or 180d, not “ten”."
Result<void> check_value(const SettingSpec& spec, std::string_view text);

}  // namespace calotype
