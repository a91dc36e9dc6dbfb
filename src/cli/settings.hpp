// SPDX-License-Identifier: Apache-2.0
// The effective configuration: defaults, then the file, then the environment, then flags, each
// layer over the one before. Every value remembers where it came from, so that `calotype config`
// can say so. A key that nobody knows is refused with the nearest one that there is: a setting that
// is silently ignored is a setting that its operator believes in.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "asset/preset.hpp"
#include "cli/setting_table.hpp"

namespace calotype {

struct FlagSetting {
  std::string key;
  std::string text;
  std::string flag;  // as it was given: "--listen", "--set"
};

/// What the layers are read from; tests give their own.
struct SettingSources {
  std::string config_path;  // --config; empty: the first of `default_paths` that exists
  std::vector<std::string> default_paths = {"calotype.toml", "/etc/calotype/calotype.toml"};
  std::vector<std::string> environment;  // "NAME=value"; what is not ours is passed over
  std::vector<FlagSetting> flags;
};

/// The process's own environment.
std::vector<std::string> process_environment();

struct SettingValue {
  std::string text;
  std::string source = "default";  // "calotype.toml:3", "CALOTYPE_HTTP_LISTEN", "--listen"
};

class Settings {
 public:
  /// bad_config, naming the source, the key and what is allowed.
  static Result<Settings> load(const SettingSources& sources);

  // The key has to be in the table, and of that type.
  const std::string& text(std::string_view key) const;
  std::uint64_t whole(std::string_view key) const;
  bool flag(std::string_view key) const;
  std::uint64_t bytes(std::string_view key) const;
  std::chrono::milliseconds duration(std::string_view key) const;
  std::vector<std::string> list(std::string_view key) const;

  /// `catalog` and `blobs`, made from `data` where they are empty.
  std::string catalog_url() const;
  std::string blobs_url() const;

  const PresetTable& presets() const { return presets_; }

  struct Effective {
    std::string key;
    std::string text;  // a secret is ********
    std::string source;
    std::string_view help;
  };
  /// Every setting, in the table's order, then the presets by name.
  std::vector<Effective> effective() const;

 private:
  Settings();
  Result<void> set(std::string_view key, std::string_view text, const std::string& source);
  Result<void> read_file(const SettingSources& sources);
  Result<void> read_environment(const std::vector<std::string>& environment);
  Result<void> take_amazon_keys(const std::vector<std::string>& environment);
  const std::string& value(std::string_view key, SettingType type) const;

  std::map<std::string, SettingValue, std::less<>> values_;
  std::map<std::string, SettingValue, std::less<>> preset_values_;
  PresetTable presets_ = PresetTable::with_defaults();
};

}  // namespace calotype
