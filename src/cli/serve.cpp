// SPDX-License-Identifier: Apache-2.0
// Runs the server, or a worker, with the effective configuration.
#include <utility>

#include "base/log.hpp"
#include "cli/app_settings.hpp"
#include "cli/commands.hpp"

namespace calotype {
namespace {

log::Level log_level(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, log::Level>, 5> levels = {
      {{"debug", log::Level::debug},
       {"info", log::Level::info},
       {"warn", log::Level::warn},
       {"error", log::Level::error},
       {"off", log::Level::off}}};
  for (const auto& [known, level] : levels)
    if (known == name) return level;
  panic("log.level is checked when it is read");
}

void configure_log(const Settings& settings, const Session& session) {
  const bool in_json = session.json || settings.text("log.format") == "json";
  log::configure(in_json ? log::Format::json : log::Format::text,
                 log_level(settings.text("log.level")));
}

}  // namespace

Result<void> run(const ServeCommand& command, Session& session) {
  TRY(const Settings settings, load_settings(command.config));
  configure_log(settings, session);
  TRY(const AppSettings app, app_settings(settings));
  return serve(app);
}

Result<void> run(const WorkerCommand& command, Session& session) {
  TRY(const Settings settings, load_settings(command.config));
  configure_log(settings, session);
  TRY(const AppSettings app, worker_settings(settings));
  return work(app);
}

}  // namespace calotype
