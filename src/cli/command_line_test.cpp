// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace calotype {
namespace {

using Arguments = std::vector<std::string>;

/// The surroundings of whoever runs the tests must not decide them.
class CommandLineTest : public testing::Test {
 protected:
  void SetUp() override {
    unsetenv("CALOTYPE_SERVER");
    unsetenv("CALOTYPE_KEY");
  }
  static CommandLine parse(Arguments arguments) {
    auto parsed = parse_command_line(std::move(arguments));
    if (const auto* usage = std::get_if<Usage>(&parsed)) {
      ADD_FAILURE() << usage->text;
      return {};
    }
    return std::get<CommandLine>(std::move(parsed));
  }
  template <class Wanted>
  static Wanted parse_as(Arguments arguments) {
    return std::get<Wanted>(parse(std::move(arguments)).command);
  }
  static Usage usage(Arguments arguments) {
    auto parsed = parse_command_line(std::move(arguments));
    EXPECT_TRUE(std::holds_alternative<Usage>(parsed));
    return std::holds_alternative<Usage>(parsed) ? std::get<Usage>(parsed) : Usage{-1, {}};
  }
};

TEST_F(CommandLineTest, UnknownCommandIsNamed) {
  const Usage unknown = usage({"pud", "a.jpg"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_NE(unknown.text.find("There is no command “pud”; there are serve, "), std::string::npos)
      << unknown.text;
  EXPECT_NE(usage({}).text.find("A command is missing: one of serve, "), std::string::npos)
      << usage({}).text;
  EXPECT_NE(usage({"key"}).text.find("A command is missing: one of create, list, revoke."),
            std::string::npos)
      << usage({"key"}).text;
  EXPECT_NE(usage({"key", "made"})
                .text.find("There is no command “made”; there are create, list, revoke."),
            std::string::npos)
      << usage({"key", "made"}).text;
}

TEST_F(CommandLineTest, ReadsEachCommand) {
  const auto put = parse_as<PutCommand>({"put", "a.jpg", "b.jpg", "--tag", "x", "--tag", "y"});
  EXPECT_EQ(put.files, (Arguments{"a.jpg", "b.jpg"}));
  EXPECT_EQ(put.tags, (Arguments{"x", "y"}));
  const auto said = parse_as<PutCommand>(
      {"put", "a.jpg", "--collection", "summer", "--field", "by=Ann", "--field", "no="});
  EXPECT_EQ(said.collection, "summer");
  EXPECT_EQ(said.fields, (Arguments{"by=Ann", "no="}));

  const auto get = parse_as<GetCommand>({"get", "id", "w=1&h=2", "-o", "x.webp"});
  EXPECT_EQ(get.id, "id");
  EXPECT_EQ(get.recipe, "w=1&h=2");
  EXPECT_EQ(get.output, "x.webp");

  const auto list = parse_as<ListCommand>({"list", "--state", "DELETED", "--limit", "7", "--all"});
  EXPECT_EQ(list.filters.at("state"), "DELETED");
  const auto filtered = parse_as<ListCommand>(
      {"list", "--tag", "sea", "--width-min", "800", "--sort", "name", "--order", "asc"});
  EXPECT_EQ(filtered.filters.at("tag"), "sea");
  EXPECT_EQ(filtered.filters.at("width_min"), "800");
  EXPECT_EQ(filtered.filters.at("sort"), "name");
  EXPECT_EQ(filtered.filters.at("state"), "");
  EXPECT_EQ(list.limit, 7U);
  EXPECT_TRUE(list.all);

  EXPECT_EQ(parse_as<ShowCommand>({"show", "id"}).id, "id");
  const auto remove = parse_as<DeleteCommand>({"delete", "id", "--upload", "u"});
  EXPECT_EQ(remove.id, "id");
  EXPECT_EQ(remove.upload, "u");
  EXPECT_EQ(parse_as<TakedownCommand>({"takedown", "id", "--reason", "r"}).id, "id");
  EXPECT_TRUE(parse_as<TakedownCommand>({"takedown", "id", "--cluster"}).cluster);
  EXPECT_TRUE(parse_as<TakedownCommand>({"takedown", "id", "--dry-run"}).dry_run);
  EXPECT_TRUE(parse_as<TakedownCommand>({"takedown", "--list"}).list);
  EXPECT_EQ(parse_as<TakedownCommand>({"takedown", "--lift", "t"}).lift, "t");
  EXPECT_EQ(parse_as<JobsCommand>({"jobs"}).state, "");
  EXPECT_EQ(parse_as<JobsCommand>({"jobs", "--dead"}).state, "dead");
  EXPECT_EQ(parse_as<JobsCommand>({"jobs", "--state", "ready"}).state, "ready");
  EXPECT_EQ(parse_as<RetryCommand>({"retry", "a", "b"}).jobs, (Arguments{"a", "b"}));
  EXPECT_EQ(parse_as<KeyRevokeCommand>({"key", "revoke", "k"}).id, "k");
  parse_as<KeyListCommand>({"key", "list"});
  EXPECT_EQ(parse_as<SignCommand>({"sign", "/v/a", "/v/b"}).urls, (Arguments{"/v/a", "/v/b"}));
}

TEST_F(CommandLineTest, FlagsOfServeBecomeSettings) {
  const auto serve = parse_as<ServeCommand>({"serve", "--listen", "127.0.0.1:0", "--data", "/d",
                                             "--set", "http.io_threads=1", "--set",
                                             "presets.a=w=1&h=2", "--config", "c.toml"});
  EXPECT_EQ(serve.config.config_path, "c.toml");
  std::vector<std::string> flags;
  for (const auto& flag : serve.config.flags)
    flags.push_back(flag.flag + " " + flag.key + " " + flag.text);
  // Named flags come last: they win over --set.
  EXPECT_EQ(flags, (Arguments{"--set http.io_threads 1", "--set presets.a w=1&h=2",
                              "--data data /d", "--listen http.listen 127.0.0.1:0"}));
}

TEST_F(CommandLineTest, TheLastOfAnOptionThatIsGivenTwiceHolds) {
  const auto serve = parse_as<ServeCommand>({"serve", "--listen", "127.0.0.1:8080", "--data", "/a",
                                             "--listen", "127.0.0.1:1", "--data", "/b", "--set",
                                             "http.io_threads=1", "--set", "http.io_threads=2"});
  std::vector<std::string> flags;
  for (const auto& flag : serve.config.flags) flags.push_back(flag.key + " " + flag.text);
  EXPECT_EQ(flags, (Arguments{"http.io_threads 1", "http.io_threads 2", "data /b",
                              "http.listen 127.0.0.1:1"}));
}

TEST_F(CommandLineTest, FlagsOfAWorkerBecomeSettingsOfItsOwn) {
  const auto worker =
      parse_as<WorkerCommand>({"worker", "--lanes", "metadata,video", "--listen", "127.0.0.1:1"});
  std::vector<std::string> flags;
  for (const auto& flag : worker.config.flags)
    flags.push_back(flag.flag + " " + flag.key + " " + flag.text);
  EXPECT_EQ(flags, (Arguments{"--listen worker.listen 127.0.0.1:1",
                              "--lanes worker.lanes metadata,video"}));
  const auto serve = parse_as<ServeCommand>({"serve", "--no-workers"});
  ASSERT_EQ(serve.config.flags.size(), 1U);
  EXPECT_EQ(serve.config.flags[0].key, "jobs.in_server");
  EXPECT_EQ(serve.config.flags[0].text, "false");
}

TEST_F(CommandLineTest, KeysAreMadeOnTheServerUnlessAFolderIsNamed) {
  const auto server = parse_as<KeyCreateCommand>({"key", "create", "--name", "n"});
  EXPECT_FALSE(server.direct);
  EXPECT_EQ(server.scopes, (Arguments{"read", "write", "admin"}));
  const auto direct = parse_as<KeyCreateCommand>(
      {"key", "create", "--name", "n", "--scope", "read,write", "--data", "/d"});
  EXPECT_TRUE(direct.direct);
  EXPECT_EQ(direct.scopes, (Arguments{"read", "write"}));
}

TEST_F(CommandLineTest, ServerKeyAndFormStandBeforeOrAfterTheCommandOrInTheEnvironment) {
  const auto before = parse({"--server", "http://a", "--json", "list"}).client;
  EXPECT_EQ(before.server, "http://a");
  EXPECT_TRUE(before.json);
  const auto after = parse({"key", "list", "--key", "cal_x", "--json"});
  EXPECT_EQ(after.name, "key list");
  EXPECT_EQ(after.client.key, "cal_x");
  EXPECT_TRUE(after.client.json);
  EXPECT_EQ(after.client.server, "http://127.0.0.1:8080");
  setenv("CALOTYPE_SERVER", "http://b", 1);
  setenv("CALOTYPE_KEY", "cal_y", 1);
  const auto environment = parse({"list"}).client;
  EXPECT_EQ(environment.server, "http://b");
  EXPECT_EQ(environment.key, "cal_y");
  EXPECT_EQ(parse({"list", "--server", "http://c"}).client.server, "http://c");
}

TEST_F(CommandLineTest, WhatItCannotUnderstandIsTwo) {
  for (const Arguments& arguments : {Arguments{},
                                     {"frobnicate"},
                                     {"put"},
                                     {"get", "id"},
                                     {"get", "id", "thumb"},
                                     {"list", "--limit", "0"},
                                     {"list", "--limit", "x"},
                                     {"list", "extra"},
                                     {"key"},
                                     {"key", "create"},
                                     {"key", "create", "--name", "n", "--scope", "root"},
                                     {"serve", "--set", "novalue"},
                                     {"serve", "--set", "=x"},
                                     {"jobs", "--state", "lost"},
                                     {"jobs", "--dead", "--state", "ready"},
                                     {"retry"},
                                     {"takedown"},
                                     {"takedown", "id", "--list"},
                                     {"takedown", "--list", "--cluster"},
                                     {"takedown", "--lift", "t", "--dry-run"},
                                     {"put", "a.jpg", "--field", "none"},
                                     {"sign"},
                                     {"--nonsense"}}) {
    const auto refused = usage(arguments);
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_TRUE(refused.text.starts_with("calotype")) << refused.text;
    EXPECT_TRUE(refused.text.contains("--help")) << refused.text;
  }
}

TEST_F(CommandLineTest, ARefusalNamesTheCommandAndItsHelp) {
  EXPECT_EQ(usage({"put"}).text, "calotype put: FILE is required\nTry `calotype put --help`.\n");
  EXPECT_EQ(usage({"key", "revoke"}).text,
            "calotype key revoke: KEY_ID is required\nTry `calotype key revoke --help`.\n");
  EXPECT_TRUE(usage({}).text.ends_with("Try `calotype --help`.\n"));
}

TEST_F(CommandLineTest, HelpTeachesByExamples) {
  const auto help = usage({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_TRUE(help.text.contains("calotype put photo.jpg")) << help.text;
  EXPECT_TRUE(usage({"--version"}).text.starts_with("calotype "));
  for (const Arguments& command : {Arguments{"serve"},
                                   {"worker"},
                                   {"put"},
                                   {"get"},
                                   {"list"},
                                   {"show"},
                                   {"delete"},
                                   {"takedown"},
                                   {"jobs"},
                                   {"retry"},
                                   {"key", "create"},
                                   {"key", "list"},
                                   {"key", "revoke"},
                                   {"config"},
                                   {"sign"}}) {
    auto arguments = command;
    arguments.emplace_back("--help");
    const auto taught = usage(arguments);
    EXPECT_EQ(taught.exit_code, 0);
    EXPECT_TRUE(taught.text.contains("Example")) << taught.text;
    EXPECT_TRUE(taught.text.contains("calotype " + command.front())) << taught.text;
  }
}

}  // namespace
}  // namespace calotype
