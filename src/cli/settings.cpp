// SPDX-License-Identifier: Apache-2.0
#include "cli/settings.hpp"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "asset/parameter.hpp"
#include "base/url.hpp"
#include "cli/settings_file.hpp"

namespace calotype {
namespace {

constexpr std::string_view preset_prefix = "presets.";

std::unexpected<Error> unknown_key(std::string_view key) {
  std::string message = in_quotes(key) + " is no setting";
  if (const auto nearest = nearest_setting(key))
    message += "; did you mean " + *nearest + "?";
  else
    message += "; `calotype config` lists them all.";
  return fail(ErrorCode::bad_config, message);
}

/// Only names with the section of a setting are ours to refuse: CALOTYPE_SERVER, CALOTYPE_KEY and
/// whatever else the surroundings call so are not settings.
bool is_section_name(std::string_view variable) {
  static const auto sections = [] {
    std::set<std::string, std::less<>> names = {environment_name(preset_prefix)};
    for (const SettingSpec& spec : setting_table())
      if (const auto point = spec.key.find('.'); point != std::string_view::npos)
        names.insert(environment_name(spec.key.substr(0, point + 1)));
    return names;
  }();
  for (const auto& section : sections)
    if (variable.starts_with(section)) return true;
  return false;
}

/// "CALOTYPE_PRESETS_HERO_WIDE" → "presets.hero-wide"; "CALOTYPE_HTTP_LISTEN" → "http.listen". A
/// name that belongs to no key gives the key that it looks like, for the refusal.
std::string key_of_environment(std::string_view variable) {
  for (const SettingSpec& spec : setting_table())
    if (environment_name(spec.key) == variable) return std::string(spec.key);
  std::string key;
  bool in_section = true;
  const bool is_preset = variable.starts_with(environment_name(preset_prefix));
  for (const char c : variable.substr(std::string_view("CALOTYPE_").size())) {
    if (c == '_') {
      key += in_section ? '.' : is_preset ? '-' : '_';
      in_section = false;
    } else {
      key += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return key;
}

std::unexpected<Error> at_source(const std::string& source, const Error& error) {
  return fail(ErrorCode::bad_config, source + ": " + error.message, error.detail);
}

}  // namespace

std::vector<std::string> process_environment() {
  std::vector<std::string> out;
  for (char** entry = environ; entry && *entry; ++entry) out.emplace_back(*entry);
  return out;
}

Settings::Settings() {
  for (const SettingSpec& spec : setting_table())
    values_.emplace(spec.key, SettingValue{std::string(spec.default_text)});
  for (const auto& [name, recipe] : presets_.all())
    preset_values_.emplace(name, SettingValue{to_string(recipe)});
}

Result<Settings> Settings::load(const SettingSources& sources) {
  Settings settings;
  TRY_VOID(settings.read_file(sources));
  TRY_VOID(settings.read_environment(sources.environment));
  for (const FlagSetting& flag : sources.flags)
    TRY_VOID(settings.set(flag.key, flag.text, flag.flag));
  TRY_VOID(settings.take_amazon_keys(sources.environment));
  if (settings.flag("delivery.require_signature") && settings.text("delivery.signing_key").empty())
    return fail(ErrorCode::bad_config,
                "delivery.require_signature needs delivery.signing_key, the secret to sign with.");
  return settings;
}

Result<void> Settings::set(std::string_view key, std::string_view text, const std::string& source) {
  if (key.starts_with(preset_prefix)) {
    const auto name = key.substr(preset_prefix.size());
    if (auto added = presets_.set(name, text); !added) return at_source(source, added.error());
    preset_values_[std::string(name)] = {std::string(text), source};
    return {};
  }
  const SettingSpec* spec = find_setting(key);
  if (!spec) return at_source(source, unknown_key(key).error());
  if (auto checked = check_value(*spec, text); !checked) return at_source(source, checked.error());
  values_[std::string(key)] = {std::string(text), source};
  return {};
}

Result<void> Settings::read_file(const SettingSources& sources) {
  std::string path = sources.config_path;
  std::error_code ignored;
  for (const auto& candidate : sources.default_paths)
    if (path.empty() && std::filesystem::exists(candidate, ignored)) path = candidate;
  if (path.empty()) return {};
  std::ifstream file(path, std::ios::binary);
  std::string toml{std::istreambuf_iterator<char>(file), {}};
  if (!file.good() && !file.eof())
    return fail(ErrorCode::bad_config, "The configuration file " + path + " cannot be read.");
  const auto parsed = parse_settings_file(toml);
  if (!parsed) return at_source(path, parsed.error());
  for (const FileSetting& setting : *parsed)
    TRY_VOID(set(setting.key, setting.text, path + ":" + std::to_string(setting.line)));
  return {};
}

Result<void> Settings::read_environment(const std::vector<std::string>& environment) {
  for (const std::string& entry : environment) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos || !entry.starts_with("CALOTYPE_")) continue;
    const auto variable = entry.substr(0, equals);
    const auto key = key_of_environment(variable);
    if (find_setting(key) || is_section_name(variable))
      TRY_VOID(set(key, std::string_view(entry).substr(equals + 1), variable));
  }
  return {};
}

/// The variables that every S3 program reads, where our own settings name no key: all of them or
/// none, because an access key of one place with the secret of another is of no use.
Result<void> Settings::take_amazon_keys(const std::vector<std::string>& environment) {
  if (!text("blobs.access_key").empty()) return {};
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> names = {
      {{"AWS_ACCESS_KEY_ID=", "blobs.access_key"},
       {"AWS_SECRET_ACCESS_KEY=", "blobs.secret_key"},
       {"AWS_SESSION_TOKEN=", "blobs.session_token"}}};
  for (const std::string& entry : environment)
    for (const auto& [variable, key] : names)
      if (entry.starts_with(variable))
        TRY_VOID(set(key, std::string_view(entry).substr(variable.size()),
                     std::string(variable.substr(0, variable.size() - 1))));
  return {};
}

const std::string& Settings::value(std::string_view key, SettingType type) const {
  const SettingSpec* spec = find_setting(key);
  require(spec && spec->type == type, "a setting is read by its key and as its type");
  return values_.find(key)->second.text;
}

const std::string& Settings::text(std::string_view key) const {
  const SettingSpec* spec = find_setting(key);
  const bool is_choice = spec && spec->type == SettingType::choice;
  return value(key, is_choice ? SettingType::choice : SettingType::text);
}

std::uint64_t Settings::whole(std::string_view key) const {
  const std::string& digits = value(key, SettingType::whole);
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

bool Settings::flag(std::string_view key) const {
  return parse_flag(value(key, SettingType::flag)).value();
}
std::uint64_t Settings::bytes(std::string_view key) const {
  return parse_bytes(value(key, SettingType::bytes)).value();
}
std::chrono::milliseconds Settings::duration(std::string_view key) const {
  return parse_duration(value(key, SettingType::duration)).value();
}
std::vector<std::string> Settings::list(std::string_view key) const {
  return split_names(value(key, SettingType::list));
}

std::string Settings::catalog_url() const {
  const auto& url = text("catalog");
  return url.empty() ? "sqlite:" + (std::filesystem::path(text("data")) / "catalog.db").string()
                     : url;
}

std::string Settings::blobs_url() const {
  const auto& url = text("blobs");
  return url.empty() ? "folder:" + (std::filesystem::path(text("data")) / "blobs").string() : url;
}

std::vector<Settings::Effective> Settings::effective() const {
  std::vector<Effective> out;
  for (const SettingSpec& spec : setting_table()) {
    const SettingValue& value = values_.find(spec.key)->second;
    std::string shown = value.text;
    if (spec.secret && !shown.empty()) shown = "********";
    if (spec.key == "catalog") shown = catalog_url();
    if (spec.key == "blobs") shown = blobs_url();
    out.push_back({std::string(spec.key), without_password(shown), value.source, spec.help});
  }
  for (const auto& [name, value] : preset_values_)
    out.push_back(
        {std::string(preset_prefix) + name, value.text, value.source, "A recipe that has a name."});
  return out;
}

}  // namespace calotype
