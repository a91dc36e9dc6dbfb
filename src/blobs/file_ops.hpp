// SPDX-License-Identifier: Apache-2.0
// The system calls that the folder store makes, as one table, so that a test can let any of them
// fail at any step and see the order in which they come. A call answers as the kernel does inside:
// a result that is not negative, or -errno; never the global errno.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/encoding.hpp"

namespace calotype {

/// Safe from any thread. Paths are relative to `folder`, and none of them follows a symbolic link.
class FileOps {
 public:
  virtual ~FileOps() = default;

  /// The open descriptor; stays beneath `folder` where the kernel has openat2.
  virtual int open(int folder, const std::string& path, int flags, mode_t mode) = 0;
  virtual ssize_t write(int fd, ByteSpan bytes) = 0;
  /// Whether writes go past the page cache (O_DIRECT); -EINVAL where they cannot.
  virtual int set_direct(int fd, bool direct) = 0;
  virtual int sync_file_range(int fd, off_t offset, off_t bytes, unsigned flags) = 0;
  virtual int fdatasync(int fd) = 0;
  virtual int fsync(int fd) = 0;
  /// Cuts off what is over, or adds zeros.
  virtual int truncate(int fd, off_t bytes) = 0;
  /// Gives the open file a name, also where it has none (O_TMPFILE).
  virtual int link(int fd, int folder, const std::string& path) = 0;
  virtual int rename(int folder, const std::string& from, const std::string& to) = 0;
  virtual int unlink(int folder, const std::string& path) = 0;
  virtual int mkdir(int folder, const std::string& path, mode_t mode) = 0;
  virtual int stat(int folder, const std::string& path, struct stat& out) = 0;
  /// What the file system of the folder has left for us.
  virtual std::int64_t free_bytes(int folder) = 0;
  /// Sets the times of the file to now; "." is the folder itself.
  virtual int touch(int folder, const std::string& path) = 0;
};

/// The real ones.
FileOps& kernel_file_ops();

}  // namespace calotype
