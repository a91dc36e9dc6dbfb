// SPDX-License-Identifier: Apache-2.0
// The layers and their order, what each kind of value may be, and what is refused in which words.
#include "cli/settings.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/clock.hpp"
#include "base/ids.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;

/// A folder that goes with the test.
class SettingsTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, std::string_view toml) {
    const auto path = (folder_ / name).string();
    std::ofstream(path) << toml;
    return path;
  }
  /// No file but those that a test names.
  SettingSources sources() const {
    SettingSources none;
    none.default_paths.clear();
    return none;
  }
  std::string refusal(const SettingSources& given) {
    const auto settings = Settings::load(given);
    if (settings) return "(accepted)";
    EXPECT_EQ(settings.error().code, ErrorCode::bad_config);
    return settings.error().message;
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("calotype-settings-" + new_id(SystemClock().now()));
};

std::string source_of(const Settings& settings, std::string_view key) {
  for (const auto& one : settings.effective())
    if (one.key == key) return one.source;
  return "(missing)";
}

TEST_F(SettingsTest, DefaultsAreValidAndSayThatTheyAreDefaults) {
  const auto settings = Settings::load(sources()).value();
  for (const SettingSpec& spec : setting_table())
    EXPECT_TRUE(check_value(spec, spec.default_text)) << spec.key;
  for (const auto& one : settings.effective()) {
    EXPECT_EQ(one.source, "default") << one.key;
    EXPECT_FALSE(one.help.empty()) << one.key;
  }
  EXPECT_EQ(settings.text("http.listen"), "127.0.0.1:8080");
  EXPECT_EQ(settings.bytes("ingest.max_bytes"), 16ULL << 30);
  EXPECT_EQ(settings.duration("lifecycle.variant_max_age"), 180 * 24h);
  EXPECT_EQ(settings.catalog_url(), "sqlite:data/catalog.db");
  EXPECT_EQ(settings.blobs_url(), "folder:data/blobs");
  EXPECT_NE(settings.presets().find("thumb"), nullptr);
}

TEST_F(SettingsTest, EachLayerGoesOverTheOneBefore) {
  auto given = sources();
  given.config_path = write("a.toml",
                            "data = \"/from/file\"\n"
                            "[http]\nlisten = \"127.0.0.1:1\"\nio_threads = 3\n"
                            "cors_origins = [\"https://a.example\", \"https://b.example\"]\n"
                            "[log]\nlevel = \"warn\"\n");
  given.environment = {"CALOTYPE_HTTP_LISTEN=127.0.0.1:2",
                       "CALOTYPE_LOG_LEVEL=error",
                       "HOME=/x",
                       "CALOTYPE_KEY=cal_x",
                       "CALOTYPE_SERVER=http://x",
                       "CALOTYPE_ELSE=1"};
  given.flags = {{"http.listen", "127.0.0.1:3", "--listen"}};
  const auto settings = Settings::load(given).value();
  EXPECT_EQ(settings.text("data"), "/from/file");
  EXPECT_EQ(settings.catalog_url(), "sqlite:/from/file/catalog.db");
  EXPECT_EQ(settings.whole("http.io_threads"), 3U);
  EXPECT_EQ(settings.list("http.cors_origins"),
            (std::vector<std::string>{"https://a.example", "https://b.example"}));
  EXPECT_EQ(settings.text("http.listen"), "127.0.0.1:3");
  EXPECT_EQ(source_of(settings, "data"), given.config_path + ":1");
  EXPECT_EQ(source_of(settings, "http.io_threads"), given.config_path + ":4");
  EXPECT_EQ(source_of(settings, "http.listen"), "--listen");
  EXPECT_EQ(source_of(settings, "log.level"), "CALOTYPE_LOG_LEVEL");
  EXPECT_EQ(source_of(settings, "log.format"), "default");
}

