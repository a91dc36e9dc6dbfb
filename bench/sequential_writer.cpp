// SPDX-License-Identifier: Apache-2.0
// The reference for small uploads: as many distinct files, each written, fsynced and renamed to its
// name, one after another by one thread. Nothing else: no hash, no catalog, no network, no fsync of
// the folder.
//
//   sequential_writer FOLDER COUNT BYTES SEED      answers one line of JSON
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <random>
#include <string>

namespace {

[[noreturn]] void stop(const char* what) {
  std::cerr << what << ": " << std::strerror(errno) << '\n';
  std::exit(1);
}

void write_file(int folder, std::uint64_t number, std::string& content) {
  std::memcpy(content.data(), &number, sizeof number);
  const std::string name = "file-" + std::to_string(number);
  const std::string unfinished = name + ".part";
  const int fd =
      ::openat(folder, unfinished.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0) stop("open");
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t count = ::write(fd, content.data() + done, content.size() - done);
    if (count < 0) stop("write");
    done += static_cast<std::size_t>(count);
  }
  if (::fsync(fd) != 0) stop("fsync");
  ::close(fd);
  if (::renameat(folder, unfinished.c_str(), folder, name.c_str()) != 0) stop("rename");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "sequential_writer FOLDER COUNT BYTES SEED\n";
    return 2;
  }
  const int folder = ::open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) stop(argv[1]);
  const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
  std::mt19937_64 random(std::strtoull(argv[4], nullptr, 10));
  std::string content(std::max<std::size_t>(std::strtoull(argv[3], nullptr, 10), 8), '\0');
  for (std::size_t at = 0; at + 8 <= content.size(); at += 8) {
    const std::uint64_t word = random();
    std::memcpy(content.data() + at, &word, sizeof word);
  }
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t number = 0; number < count; ++number) write_file(folder, number, content);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::cout << R"({"seconds":)" << took.count() << R"(,"files":)" << count << "}\n";
}
