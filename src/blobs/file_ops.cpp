// SPDX-License-Identifier: Apache-2.0
#include "blobs/file_ops.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace calotype {
namespace {

/// Calls again while a signal interrupts; gives -errno for -1.
template <class Call>
auto checked(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result < 0 ? static_cast<decltype(result)>(-errno) : result;
}

class KernelFileOps final : public FileOps {
 public:
  int open(int folder, const std::string& path, int flags, mode_t mode) override {
    flags |= O_CLOEXEC | O_NOFOLLOW;
    if (has_openat2_) {
      open_how how{};
      how.flags = static_cast<std::uint64_t>(flags);
      how.mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? mode : 0;
      how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
      const long fd =
          checked([&] { return ::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how); });
      // EPERM too: a system-call filter that is older than openat2 answers so.
      if (fd != -ENOSYS && fd != -EPERM) return static_cast<int>(fd);
      has_openat2_ = false;
    }
    return checked([&] { return ::openat(folder, path.c_str(), flags, mode); });
  }

  ssize_t write(int fd, ByteSpan bytes) override {
    return checked([&] { return ::write(fd, bytes.data(), bytes.size()); });
  }

  int set_direct(int fd, bool direct) override {
    return checked([&] { return ::fcntl(fd, F_SETFL, direct ? O_DIRECT : 0); });
  }

  int sync_file_range(int fd, off_t offset, off_t bytes, unsigned flags) override {
    return checked([&] { return ::sync_file_range(fd, offset, bytes, flags); });
  }

  int fdatasync(int fd) override {
    return checked([&] { return ::fdatasync(fd); });
  }

  int fsync(int fd) override {
    return checked([&] { return ::fsync(fd); });
  }

  int truncate(int fd, off_t bytes) override {
    return checked([&] { return ::ftruncate(fd, bytes); });
  }

  int link(int fd, int folder, const std::string& path) override {
    // The way through /proc needs no privilege; the other one no /proc.
    const std::string open_file = "/proc/self/fd/" + std::to_string(fd);
    const int result = checked([&] {
      return ::linkat(AT_FDCWD, open_file.c_str(), folder, path.c_str(), AT_SYMLINK_FOLLOW);
    });
    if (result != -ENOENT) return result;
    return checked([&] { return ::linkat(fd, "", folder, path.c_str(), AT_EMPTY_PATH); });
  }

  int rename(int folder, const std::string& from, const std::string& to) override {
    return checked([&] { return ::renameat(folder, from.c_str(), folder, to.c_str()); });
  }

  int unlink(int folder, const std::string& path) override {
    return checked([&] { return ::unlinkat(folder, path.c_str(), 0); });
  }

  int mkdir(int folder, const std::string& path, mode_t mode) override {
    return checked([&] { return ::mkdirat(folder, path.c_str(), mode); });
  }

  int stat(int folder, const std::string& path, struct stat& out) override {
    return checked([&] { return ::fstatat(folder, path.c_str(), &out, AT_SYMLINK_NOFOLLOW); });
  }

  std::int64_t free_bytes(int folder) override {
    struct statfs facts{};
    const int error = checked([&] { return ::fstatfs(folder, &facts); });
    return error < 0 ? error : static_cast<std::int64_t>(facts.f_bavail) * facts.f_bsize;
  }

  int touch(int folder, const std::string& path) override {
    return checked([&] { return ::utimensat(folder, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW); });
  }

 private:
  std::atomic<bool> has_openat2_ = true;
};

}  // namespace

FileOps& kernel_file_ops() {
  static KernelFileOps ops;
  return ops;
}

}  // namespace calotype
