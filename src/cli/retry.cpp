// SPDX-License-Identifier: Apache-2.0
// Gives dead jobs a new start, with all their attempts.
#include <optional>
#include <ostream>

#include "cli/commands.hpp"
#include "cli/text_table.hpp"

namespace calotype {

Result<void> run(const RetryCommand& command, Session& session) {
  std::optional<Error> last;
  for (const auto& job : command.jobs) {
    const auto answer =
        ask(session, {.method = "POST", .target = "/v1/jobs/" + escape_segment(job) + "/retry"});
    if (!answer) {
      if (last) print_error(session, "retry", *last);
      last = answer.error();
    } else if (session.json) {
      print_json(session, json::object{{"id", job}, {"state", "ready"}});
    } else {
      session.out << "Job " << shown_text(job) << " starts anew.\n";
    }
  }
  if (last) return std::unexpected(*last);
  return {};
}

}  // namespace calotype
