// SPDX-License-Identifier: Apache-2.0
// The system calls under the folder store, with chosen ones failing and all of them written down.
// Only the tests use it.
#pragma once

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "blobs/file_ops.hpp"

namespace calotype::test {

class FaultyFileOps final : public FileOps {
 public:
  static constexpr int never = -1;

  struct Faults {
    int fail_at = never;                  // the call of that number (from 0) fails …
    int error = 5;                        // … with this errno (default EIO)
    bool stays_broken = false;            // … and every one after it
    std::size_t write_max = SIZE_MAX;     // a write takes at most so many bytes
    bool no_unnamed_files = false;        // as on a file system without O_TMPFILE
    std::int64_t free_bytes = INT64_MAX;  // the disk has at most so much left
  };

  FaultyFileOps() = default;
  explicit FaultyFileOps(Faults faults) : faults_(faults) {}

  /// Counts and writes down anew.
  void set(Faults faults) {
    const std::lock_guard lock(mutex_);
    faults_ = faults;
    calls_.clear();
  }
  /// The calls since the last set, as "fdatasync" or "link raw/aa/bb/…", oldest first.
  std::vector<std::string> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

  int open(int folder, const std::string& path, int flags, mode_t mode) override {
    if (const int fault = enter("open " + path)) return fault;
    if (faults_.no_unnamed_files && (flags & O_TMPFILE) == O_TMPFILE) return -EOPNOTSUPP;
    return real_.open(folder, path, flags, mode);
  }
  ssize_t write(int fd, ByteSpan bytes) override {
    if (const int fault = enter("write")) return fault;
    return real_.write(fd, bytes.first(std::min(bytes.size(), faults_.write_max)));
  }
  int set_direct(int fd, bool direct) override {
    if (const int fault = enter("set_direct")) return fault;
    return real_.set_direct(fd, direct);
  }
  int sync_file_range(int fd, off_t offset, off_t bytes, unsigned flags) override {
    if (const int fault = enter("sync_file_range")) return fault;
    return real_.sync_file_range(fd, offset, bytes, flags);
  }
  int fdatasync(int fd) override {
    if (const int fault = enter("fdatasync")) return fault;
    return real_.fdatasync(fd);
  }
  int fsync(int fd) override {
    if (const int fault = enter("fsync")) return fault;
    return real_.fsync(fd);
  }
  int truncate(int fd, off_t bytes) override {
    if (const int fault = enter("truncate")) return fault;
    return real_.truncate(fd, bytes);
  }
  int link(int fd, int folder, const std::string& path) override {
    if (const int fault = enter("link " + path)) return fault;
    return real_.link(fd, folder, path);
  }
  int rename(int folder, const std::string& from, const std::string& to) override {
    if (const int fault = enter("rename " + to)) return fault;
    return real_.rename(folder, from, to);
  }
  int unlink(int folder, const std::string& path) override {
    if (const int fault = enter("unlink " + path)) return fault;
    return real_.unlink(folder, path);
  }
  int mkdir(int folder, const std::string& path, mode_t mode) override {
    if (const int fault = enter("mkdir " + path)) return fault;
    return real_.mkdir(folder, path, mode);
  }
  int stat(int folder, const std::string& path, struct stat& out) override {
    if (const int fault = enter("stat " + path)) return fault;
    return real_.stat(folder, path, out);
  }
  std::int64_t free_bytes(int folder) override {
    if (const int fault = enter("free_bytes")) return fault;
    const std::lock_guard lock(mutex_);
    return std::min(real_.free_bytes(folder), faults_.free_bytes);
  }
  int touch(int folder, const std::string& path) override {
    if (const int fault = enter("touch " + path)) return fault;
    return real_.touch(folder, path);
  }

 private:
  /// 0, or the fault that this call has to have.
  int enter(std::string call) {
    const std::lock_guard lock(mutex_);
    const int number = static_cast<int>(calls_.size());
    calls_.push_back(std::move(call));
    if (faults_.fail_at == never || number < faults_.fail_at) return 0;
    return number == faults_.fail_at || faults_.stays_broken ? -faults_.error : 0;
  }

  FileOps& real_ = kernel_file_ops();
  mutable std::mutex mutex_;
  Faults faults_;
  std::vector<std::string> calls_;
};

}  // namespace calotype::test
