// SPDX-License-Identifier: Apache-2.0
// What a person typed, as values: one struct a command. Parsing does nothing but parse, so that it
// can be tested without a server; command_line.cpp is the one file that includes CLI11.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "cli/settings.hpp"

namespace calotype {

/// Where configuration comes from, for the commands that read it (serve, worker, config, …).
struct ConfigOptions {
  std::string config_path;
  std::vector<FlagSetting> flags;
};

/// Which server, as whom, and in what form the answer is wanted.
struct ClientOptions {
  std::string server = "http://127.0.0.1:8080";
  std::string key;
  bool json = false;
};

struct ServeCommand {
  ConfigOptions config;
};
struct WorkerCommand {
  ConfigOptions config;
};
struct PutCommand {
  std::vector<std::string> files;
  std::vector<std::string> tags;
  std::string collection;
  std::vector<std::string> fields;  // KEY=VALUE
  std::string name;                 // instead of the file's own
};
struct GetCommand {
  std::string id;
  std::string recipe;  // a preset, native parameters, or "original"
  std::string output;  // "-": standard output
  std::uint32_t wait_s = 60;
};
struct ListCommand {
  std::map<std::string, std::string> filters;  // and the order, by the API's names; empty: none
  std::string cursor;
  std::uint32_t limit = 100;
  bool all = false;
};
struct ShowCommand {
  std::string id;
};
struct DeleteCommand {
  std::string id;
  std::string upload;
};
/// One of the three.
struct TakedownCommand {
  std::string id;      // the asset that goes
  bool list = false;   // or what was taken down
  std::string lift;    // or the takedown that ends
  std::string reason;  // why it goes
  bool cluster = false;
  bool dry_run = false;
};
struct JobsCommand {
  std::string state;
  std::uint32_t limit = 100;
};
struct RetryCommand {
  std::vector<std::string> jobs;
};
struct KeyCreateCommand {
  std::string name;
  std::vector<std::string> scopes;
  bool direct = false;  // on the catalog itself, which `config` names
  ConfigOptions config;
};
struct KeyListCommand {};
struct KeyRevokeCommand {
  std::string id;
};
struct ConfigCommand {
  ConfigOptions config;
};
struct MigrateStoreCommand {
  ConfigOptions config;         // the source
  std::string to_config;        // the target's file; empty: the source's options
  std::vector<FlagSetting> to;  // over them
  bool skip_damaged = false;
};
struct ImportCommand {
  std::string source;  // a folder, or s3://…
  std::vector<std::string> tags;
  std::string collection;
  std::string journal;     // empty: where the state of programs is kept
  std::uint32_t jobs = 8;  // files at once
  bool all = false;
};
struct DuplicatesCommand {};
struct MergeCommand {
  std::string from;
  std::string into;
};
struct VerifyCommand {
  bool repair = false;
  std::string share;  // "3/30"; empty: all
  ConfigOptions config;
};
struct SignCommand {
  std::vector<std::string> urls;
  ConfigOptions config;
};

struct StorageCheckCommand {
  ConfigOptions config;
};
struct StorageLifecycleCommand {
  std::uint32_t days = 30;
  std::string infrequent_class = "STANDARD_IA";
  ConfigOptions config;
};

using Command =
    std::variant<ServeCommand, WorkerCommand, PutCommand, GetCommand, ListCommand, ShowCommand,
                 DeleteCommand, TakedownCommand, JobsCommand, RetryCommand, KeyCreateCommand,
                 KeyListCommand, KeyRevokeCommand, ConfigCommand, SignCommand, MigrateStoreCommand,
                 VerifyCommand, ImportCommand, StorageCheckCommand, StorageLifecycleCommand,
                 DuplicatesCommand, MergeCommand>;

struct CommandLine {
  std::string name;  // "put", "key create": what errors begin with
  Command command;
  ClientOptions client;
};

/// What to print instead of running anything.
struct Usage {
  int exit_code = 0;  // 0: help or version was asked for; 2: it cannot be understood
  std::string text;
};

/// `arguments` without the program's name.
std::variant<CommandLine, Usage> parse_command_line(std::vector<std::string> arguments);

}  // namespace calotype
