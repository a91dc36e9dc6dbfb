// SPDX-License-Identifier: Apache-2.0
// The program. Exit codes: 0 done, 1 failed, 2 not understood.
#include <csignal>
#include <iostream>

#include "cli/commands.hpp"

int main(int argc, char** argv) {
  using namespace calotype;
  // A reader that goes away (calotype list | head) is an error of a write, not a death.
  std::signal(SIGPIPE, SIG_IGN);
  auto parsed = parse_command_line({argv + 1, argv + argc});
  if (const auto* usage = std::get_if<Usage>(&parsed)) {
    (usage->exit_code == 0 ? std::cout : std::cerr) << usage->text;
    return usage->exit_code;
  }
  const auto& line = std::get<CommandLine>(parsed);
  HttpClient http(line.client.server, line.client.key);
  Session session{http, line.client.json, std::cout, std::cerr};
  const auto done =
      std::visit([&](const auto& command) { return run(command, session); }, line.command);
  std::cout.flush();
  if (done) return 0;
  print_error(session, line.name, done.error());
  return 1;
}
