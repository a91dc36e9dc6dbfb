// SPDX-License-Identifier: Apache-2.0
// The effective configuration of this machine: each setting, its value, and the layer that it comes
// from. It asks no server.
#include <ostream>

#include "cli/commands.hpp"
#include "cli/text_table.hpp"

namespace calotype {

Result<void> run(const ConfigCommand& command, Session& session) {
  TRY(const Settings settings, load_settings(command.config));
  if (session.json) {
    json::object answer;
    for (const auto& one : settings.effective())
      answer[one.key] = json::object{{"value", one.text}, {"from", one.source}, {"help", one.help}};
    print_json(session, answer);
    return {};
  }
  TextTable table({"SETTING", "VALUE", "FROM", "WHAT IT IS"});
  for (const auto& one : settings.effective())
    table.add(
        {one.key, one.text.empty() ? "(empty)" : one.text, one.source, std::string(one.help)});
  table.print(session.out);
  return {};
}

}  // namespace calotype