TEST_F(SettingsTest, TakesTheFirstDefaultFileThatIsThere) {
  auto given = sources();
  given.default_paths = {(folder_ / "missing.toml").string(), write("b.toml", "data = \"b\""),
                         write("c.toml", "data = \"c\"")};
  EXPECT_EQ(Settings::load(given)->text("data"), "b");
  given.config_path = given.default_paths[2];
  EXPECT_EQ(Settings::load(given)->text("data"), "c");
}

TEST_F(SettingsTest, PresetsComeFromEveryLayer) {
  auto given = sources();
  given.config_path = write("a.toml", "[presets]\nthumb = \"w=200&fm=webp\"\nhero = \"w=1600\"\n");
  given.environment = {"CALOTYPE_PRESETS_HERO_WIDE=w=2000&fm=avif"};
  given.flags = {{"presets.hero", "w=1700", "--set"}};
  const auto settings = Settings::load(given).value();
  EXPECT_EQ(to_string(*settings.presets().find("thumb")), "w=200&fm=webp");
  EXPECT_EQ(to_string(*settings.presets().find("hero")), "w=1700");
  EXPECT_EQ(to_string(*settings.presets().find("hero-wide")), "w=2000&fm=avif");
  EXPECT_NE(settings.presets().find("social"), nullptr);
  EXPECT_EQ(source_of(settings, "presets.hero"), "--set");
  EXPECT_EQ(source_of(settings, "presets.thumb"), given.config_path + ":2");
}

TEST_F(SettingsTest, SecretsAreNeverShown) {
  auto given = sources();
  given.environment = {"CALOTYPE_DELIVERY_SIGNING_KEY=hush"};
  const auto settings = Settings::load(given).value();
  EXPECT_EQ(settings.text("delivery.signing_key"), "hush");
  for (const auto& one : settings.effective()) {
    EXPECT_NE(one.text, "hush");
    if (one.key == "delivery.signing_key") {
      EXPECT_EQ(one.text, "********");
    }
  }
}

TEST_F(SettingsTest, AmazonsVariablesGiveTheKeysWhereOursNameNone) {
  auto given = sources();
  given.environment = {"AWS_ACCESS_KEY_ID=theirs", "AWS_SECRET_ACCESS_KEY=hush",
                       "AWS_SESSION_TOKEN=token"};
  const auto taken = Settings::load(given).value();
  EXPECT_EQ(taken.text("blobs.access_key"), "theirs");
  EXPECT_EQ(taken.text("blobs.secret_key"), "hush");
  EXPECT_EQ(taken.text("blobs.session_token"), "token");
  EXPECT_EQ(source_of(taken, "blobs.secret_key"), "AWS_SECRET_ACCESS_KEY");
  for (const auto& one : taken.effective()) EXPECT_NE(one.text, "hush");
  given.flags = {{"blobs.access_key", "ours", "--set"}, {"blobs.secret_key", "own", "--set"}};
  const auto own = Settings::load(given).value();
  EXPECT_EQ(own.text("blobs.secret_key"), "own");
  EXPECT_EQ(own.text("blobs.session_token"), "") << "not that of another key";
}

