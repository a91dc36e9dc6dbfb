// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"

#include <ostream>

#include "cli/text_table.hpp"

namespace calotype {

Result<Settings> load_settings(const ConfigOptions& options) {
  SettingSources sources;
  sources.config_path = options.config_path;
  sources.environment = process_environment();
  sources.flags = options.flags;
  return Settings::load(sources);
}

void print_error(Session& session, std::string_view command, const Error& error) {
  session.out.flush();
  session.err << "calotype " << command << ": " << to_string(error.code) << ": "
              << shown_text(error.message);
  if (!error.detail.empty()) session.err << " (" << shown_text(error.detail) << ")";
  session.err << '\n';
}

}  // namespace calotype
