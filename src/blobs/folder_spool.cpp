// SPDX-License-Identifier: Apache-2.0
// A named spool file is locked (flock) by whoever writes it, for as long as it is open. So a
// leftover is one whose lock can be had, and no process has to know of another.
#include "blobs/folder_spool.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"

namespace calotype {
namespace {

/// How far the writer is ahead of what the kernel was told to write.
constexpr std::uint64_t window_bytes = std::uint64_t{8} << 20;

/// What O_DIRECT wants of offsets and addresses, on every disk that there is.
constexpr std::size_t block_bytes = 4096;

/// How often a growing file looks for room.
constexpr std::uint64_t room_step_bytes = std::uint64_t{1} << 20;

constexpr std::size_t free_buffers_max = 64;
constexpr mode_t file_mode = 0640;

std::unexpected<Error> cannot_store(int error) {
  return fail_errno(ErrorCode::storage_failed, "The upload cannot be stored now.", error);
}

bool lacks_unnamed_files(int error) {
  return error == -EOPNOTSUPP || error == -EISDIR || error == -ENOENT || error == -EINVAL;
}

}  // namespace

std::unique_ptr<FolderSpoolFile> FolderSpool::make(std::uint64_t free_bytes_min) {
  return std::make_unique<FolderSpoolFile>(*this, free_bytes_min);
}

Result<FolderSpool::Place> FolderSpool::make_place() {
  if (unnamed_) {
    const int fd = ops_.open(root_, "spool", O_TMPFILE | O_RDWR, file_mode);
    if (fd >= 0) return Place{.file = UniqueFd(fd), .name = {}};
    if (!lacks_unnamed_files(fd)) return cannot_store(-fd);
  }
  std::string name = "spool/" + new_id(SystemClock().now());
  UniqueFd file(ops_.open(root_, name, O_CREAT | O_EXCL | O_RDWR, file_mode));
  if (file.get() < 0) return cannot_store(-file.release());
  unnamed_ = false;
  // A start that finds it before it is locked removes it; then publish finds that it has no name,
  // and makes another.
  ::flock(file.get(), LOCK_EX | LOCK_NB);
  return Place{.file = std::move(file), .name = std::move(name)};
}

FolderSpool::Buffer FolderSpool::take_buffer() {
  {
    const std::lock_guard lock(mutex_);
    if (!buffers_.empty()) {
      Buffer buffer = std::move(buffers_.back());
      buffers_.pop_back();
      return buffer;
    }
  }
  Buffer buffer(static_cast<std::byte*>(std::aligned_alloc(block_bytes, buffer_bytes)));
  require(buffer != nullptr, "there is memory for a spool buffer");
  return buffer;
}

void FolderSpool::give_back(Buffer buffer) {
  if (!buffer) return;
  const std::lock_guard lock(mutex_);
  if (buffers_.size() < free_buffers_max) buffers_.push_back(std::move(buffer));
}

Result<void> FolderSpool::remove_leftovers() {
  const int fd = ops_.open(root_, "spool", O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) return fail_errno(ErrorCode::storage_failed, "The spool cannot be read.", -fd);
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(fd), ::closedir);
  require(folder != nullptr, "an open folder can be read");
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string name = std::string("spool/") + entry->d_name;
    if (entry->d_name[0] == '.') continue;
    const UniqueFd file(ops_.open(root_, name, O_RDONLY, 0));
    if (file.get() < 0 || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;
    log::info("a spool file of a dead process is removed", {{"file", name}});
    if (const int error = ops_.unlink(root_, name); error < 0 && error != -ENOENT)
      return fail_errno(ErrorCode::storage_failed, "The spool cannot be cleaned.", -error);
  }
  return {};
}

FolderSpoolFile::~FolderSpoolFile() {
  if (!place_.name.empty()) spool_.ops_.unlink(spool_.root_, place_.name);
  spool_.give_back(std::move(buffer_));
}

Result<void> FolderSpoolFile::append(ByteSpan bytes) {
  if (!place_.file) {
    if (bytes.empty()) return {};
    if (bytes_ + bytes.size() <= FolderSpool::buffer_bytes) {
      if (!buffer_) buffer_ = spool_.take_buffer();
      std::memcpy(buffer_.get() + bytes_, bytes.data(), bytes.size());
      bytes_ += bytes.size();
      return {};
    }
    TRY_VOID(make_place());
    TRY_VOID(write({buffer_.get(), bytes_}));
    spool_.give_back(std::move(buffer_));
  }
  TRY_VOID(leave_room(bytes.size()));
  TRY_VOID(write(bytes));
  bytes_ += bytes.size();
  return start_writeback();
}

