// SPDX-License-Identifier: Apache-2.0
// A named spool file is locked (flock) by whoever writes it, for as long as it is open. So a
// leftover is one whose lock can be had, and no process has to know of another.
#include "blobs/folder_spool.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "base/ids.hpp"
#include "base/log.hpp"

namespace calotype {
namespace {

/// Measured with 2 GiB on ext4: from 4 to 32 MiB makes no difference; 1 MiB costs a tenth.
constexpr std::uint64_t window_bytes = std::uint64_t{8} << 20;

constexpr mode_t file_mode = 0640;

bool lacks_unnamed_files(int error) {
  return error == -EOPNOTSUPP || error == -EISDIR || error == -ENOENT || error == -EINVAL;
}

}  // namespace

Result<std::unique_ptr<FolderSpoolFile>> FolderSpoolFile::create(FileOps& ops, int root,
                                                                 std::atomic<bool>& unnamed) {
  constexpr std::string_view failed = "The upload cannot be stored now.";
  if (unnamed) {
    const int fd = ops.open(root, "spool", O_TMPFILE | O_RDWR, file_mode);
    if (fd >= 0)
      return std::unique_ptr<FolderSpoolFile>(
          new FolderSpoolFile(ops, root, unnamed, UniqueFd(fd), {}));
    if (!lacks_unnamed_files(fd))
      return fail_errno(ErrorCode::storage_failed, std::string(failed), -fd);
  }
  const std::string name = "spool/" + new_id(SystemClock().now());
  UniqueFd file(ops.open(root, name, O_CREAT | O_EXCL | O_RDWR, file_mode));
  if (file.get() < 0)
    return fail_errno(ErrorCode::storage_failed, std::string(failed), -file.release());
  unnamed = false;
  // Its name was unknown to everybody until now, and a start that finds it before it is locked
  // removes it at worst: then publish has nothing to give a name to, and fails.
  ::flock(file.get(), LOCK_EX | LOCK_NB);
  return std::unique_ptr<FolderSpoolFile>(
      new FolderSpoolFile(ops, root, unnamed, std::move(file), name));
}

FolderSpoolFile::~FolderSpoolFile() {
  if (!name_.empty()) ops_.unlink(root_, name_);
}

Result<void> FolderSpoolFile::append(ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ops_.write(file_.get(), bytes);
    if (written == -EINTR) continue;
    if (written <= 0)
      return fail_errno(ErrorCode::storage_failed, "The upload cannot be stored now.",
                        written == 0 ? EIO : static_cast<int>(-written));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    bytes_ += static_cast<std::uint64_t>(written);
    TRY_VOID(start_writeback());
  }
  return {};
}

Result<void> FolderSpoolFile::renew() {
  TRY(const auto copy, create(ops_, root_, unnamed_));
  std::vector<std::byte> buffer(std::size_t{1} << 20);
  while (copy->bytes() < bytes_) {
    const ssize_t got =
        ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(copy->bytes()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return fail_errno(ErrorCode::storage_failed, "The upload cannot be stored now.",
                        got == 0 ? EIO : errno);
    TRY_VOID(copy->append(std::span(buffer).first(static_cast<std::size_t>(got))));
  }
  std::swap(file_, copy->file_);
  std::swap(name_, copy->name_);
  started_ = copy->started_;
  return {};
}

Result<void> FolderSpoolFile::start_writeback() {
  while (bytes_ - started_ >= window_bytes) {
    const auto offset = static_cast<off_t>(started_);
    constexpr auto length = static_cast<off_t>(window_bytes);
    // Only advice where the file system has none of it; what a flush finds is what counts.
    int error = ops_.sync_file_range(file_.get(), offset, length, SYNC_FILE_RANGE_WRITE);
    if (error == 0 && started_ >= window_bytes)
      error =
          ops_.sync_file_range(file_.get(), offset - length, length, SYNC_FILE_RANGE_WAIT_BEFORE);
    started_ += window_bytes;
    if (error == -EIO || error == -ENOSPC || error == -EDQUOT)
      return fail_errno(ErrorCode::storage_failed, "The upload cannot be stored now.", -error);
  }
  return {};
}

Result<void> remove_spool_leftovers(FileOps& ops, int root) {
  const int fd = ops.open(root, "spool", O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) return fail_errno(ErrorCode::storage_failed, "The spool cannot be read.", -fd);
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(fd), ::closedir);
  require(folder != nullptr, "an open folder can be read");
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string name = std::string("spool/") + entry->d_name;
    if (entry->d_name[0] == '.') continue;
    const UniqueFd file(ops.open(root, name, O_RDONLY, 0));
    if (file.get() < 0 || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;
    log::info("a spool file of a dead process is removed", {{"file", name}});
    if (const int error = ops.unlink(root, name); error < 0 && error != -ENOENT)
      return fail_errno(ErrorCode::storage_failed, "The spool cannot be cleaned.", -error);
  }
  return {};
}

}  // namespace calotype
