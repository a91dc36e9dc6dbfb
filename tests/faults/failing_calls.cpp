// SPDX-License-Identifier: Apache-2.0
// Lets the system calls of an unchanged program fail, to see what it makes of a disk that is full
// or broken. Preloaded (LD_PRELOAD) into it; CALOTYPE_FAULTS names a file of one page that a test
// writes while the program runs:
//
//   pwrite ENOSPC 100 /data/catalog.db\n     call, errno, per cent of such calls, part of the path
//   fdatasync EIO 30 /blobs/\n               any number of rules; the first that fits counts
//   \0…
//
// and whose last 8 bytes count the calls that have failed. The page is mapped when the program
// starts, before it gives up any rights, and read at each call: no rule, no failure.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t rules_bytes = page_bytes - sizeof(std::uint64_t);

char* page = nullptr;

__attribute__((constructor)) void map_page() {
  const char* path = std::getenv("CALOTYPE_FAULTS");
  if (path == nullptr) return;
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* mapped = ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (mapped != MAP_FAILED) page = static_cast<char*>(mapped);
}

std::string_view take_until(std::string_view& text, char end) {
  const auto at = text.find(end);
  const auto taken = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return taken;
}

int error_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, int>, 4> errors = {
      {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS}}};
  for (const auto& [known, error] : errors)
    if (known == name) return error;
  return 0;
}

/// Xorshift; each thread has its own sequence.
bool happens(unsigned percent) {
  static std::atomic<std::uint64_t> seeds = 88172645463325252ULL;
  thread_local std::uint64_t state = seeds.fetch_add(0x9e3779b97f4a7c15ULL);
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % 100 < percent;
}

/// 0, or the errno with which the call is to fail. `path_of` gives the file's path.
template <class PathOf>
int fault(std::string_view call, PathOf path_of) {
  if (page == nullptr) return 0;
  std::string_view rules(page, ::strnlen(page, rules_bytes));
  while (!rules.empty()) {
    std::string_view rule = take_until(rules, '\n');
    if (take_until(rule, ' ') != call) continue;
    const int error = error_of(take_until(rule, ' '));
    const std::string_view percent_text = take_until(rule, ' ');
    unsigned percent = 0;
    std::from_chars(percent_text.data(), percent_text.data() + percent_text.size(), percent);
    if (error == 0 || path_of().find(rule) == std::string_view::npos || !happens(percent)) continue;
    std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(page + rules_bytes))++;
    return error;
  }
  return 0;
}

int fault_of_file(std::string_view call, int fd) {
  std::array<char, 4096> path{};
  return fault(call, [&] {
    std::array<char, 32> link{"/proc/self/fd/"};
    std::to_chars(link.data() + 14, link.data() + link.size(), fd);
    const ssize_t size = ::readlink(link.data(), path.data(), path.size());
    return std::string_view(path.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  });
}

int fault_of_path(std::string_view call, const char* path) {
  return fault(call, [path] { return std::string_view(path); });
}

/// The function that the program would have called without us.
template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int failed(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t count) {
  static auto* const next = real<ssize_t(int, const void*, size_t)>("write");
  if (const int error = fault_of_file("write", fd)) return failed(error);
  return next(fd, bytes, count);
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  static auto* const next = real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  if (const int error = fault_of_file("pwrite", fd)) return failed(error);
  return next(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t offset) {
  static auto* const next = real<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  if (const int error = fault_of_file("pwrite", fd)) return failed(error);
  return next(fd, bytes, count, offset);
}

int fsync(int fd) {
  static auto* const next = real<int(int)>("fsync");
  if (const int error = fault_of_file("fsync", fd)) return failed(error);
  return next(fd);
}

int fdatasync(int fd) {
  static auto* const next = real<int(int)>("fdatasync");
  if (const int error = fault_of_file("fdatasync", fd)) return failed(error);
  return next(fd);
}

int ftruncate(int fd, off_t size) noexcept {
  static auto* const next = real<int(int, off_t)>("ftruncate");
  if (const int error = fault_of_file("ftruncate", fd)) return failed(error);
  return next(fd, size);
}

int ftruncate64(int fd, off64_t size) noexcept {
  static auto* const next = real<int(int, off64_t)>("ftruncate64");
  if (const int error = fault_of_file("ftruncate", fd)) return failed(error);
  return next(fd, size);
}

int linkat(int from_folder, const char* from, int folder, const char* path, int flags) noexcept {
  static auto* const next = real<int(int, const char*, int, const char*, int)>("linkat");
  if (const int error = fault_of_path("linkat", path)) return failed(error);
  return next(from_folder, from, folder, path, flags);
}

int mkdirat(int folder, const char* path, mode_t mode) noexcept {
  static auto* const next = real<int(int, const char*, mode_t)>("mkdirat");
  if (const int error = fault_of_path("mkdirat", path)) return failed(error);
  return next(folder, path, mode);
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  static auto* const next = real<int(int, const char*, int)>("unlinkat");
  if (const int error = fault_of_path("unlinkat", path)) return failed(error);
  return next(folder, path, flags);
}

}  // extern "C"
