// SPDX-License-Identifier: Apache-2.0
// The client of the rendering rows: so many keep-alive connections, each on a thread of its own,
// that ask for pictures as task_groups.hpp says. It costs some tens of microseconds a request, so
// that what is measured is the server on the cores that they share.
//
//   fetch_client PORT CONNECTIONS      then, on stdin:
//   task TAB target TAB output         (target: "/v/…"; output: a file, or `-`)
#include "connection.hpp"
#include "task_groups.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "fetch_client PORT CONNECTIONS\n";
    return 2;
  }
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  const auto count = static_cast<unsigned>(std::atoi(argv[2]));
  std::vector<int> connections(count, -1);
  for (int& connection : connections) connection = bench::connect_loopback(port);
  return bench::serve_tasks(count, [&](unsigned worker, bench::Task& task) {
    try {
      bench::send_all(connections[worker], "GET " + task.arguments[0] +
                                               " HTTP/1.1\r\nHost: bench\r\n"
                                               "Accept: image/webp,*/*\r\n\r\n");
      auto response = bench::read_response(connections[worker]);
      if (response.status == 200)
        task.output = std::move(response.body);
      else
        task.error = std::to_string(response.status) + " " + response.body.substr(0, 300);
    } catch (const std::exception& error) {
      task.error = error.what();
      ::close(connections[worker]);
      connections[worker] = bench::connect_loopback(port);
    }
  });
}
