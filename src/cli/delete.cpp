// SPDX-License-Identifier: Apache-2.0
// Deletes an asset with all its uploads, or one of them.
#include <ostream>

#include "cli/commands.hpp"
#include "cli/text_table.hpp"

namespace calotype {

Result<void> run(const DeleteCommand& command, Session& session) {
  std::string target = "/v1/assets/" + escape_segment(command.id);
  if (!command.upload.empty()) target += "/uploads/" + escape_segment(command.upload);
  TRY_VOID(ask(session, {.method = "DELETE", .target = target}));
  if (session.json) {
    json::object answer{{"id", command.id}, {"deleted", true}};
    if (!command.upload.empty()) answer["upload"] = command.upload;
    print_json(session, answer);
  } else if (command.upload.empty()) {
    session.out << "Deleted " << shown_text(command.id) << ".\n";
  } else {
    session.out << "Deleted upload " << shown_text(command.upload) << " of "
                << shown_text(command.id) << ".\n";
  }
  return {};
}

}  // namespace calotype