TEST_F(SettingsTest, RefusesWithSourceKeyAndWhatIsAllowed) {
  struct Row {
    FlagSetting flag;
    std::string_view message;
  };
  for (const Row& row : {
           Row{{"http.listne", "x", "--set"},
               "--set: “http.listne” is no setting; did you mean http.listen?"},
           Row{{"io_threads", "x", "--set"},
               "--set: “io_threads” is no setting; did you mean http.io_threads?"},
           Row{{"nothing.like.it", "x", "--set"},
               "--set: “nothing.like.it” is no setting; `calotype config` lists them all."},
           Row{{"http.io_threads", "many", "--set"},
               "--set: http.io_threads must be a whole number from 0 to 256, not “many”."},
           Row{{"http.io_threads", "-1", "--set"},
               "--set: http.io_threads must be a whole number from 0 to 256, not “-1”."},
           Row{{"ingest.max_bytes", "2 GB", "--set"},
               "--set: ingest.max_bytes must be a size like 1024, 64KiB, 16MiB or 2GB, not "
               "“2 GB”."},
           Row{{"lifecycle.grace", "10", "--set"},
               "--set: lifecycle.grace must be a duration like 250ms, 10s, 5m, 1h or 180d, not "
               "“10”."},
           Row{{"log.format", "xml", "--set"},
               "--set: log.format must be text or json, not “xml”."},
           Row{{"log.level", "debug info", "--set"},
               "--set: log.level must be debug, info, warn, error or off, not “debug info”."},
           Row{{"delivery.require_signature", "maybe", "--set"},
               "--set: delivery.require_signature must be true or false, not “maybe”."},
           Row{{"delivery.require_signature", "true", "--set"},
               "delivery.require_signature needs delivery.signing_key, the secret to sign with."},
           Row{{"presets.hero", "w=0", "--set"},
               "--set: Preset hero: w must be a whole number from 1 to 65535, not “0”."},
           Row{{"presets.He", "w=1", "--set"},
               "--set: A preset's name must be 1 to 40 of a-z, 0-9 and -, not “He”."},
       }) {
    auto given = sources();
    given.flags = {row.flag};
    EXPECT_EQ(refusal(given), row.message);
  }
}

TEST_F(SettingsTest, RefusesFilesAndVariablesThatItCannotRead) {
  auto given = sources();
  given.config_path = (folder_ / "missing.toml").string();
  EXPECT_EQ(refusal(given), "The configuration file " + given.config_path + " cannot be read.");
  given.config_path = write("a.toml", "[http]\nlistne = 3\n");
  EXPECT_EQ(refusal(given),
            given.config_path + ":2: “http.listne” is no setting; did you mean http.listen?");
  given.config_path = write("b.toml", "\ndata = 1.5\n");
  EXPECT_EQ(refusal(given), given.config_path +
                                ": Line 2: data must be a text, a whole number, true, false or a "
                                "list of texts.");
  given.config_path = write("c.toml", "data = \n");
  EXPECT_TRUE(refusal(given).starts_with(given.config_path + ": Line 1 is not TOML: "))
      << refusal(given);
  given = sources();
  given.environment = {"CALOTYPE_RENDER_TIMEOUT=1s"};
  EXPECT_EQ(refusal(given),
            "CALOTYPE_RENDER_TIMEOUT: “render.timeout” is no setting; `calotype config` lists them "
            "all.");
  given.environment = {"CALOTYPE_HTTP_LISTN=1s"};
  EXPECT_EQ(refusal(given),
            "CALOTYPE_HTTP_LISTN: “http.listn” is no setting; did you mean http.listen?");
}

TEST(SettingValues, ReadSizesDurationsAndFlags) {
  EXPECT_EQ(parse_bytes("0"), 0U);
  EXPECT_EQ(parse_bytes("12B"), 12U);
  EXPECT_EQ(parse_bytes("64KiB"), 65'536U);
  EXPECT_EQ(parse_bytes("2GB"), 2'000'000'000U);
  EXPECT_EQ(parse_bytes("1TiB"), 1ULL << 40);
  for (const auto* text : {"", "KiB", "-1", "1.5GB", "1 KiB", "1kb", "18446744073709551616",
                           "18446744073709551615KiB"})
    EXPECT_FALSE(parse_bytes(text)) << text;
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("10s"), 10s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("180d"), 180 * 24h);
  for (const auto* text : {"", "10", "s", "-1s", "1.5s", "1w", "9223372036854775807d"})
    EXPECT_FALSE(parse_duration(text)) << text;
  EXPECT_EQ(parse_flag("on"), true);
  EXPECT_EQ(parse_flag("0"), false);
  EXPECT_FALSE(parse_flag("TRUE"));
  EXPECT_EQ(split_names(" a, b,,c "), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(split_names("").empty());
}

}  // namespace
}  // namespace calotype
