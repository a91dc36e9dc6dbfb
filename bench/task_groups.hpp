// SPDX-License-Identifier: Apache-2.0
// The line protocol that the reference and the client share, so that both sides of a benchmark row
// are driven in the same way: tasks stand in groups, a group's tasks run so many at a time, and
// the next group begins when all of the last are done. The clock runs from `go` to the last task.
//
//   task TAB argument TAB argument …     adds a task to the open group
//   barrier                              closes the group
//   go                                   runs everything; answers one line of JSON
//
// Outputs stay in memory while the clock runs and are written afterwards.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bench {

struct Task {
  std::vector<std::string> arguments;
  std::string output;  // what the task made
  std::string error;   // why it did not
  double seconds = 0;
};

using Group = std::vector<Task>;
/// Runs one task on worker number `worker`; fills output or error.
using Work = std::function<void(unsigned worker, Task& task)>;

inline std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find('\t', begin), line.size());
    parts.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// Threads that live as long as the process: a warm pool, as a server's.
class Workers {
 public:
  Workers(unsigned count, Work work) : work_(std::move(work)) {
    for (unsigned number = 0; number < count; ++number)
      threads_.emplace_back([this, number](const std::stop_token& stop) { run(number, stop); });
  }

  void run_group(Group& group) {
    std::unique_lock lock(mutex_);
    group_ = &group;
    next_ = 0;
    left_ = group.size();
    changed_.notify_all();
    changed_.wait(lock, [this] { return left_ == 0; });
    group_ = nullptr;
  }

 private:
  void run(unsigned number, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return group_ && next_ < group_->size(); })) {
      Task& task = (*group_)[next_++];
      lock.unlock();
      const auto began = std::chrono::steady_clock::now();
      work_(number, task);
      task.seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
      lock.lock();
      if (--left_ == 0) changed_.notify_all();
    }
  }

  Work work_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Group* group_ = nullptr;
  std::size_t next_ = 0;
  std::size_t left_ = 0;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

inline void print_answer(double seconds, const std::vector<Group>& groups) {
  std::uint64_t bytes = 0;
  std::size_t tasks = 0;
  std::size_t failed = 0;
  std::string error;
  std::string latencies;
  for (const auto& group : groups)
    for (const auto& task : group) {
      ++tasks;
      bytes += task.output.size();
      if (!task.error.empty() && failed++ == 0) error = task.arguments[0] + ": " + task.error;
      latencies += (latencies.empty() ? "" : ",") + std::to_string(task.seconds);
    }
  for (char& letter : error)
    if (letter == '"' || letter == '\\' || static_cast<unsigned char>(letter) < 0x20) letter = ' ';
  std::cout << R"({"seconds":)" << seconds << R"(,"tasks":)" << tasks << R"(,"bytes":)" << bytes
            << R"(,"failed":)" << failed << R"(,"error":")" << error << R"(","task_seconds":[)"
            << latencies << "]}" << std::endl;
}

/// Reads the protocol until the end of the input. A task's last argument is the file that its
/// output is written to, `-` for none.
inline int serve_tasks(unsigned worker_count, const Work& work) {
  Workers workers(worker_count, work);
  std::vector<Group> groups(1);
  for (std::string line; std::getline(std::cin, line);) {
    auto parts = split(line);
    if (parts[0] == "task" && parts.size() >= 3) {
      parts.erase(parts.begin());
      groups.back().push_back({.arguments = std::move(parts), .output = {}, .error = {}});
    } else if (line == "barrier") {
      if (!groups.back().empty()) groups.emplace_back();
    } else if (line == "go") {
      if (groups.back().empty()) groups.pop_back();
      const auto began = std::chrono::steady_clock::now();
      for (auto& group : groups) workers.run_group(group);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
      for (const auto& group : groups)
        for (const auto& task : group)
          if (task.arguments.back() != "-" && task.error.empty())
            std::ofstream(task.arguments.back(), std::ios::binary) << task.output;
      print_answer(took.count(), groups);
      groups.assign(1, {});
    } else {
      std::cerr << "not understood: " << line << '\n';
      return 2;
    }
  }
  return 0;
}

}  // namespace bench
