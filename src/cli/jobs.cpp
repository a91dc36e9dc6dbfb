// SPDX-License-Identifier: Apache-2.0
// Lists jobs: what waits, what runs, and what has been given up (dead letters).
#include <ostream>

#include "cli/commands.hpp"
#include "cli/text_table.hpp"

namespace calotype {

Result<void> run(const JobsCommand& command, Session& session) {
  std::string target = "/v1/jobs?limit=" + std::to_string(command.limit);
  if (!command.state.empty()) target += "&state=" + command.state;
  TRY(const json::value page, ask(session, {.target = target}));
  if (session.json) {
    print_json(session, page);
    return {};
  }
  TextTable table({"JOB", "KIND", "STATE", "ATTEMPTS", "RUN AFTER", "ASSET", "LAST ERROR"});
  for (const auto& job : array_field(page, "jobs"))
    table.add({text_field(job, "id"), text_field(job, "kind"), text_field(job, "state"),
               std::to_string(number_field(job, "attempts")), text_field(job, "run_after"),
               text_field(job, "asset_id"), text_field(job, "last_error")});
  if (table.empty()) {
    session.out << (command.state == "dead" ? "No dead jobs.\n" : "No jobs.\n");
  } else {
    table.print(session.out);
  }
  if (!text_field(page, "next").empty())
    session.err << "There are more; --limit takes up to 1000.\n";
  return {};
}

}  // namespace calotype
