// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <sstream>

#include "cli/listing_options.hpp"

namespace calotype {
namespace {

constexpr auto overview =
    R"(Calotype keeps every original once and makes its pictures when they are asked for.

  calotype serve                                a server on http://127.0.0.1:8080, data in ./data
  calotype put photo.jpg                        brings a file in, and says its id
  calotype get ID thumb -o thumb.webp           a picture of it, by a preset's name
  calotype get ID 'w=640&fm=avif' -o small.avif or by parameters
  calotype COMMAND --help                       more of each)";

/// Everything that CLI11 writes into while it parses.
struct Draft {
  ClientOptions client;
  std::string config_path;
  std::string listen;
  std::string data;
  std::string lanes;
  bool no_workers = false;
  std::vector<std::string> sets;
  PutCommand put;
  GetCommand get;
  ListCommand list;
  ShowCommand show;
  DeleteCommand remove;
  TakedownCommand takedown;
  JobsCommand jobs;
  RetryCommand retry;
  KeyCreateCommand key_create;
  KeyRevokeCommand key_revoke;
  SignCommand sign;
  MigrateStoreCommand migrate;
  std::vector<std::string> to;
  VerifyCommand verify;
  ImportCommand import;
  StorageLifecycleCommand lifecycle;
  MergeCommand merge;
};

std::string set_is_pair(const std::string& text) {
  const auto equals = text.find('=');
  return equals == std::string::npos || equals == 0 ? "must be KEY=VALUE, not “" + text + "”" : "";
}

void add_config_options(CLI::App& command, Draft& draft) {
  command.add_option("--data", draft.data, "The folder of everything that is kept (setting data)")
      ->type_name("DIR");
  command
      .add_option("--config", draft.config_path,
                  "The file to read (else ./calotype.toml, else /etc/calotype/calotype.toml)")
      ->type_name("FILE");
  command.add_option("--set", draft.sets, "Any setting, as KEY=VALUE; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->check(set_is_pair);
}

void add_client_options(CLI::App& app, Draft& draft) {
  app.add_option("--server", draft.client.server, "The server's URL")
      ->envname("CALOTYPE_SERVER")
      ->type_name("URL")
      ->capture_default_str();
  app.add_option("--key", draft.client.key, "An API key (better by its variable)")
      ->envname("CALOTYPE_KEY")
      ->type_name("KEY");
  app.add_flag("--json", draft.client.json, "Answer in JSON");
}

void add_serve(CLI::App& app, Draft& draft) {
  auto* serve = app.add_subcommand("serve", "Run the server");
  serve->footer(R"(Examples:
  calotype serve
  calotype serve --listen 127.0.0.1:9000 --data /srv/calotype
  calotype serve --set render.processes=4 --set log.format=json
Elsewhere than on loopback it needs an API key: calotype key create --data DIR first.
`calotype config` lists every setting. SIGTERM or Ctrl-C lets what is in flight finish.)");
  serve->add_option("--listen", draft.listen, "Where to listen (setting http.listen)")
      ->type_name("HOST:PORT");
  serve->add_flag("--no-workers", draft.no_workers,
                  "Leave jobs to `calotype worker` (setting jobs.in_server)");
  add_config_options(*serve, draft);

  auto* worker = app.add_subcommand("worker", "Run jobs for servers that share a catalog");
  worker->footer(R"(Examples:
  calotype worker --config /etc/calotype/calotype.toml
  calotype worker --lanes metadata,maintenance --listen 127.0.0.1:9100 --data /srv/worker
It needs the servers' own settings (catalog, blobs), a PostgreSQL catalog, and a data folder of its
own. The lane video has no kinds of jobs yet, and idles. --listen answers /healthz, /readyz and
/metrics. SIGTERM lets what runs finish for http.drain_max and gives back the rest.)");
  worker->add_option("--lanes", draft.lanes, "Which lanes (setting worker.lanes)")
      ->type_name("LANE,…");
  worker->add_option("--listen", draft.listen, "Where to answer (setting worker.listen)")
      ->type_name("HOST:PORT");
  add_config_options(*worker, draft);
}

void add_put(CLI::App& app, Draft& draft) {
  auto* put = app.add_subcommand("put", "Bring files in");
  put->footer(R"(Examples:
  calotype put photo.jpg
  calotype put *.jpg --tag holiday --tag 2026 --collection summer --field photographer=Ann
Content that the server has already is not sent again: it says EXISTING, else PENDING.
With --json each file is one line.)");
  put->add_option("FILE", draft.put.files, "Files to bring in")->required();
  put->add_option("--tag", draft.put.tags, "A tag of the upload; may be repeated")
      ->allow_extra_args(false);
  put->add_option("--collection", draft.put.collection, "The collection that they belong to");
  put->add_option("--field", draft.put.fields, "Something else of the upload; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->check(set_is_pair);
  put->add_option("--name", draft.put.name, "The upload's file name instead of FILE's own");
}

void add_import(CLI::App& app, Draft& draft) {
  auto* import = app.add_subcommand("import", "Bring a whole folder or bucket in");
  import->footer(R"(Examples:
  calotype import /mnt/photos
  calotype import ~/Pictures --tag archive --jobs 16
  calotype import 's3://old-bucket/uploads?endpoint=https://s3.internal&region=eu-1'
Uploads are named by their paths below the folder. Pictures, films, sounds and documents are taken
by their endings, hidden files are not; --all takes everything. What the server has is not sent.
After Ctrl-C, or when files were added, run it again: what was brought in is not read again. The
keys of a bucket are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.)");
  import->add_option("SOURCE", draft.import.source, "A folder, or s3://BUCKET/PREFIX?endpoint=URL")
      ->required();
  import->add_option("--tag", draft.import.tags, "A tag of every upload; may be repeated")
      ->allow_extra_args(false);
  import->add_option("--collection", draft.import.collection, "The collection of every upload");
  import->add_option("--jobs", draft.import.jobs, "Files at once")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  import->add_flag("--all", draft.import.all, "Hidden files and those that are no media too");
  import
      ->add_option("--journal", draft.import.journal,
                   "Where it keeps what was brought in (else below ~/.local/state)")
      ->type_name("FILE");
}

void add_get(CLI::App& app, Draft& draft) {
  auto* get = app.add_subcommand("get", "Fetch a picture, or the original");
  get->footer(R"(Examples:
  calotype get ID thumb -o thumb.webp
  calotype get ID 'w=1200&h=630&fit=cover&g=north&fm=jpeg' -o card.jpg
  calotype get ID original -o photo.jpg
Parameters: w h fit g dpr q bg enlarge fm, joined by & or a comma; presets are in
`calotype config`.)");
  get->add_option("ID", draft.get.id, "The asset")->required();
  get->add_option("RECIPE", draft.get.recipe, "A preset, parameters, or original")->required();
  get->add_option("-o,--output", draft.get.output, "The file to write; - for standard output")
      ->type_name("FILE")
      ->required();
  get->add_option("--wait", draft.get.wait_s, "Seconds to wait for an inspection that pends")
      ->capture_default_str();
}

void add_list_and_show(CLI::App& app, Draft& draft) {
  auto* list = app.add_subcommand("list", "List assets, newest first");
  list->footer(R"(Examples:
  calotype list
  calotype list --state METADATA_FAILED
  calotype list --tag sea --camera 'canon eos 5d' --taken-after 2026-06-01 --sort taken --order asc
  calotype list --name 'beach sun' --bytes-min 1000000 --sort bytes
  calotype list --all --json
Times are RFC 3339, or days; words of --name are the beginnings of words of the file name.)");
  for (const auto& [flag, help] : listing_options) {
    std::string name(flag);
    std::ranges::replace(name, '-', '_');
    list->add_option("--" + std::string(flag), draft.list.filters[name], std::string(help));
  }
  list->add_option("--limit", draft.list.limit, "How many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  list->add_option("--cursor", draft.list.cursor, "Where an earlier list ended");
  list->add_flag("--all", draft.list.all, "All, page after page");

  auto* show = app.add_subcommand("show", "Show an asset, its uploads, variants and history");
  show->footer(R"(Examples:
  calotype show ID
  calotype show sha256:9f86d081884c7d65…
  calotype show ID --json)");
  show->add_option("ID", draft.show.id, "The asset, or sha256:HEX")->required();
}

void add_takedown(CLI::App& app, Draft& draft) {
  auto* takedown =
      app.add_subcommand("takedown", "Delete an asset and keep its content out from now on");
  takedown->footer(R"(Examples:
  calotype takedown ID --reason 'asked for by its author'    and says what caches have to purge
  calotype takedown ID --cluster --dry-run                   what looks the same would go with it
  calotype takedown --list
  calotype takedown --lift TAKEDOWN                          it may come in again
It needs the scope admin.)");
  auto* one = takedown->add_option_group("What");
  auto* id = one->add_option("ID", draft.takedown.id, "The asset, or sha256:HEX");
  one->add_flag("--list", draft.takedown.list, "What was taken down");
  one->add_option("--lift", draft.takedown.lift, "The takedown that ends")->type_name("TAKEDOWN");
  one->require_option(1);
  takedown->add_option("--reason", draft.takedown.reason, "Why; kept with it");
  takedown->add_flag("--cluster", draft.takedown.cluster, "And all near-duplicates in its cluster")
      ->needs(id);
  takedown->add_flag("--dry-run", draft.takedown.dry_run, "Only show what would go")->needs(id);
}

void add_delete(CLI::App& app, Draft& draft) {
  auto* remove = app.add_subcommand("delete", "Delete an asset, or one of its uploads");
  remove->footer(R"(Examples:
  calotype delete ID
  calotype delete ID --upload UPLOAD
An asset goes with its last upload.)");
  remove->add_option("ID", draft.remove.id, "The asset")->required();
  remove->add_option("--upload", draft.remove.upload, "This upload only")->type_name("UPLOAD");
}

void add_jobs(CLI::App& app, Draft& draft) {
  auto* jobs = app.add_subcommand("jobs", "List jobs");
  jobs->footer(R"(Examples:
  calotype jobs
  calotype jobs --dead)");
  auto* dead = jobs->add_flag_callback(
      "--dead", [&draft] { draft.jobs.state = "dead"; }, "Only those that have been given up");
  jobs->add_option("--state", draft.jobs.state, "Only those in this state")
      ->check(CLI::IsMember({"ready", "running", "dead"}))
      ->excludes(dead);
  jobs->add_option("--limit", draft.jobs.limit, "How many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();

  auto* retry = app.add_subcommand("retry", "Give dead jobs a new start");
  retry->footer(R"(Examples:
  calotype retry JOB
  calotype retry $(calotype jobs --dead --json | jq -r '.jobs[].id'))");
  retry->add_option("JOB", draft.retry.jobs, "Jobs, by their ids")->required();
}

void add_key(CLI::App& app, Draft& draft) {
  auto* key = app.add_subcommand("key", "Make, list and revoke API keys");
  key->require_subcommand(1);
  auto* create = key->add_subcommand("create", "Make a key; it is shown this once");
  create->footer(R"(Examples:
  calotype key create --name website --scope read
  calotype key create --name admin --data /srv/calotype    the first one, on the catalog itself
Scopes: read (see assets), write (bring in and delete), admin (keys and jobs). Default: all three.
Once there is a key, every request to /v1 needs one.)");
  create->add_option("--name", draft.key_create.name, "Whose it is")->required();
  create->add_option("--scope", draft.key_create.scopes, "A scope; may be repeated")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->check(CLI::IsMember({"read", "write", "admin"}));
  add_config_options(*create, draft);
  key->add_subcommand("list", "List keys")->footer("Example:\n  calotype key list");
  auto* revoke = key->add_subcommand("revoke", "Make a key worthless");
  revoke->footer("Example:\n  calotype key revoke KEY_ID");
  revoke->add_option("KEY_ID", draft.key_revoke.id, "The key's id, as `key list` shows it")
      ->required();
}

void add_config_and_sign(CLI::App& app, Draft& draft) {
  auto* config = app.add_subcommand("config", "Show every setting and where its value came from");
  config->footer(R"(Examples:
  calotype config
  calotype config --set http.io_threads=2 --json
Each layer goes over the one before: defaults, the file, variables (CALOTYPE_HTTP_LISTEN for
http.listen), flags.)");
  config->add_option("--listen", draft.listen, "As for serve")->type_name("HOST:PORT");
  add_config_options(*config, draft);

  auto* sign = app.add_subcommand("sign", "Sign variant URLs with delivery.signing_key");
  sign->footer(R"(Examples:
  CALOTYPE_DELIVERY_SIGNING_KEY=… calotype sign /v/ID/thumb.webp
  calotype sign 'https://media.example.org/i/ID?w=400')");
  sign->add_option("URL", draft.sign.urls, "URLs, or their paths with the query")->required();
  add_config_options(*sign, draft);
}

void add_migrate(CLI::App& app, Draft& draft) {
  auto* migrate = app.add_subcommand("migrate-store", "Move catalog and blobs elsewhere");
  migrate->footer(R"(Examples:
  calotype migrate-store --data /srv/calotype \
    --to catalog=postgresql://calotype@db/calotype --to 'blobs=s3://media?endpoint=https://s3.local'
  calotype migrate-store --config many.toml --to catalog=sqlite:/srv/new/catalog.db \
    --to blobs=folder:/srv/new/blobs                                       and back
The source is what `serve` would use with the same options; the target is that with --to on top.
No server may run on either. Every blob and row is read back and compared. The source is only read.
When it is interrupted, run it again and it goes on.)");
  add_config_options(*migrate, draft);
  migrate->add_option("--to", draft.to, "A setting of the target, as KEY=VALUE; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->check(set_is_pair);
  migrate->add_option("--to-config", draft.migrate.to_config, "The target's configuration file")
      ->type_name("FILE");
  migrate->add_flag("--skip-damaged", draft.migrate.skip_damaged,
                    "Leave out blobs that the source has lost or damaged");
}

void add_verify(CLI::App& app, Draft& draft) {
  auto* verify =
      app.add_subcommand("verify", "Hash what is kept again, and compare it with its rows");
  verify->footer(R"(Examples:
  calotype verify --data /srv/calotype
  calotype verify --repair --json
  calotype verify --share 3/30                     the third of thirty shares, by hash
A server may run on it meanwhile. A damaged blob is quarantined: served to nobody, and named here,
in the asset's JSON and in /metrics. --repair makes proofs and variants again and removes what has
no owner; a damaged original is mended by bringing the same file in again.
Exit code 0: all is right, or was mended. 1: something is not.)");
  verify->add_flag("--repair", draft.verify.repair, "Mend what can be mended");
  verify->add_option("--share", draft.verify.share, "A part of the blobs, as NUMBER/OF")
      ->type_name("N/M");
  add_config_options(*verify, draft);
}

void add_duplicates(CLI::App& app, Draft& draft) {
  auto* duplicates = app.add_subcommand("duplicates", "List pictures that look the same, or merge");
  duplicates->footer("Example:\n  calotype duplicates\nNothing is merged by itself.");
  auto* merge = duplicates->add_subcommand("merge", "Give one asset's uploads and URLs to another");
  merge->footer("Example:\n  calotype duplicates merge FROM INTO\nFROM is deleted.");
  merge->add_option("FROM", draft.merge.from, "The asset that goes")->required();
  merge->add_option("INTO", draft.merge.into, "The asset that stays")->required();
}

void add_pairs(std::vector<FlagSetting>& flags, const std::vector<std::string>& pairs,
               const std::string& flag) {
  for (const std::string& pair : pairs) {
    const auto equals = pair.find('=');
    flags.push_back({pair.substr(0, equals), pair.substr(equals + 1), flag});
  }
}

void add_storage(CLI::App& app, Draft& draft) {
  auto* storage = app.add_subcommand("storage", "Look after the S3 bucket that the bytes are in");
  storage->require_subcommand(1);
  auto* check = storage->add_subcommand("check", "Try all that the server needs of the bucket");
  check->footer(R"(Example:
  calotype storage check --set 'blobs=s3://pictures?endpoint=http://127.0.0.1:9000'
It puts an object under probe/, reads it and removes it.)");
  add_config_options(*check, draft);
  auto* apply = storage->add_subcommand("apply-lifecycle", "Set the rules of the bucket");
  apply->footer(R"(Examples:
  calotype storage apply-lifecycle
  calotype storage apply-lifecycle --days 60 --class GLACIER_IR
Variants go to infrequent access, uploads in parts that never ended are aborted. Rules that others
have in the bucket stay.)");
  apply->add_option("--days", draft.lifecycle.days, "Age at which variants go there")
      ->check(CLI::Range(1, 3650))
      ->capture_default_str();
  apply->add_option("--class", draft.lifecycle.infrequent_class, "The storage class")
      ->capture_default_str();
  add_config_options(*apply, draft);
}

ConfigOptions config_of(const Draft& draft, const std::string& command) {
  ConfigOptions config{draft.config_path, {}};
  add_pairs(config.flags, draft.sets, "--set");
  if (!draft.data.empty()) config.flags.push_back({"data", draft.data, "--data"});
  const std::string listen = command == "worker" ? "worker.listen" : "http.listen";
  if (!draft.listen.empty()) config.flags.push_back({listen, draft.listen, "--listen"});
  if (!draft.lanes.empty()) config.flags.push_back({"worker.lanes", draft.lanes, "--lanes"});
  if (draft.no_workers) config.flags.push_back({"jobs.in_server", "false", "--no-workers"});
  return config;
}

Command command_of(Draft& draft, const std::string& name) {
  const ConfigOptions config = config_of(draft, name);
  if (name == "serve") return ServeCommand{config};
  if (name == "worker") return WorkerCommand{config};
  if (name == "put") return draft.put;
  if (name == "get") return draft.get;
  if (name == "list") return draft.list;
  if (name == "show") return draft.show;
  if (name == "delete") return draft.remove;
  if (name == "takedown") return draft.takedown;
  if (name == "jobs") return draft.jobs;
  if (name == "retry") return draft.retry;
  if (name == "config") return ConfigCommand{config};
  if (name == "sign") {
    draft.sign.config = config;
    return draft.sign;
  }
  if (name == "migrate-store") {
    draft.migrate.config = config;
    add_pairs(draft.migrate.to, draft.to, "--to");
    return draft.migrate;
  }
  if (name == "import") return draft.import;
  if (name == "duplicates") return DuplicatesCommand{};
  if (name == "duplicates merge") return draft.merge;
  if (name == "verify") {
    draft.verify.config = config;
    return draft.verify;
  }
  if (name == "storage check") return StorageCheckCommand{config};
  if (name == "storage apply-lifecycle") {
    draft.lifecycle.config = config;
    return draft.lifecycle;
  }
  if (name == "key list") return KeyListCommand{};
  if (name == "key revoke") return draft.key_revoke;
  require(name == "key create", "every command of the parser has its value");
  draft.key_create.config = config;
  draft.key_create.direct =
      !draft.data.empty() || !draft.config_path.empty() || !draft.sets.empty();
  if (draft.key_create.scopes.empty()) draft.key_create.scopes = {"read", "write", "admin"};
  return draft.key_create;
}

/// " put", " key create": as far as a command was recognised.
std::string command_name(const CLI::App& app) {
  std::string name;
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    name += " " + at->get_name();
  }
  return name;
}

/// "put, get, list": what may come next.
std::string subcommands_of(const CLI::App& app) {
  std::string names;
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; }))
    names.append(names.empty() ? "" : ", ").append(each->get_name());
  return names;
}

std::string failure_message(const CLI::App* failed, const CLI::Error& error) {
  const std::string name = "calotype" + command_name(*failed);
  const CLI::App* last = failed;
  while (!last->get_subcommands().empty()) last = last->get_subcommands().front();
  auto rest = failed->remaining(true);
  if (const CLI::App* parent = failed->get_parent(); rest.empty() && parent != nullptr)
    rest = parent->remaining();
  const std::string choice = subcommands_of(*last);
  std::string what = error.what();
  if (!choice.empty() && !rest.empty() && !rest.front().starts_with('-'))
    what = "There is no command “" + rest.front() + "”; there are " + choice + ".";
  else if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !choice.empty())
    what = "A command is missing: one of " + choice + ".";
  return name + ": " + what + "\nTry `" + name + " --help`.\n";
}

Usage usage_of(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream out;
  std::ostringstream message;
  const int code = app.exit(error, out, message);
  return code == 0 ? Usage{0, out.str()} : Usage{2, message.str()};
}

}  // namespace

std::variant<CommandLine, Usage> parse_command_line(std::vector<std::string> arguments) {
  Draft draft;
  CLI::App app{overview, "calotype"};
  app.set_version_flag("--version", "calotype " CALOTYPE_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.failure_message(failure_message);
  // What is said last holds: `./dev serve -- --listen …` goes over the script's own --listen.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  add_client_options(app, draft);
  add_serve(app, draft);
  add_put(app, draft);
  add_get(app, draft);
  add_list_and_show(app, draft);
  add_delete(app, draft);
  add_takedown(app, draft);
  add_jobs(app, draft);
  add_key(app, draft);
  add_config_and_sign(app, draft);
  add_migrate(app, draft);
  add_import(app, draft);
  add_verify(app, draft);
  add_storage(app, draft);
  add_duplicates(app, draft);
  try {
    std::ranges::reverse(arguments);  // as CLI11 wants a vector
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return usage_of(app, error);
  }
  CommandLine line;
  line.name = command_name(app).substr(1);
  line.command = command_of(draft, line.name);
  line.client = draft.client;
  return line;
}

}  // namespace calotype