Result<void> FolderSpoolFile::make_place() {
  TRY_VOID(leave_room(bytes_));
  TRY(place_, spool_.make_place());
  return {};
}

/// Looks at the disk once for every step of a file. Writers that look at the same moment may
/// together take a step each more than they should; what has to be left free is far more than that.
Result<void> FolderSpoolFile::leave_room(std::uint64_t bytes) {
  if (free_bytes_min_ == 0 || written_ + bytes <= room_) return {};
  const std::uint64_t step = std::max(bytes, room_step_bytes);
  const std::int64_t free = spool_.ops_.free_bytes(spool_.root_);
  if (free < 0) return cannot_store(static_cast<int>(-free));
  if (static_cast<std::uint64_t>(free) < free_bytes_min_ + bytes) return cannot_store(ENOSPC);
  room_ = written_ + step;
  return {};
}

Result<void> FolderSpoolFile::settle() {
  if (place_.file && written_ == bytes_) return {};
  if (!place_.file) TRY_VOID(make_place());
  TRY_VOID(write_past_cache());
  const std::size_t rest = bytes_ - written_;
  TRY_VOID(write({buffer_.get() + written_, rest}));
  spool_.give_back(std::move(buffer_));
  return {};
}

/// All of the buffer, or as much of it as goes.
Result<void> FolderSpoolFile::write_past_cache() {
  FileOps& ops = spool_.ops_;
  const std::size_t whole = (bytes_ + block_bytes - 1) / block_bytes * block_bytes;
  if (bytes_ == 0 || ops.set_direct(fd(), true) < 0) return {};
  std::memset(buffer_.get() + bytes_, 0, whole - bytes_);
  const ssize_t written = ops.write(fd(), {buffer_.get(), whole});
  if (written > 0) written_ = std::min<std::uint64_t>(static_cast<std::uint64_t>(written), bytes_);
  if (const int error = ops.set_direct(fd(), false); error < 0) return cannot_store(-error);
  // A disk or file system with other wishes than ours says EINVAL: then all goes through the cache.
  const bool may_go_on = written >= 0 || written == -EINVAL || written == -EINTR;
  if (!may_go_on) return cannot_store(static_cast<int>(-written));
  if (static_cast<std::size_t>(std::max<ssize_t>(written, 0)) != whole) return {};
  if (whole != bytes_)
    if (const int error = ops.truncate(fd(), static_cast<off_t>(bytes_)); error < 0)
      return cannot_store(-error);
  is_past_cache_ = true;
  return {};
}

Result<void> FolderSpoolFile::write(ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t written = spool_.ops_.write(fd(), bytes);
    if (written == -EINTR) continue;
    if (written <= 0) return cannot_store(written == 0 ? EIO : static_cast<int>(-written));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    written_ += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<void> FolderSpoolFile::start_writeback() {
  while (written_ - started_ >= window_bytes) {
    const auto offset = static_cast<off_t>(started_);
    constexpr auto length = static_cast<off_t>(window_bytes);
    // Only advice where the file system has none of it; what a flush finds is what counts.
    int error = spool_.ops_.sync_file_range(fd(), offset, length, SYNC_FILE_RANGE_WRITE);
    if (error == 0 && started_ >= window_bytes)
      error =
          spool_.ops_.sync_file_range(fd(), offset - length, length, SYNC_FILE_RANGE_WAIT_BEFORE);
    started_ += window_bytes;
    if (error == -EIO || error == -ENOSPC || error == -EDQUOT) return cannot_store(-error);
  }
  return {};
}

Result<void> FolderSpoolFile::renew() {
  FolderSpoolFile copy(spool_, free_bytes_min_);
  std::vector<std::byte> buffer(std::size_t{1} << 20);
  while (copy.bytes_ < bytes_) {
    const ssize_t got =
        ::pread(fd(), buffer.data(), buffer.size(), static_cast<off_t>(copy.bytes_));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return cannot_store(got == 0 ? EIO : errno);
    TRY_VOID(copy.append(std::span(buffer).first(static_cast<std::size_t>(got))));
  }
  TRY_VOID(copy.settle());
  std::swap(place_, copy.place_);
  is_past_cache_ = copy.is_past_cache_;
  written_ = bytes_;
  started_ = copy.started_;
  return {};
}

}  // namespace calotype
