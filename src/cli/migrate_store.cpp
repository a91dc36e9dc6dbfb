// SPDX-License-Identifier: Apache-2.0
// Moves everything that is kept from one place to another, both named by settings: the source is
// what `calotype serve` would use with the same options, the target is that with --to on top.
#include <unistd.h>

#include <chrono>
#include <format>
#include <ostream>
#include <string>

#include "base/log.hpp"
#include "cli/app_settings.hpp"
#include "cli/commands.hpp"
#include "cli/text_table.hpp"

namespace calotype {
namespace {

using Progress = MigrateStore::Progress;

std::string_view name_of(MigrateStore::Step step) {
  switch (step) {
    case MigrateStore::Step::copy_blobs:
      return "copy_blobs";
    case MigrateStore::Step::copy_rows:
      return "copy_rows";
    case MigrateStore::Step::check_rows:
      return "check_rows";
    case MigrateStore::Step::check_blobs:
      return "check_blobs";
  }
  panic("a step of the move");
}

std::string_view words_of(MigrateStore::Step step) {
  switch (step) {
    case MigrateStore::Step::copy_blobs:
      return "copying blobs";
    case MigrateStore::Step::copy_rows:
      return "copying rows";
    case MigrateStore::Step::check_rows:
      return "comparing rows";
    case MigrateStore::Step::check_blobs:
      return "reading every blob back";
  }
  panic("a step of the move");
}

/// Tells of each step's begin and end, and once a second in between.
class Teller {
 public:
  explicit Teller(Session& session) : session_(session), moving_(::isatty(STDERR_FILENO) == 1) {}

  void operator()(const Progress& progress) {
    const auto now = std::chrono::steady_clock::now();
    const bool is_edge = progress.done == 0 || progress.done >= progress.total;
    if (!is_edge && now - told_ < std::chrono::seconds(1)) return;
    if (is_edge && progress.step == edge_step_ && progress.done == edge_done_) return;
    told_ = now;
    if (is_edge) {
      edge_step_ = progress.step;
      edge_done_ = progress.done;
    }
    if (session_.json) {
      print_json(session_, json::object{{"step", name_of(progress.step)},
                                        {"done", progress.done},
                                        {"total", progress.total},
                                        {"bytes", progress.bytes}});
      session_.out.flush();
      return;
    }
    const bool ends_line = !moving_ || progress.done >= progress.total;
    session_.err << std::format("{}{}: {} of {}{}{}", moving_ ? "\r\x1b[K" : "",
                                words_of(progress.step), progress.done, progress.total,
                                progress.bytes > 0 ? ", " + shown_bytes(progress.bytes) : "",
                                ends_line ? "\n" : "")
                 << std::flush;
  }

 private:
  static std::string shown_bytes(std::uint64_t bytes) {
    return std::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
  }

  Session& session_;
  const bool moving_;
  std::chrono::steady_clock::time_point told_{};
  MigrateStore::Step edge_step_{};
  std::uint64_t edge_done_ = UINT64_MAX;
};

Result<Settings> target_settings(const MigrateStoreCommand& command) {
  ConfigOptions options = command.config;
  if (!command.to_config.empty()) options = {.config_path = command.to_config, .flags = {}};
  options.flags.insert(options.flags.end(), command.to.begin(), command.to.end());
  return load_settings(options);
}

json::value report_json(const MigrateStore::Report& report) {
  json::array damaged;
  for (const auto& key : report.damaged) damaged.emplace_back(key);
  return json::object{{"moved", true},
                      {"resumed", report.resumed},
                      {"blobs", report.blobs},
                      {"bytes", report.bytes},
                      {"blobs_copied", report.blobs_copied},
                      {"rows", report.rows},
                      {"rows_copied", report.rows_copied},
                      {"damaged", std::move(damaged)}};
}

}  // namespace

Result<void> run(const MigrateStoreCommand& command, Session& session) {
  TRY(const Settings source, load_settings(command.config));
  TRY(const Settings target, target_settings(command));
  log::configure(log::Format::text, log::Level::error);
  TRY(const AppSettings from, app_settings(source));
  TRY(const AppSettings to, app_settings(target));
  Teller teller(session);
  TRY(const MigrateStore::Report report,
      migrate_store(from, to, command.skip_damaged, std::ref(teller)));
  if (session.json) {
    print_json(session, report_json(report));
    return {};
  }
  session.out << std::format(
      "Moved {} blobs ({} bytes) and {} rows; each was read back and agrees.\n", report.blobs,
      report.bytes, report.rows);
  for (const auto& key : report.damaged)
    session.out << "Left out, as the source has lost it: " << shown_text(key) << '\n';
  session.out << "The source is as it was. Serve from the target from now on, and not from both.\n";
  return {};
}

}  // namespace calotype
