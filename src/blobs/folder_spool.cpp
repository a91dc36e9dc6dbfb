// SPDX-License-Identifier: Apache-2.0
// A named spool file is locked (flock) by whoever writes it, for as long as it is open. So a
// leftover is one whose lock can be had, and no process has to know of another.
#include "blobs/folder_spool.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

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

/// What O_DIRECT wants of offsets, lengths and addresses, on every disk that there is.
constexpr std::size_t sector_bytes = 4096;
static_assert(FolderSpool::buffer_bytes % sector_bytes == 0);
static_assert(FolderSpool::block_bytes % sector_bytes == 0);

/// How often a growing file looks for room.
constexpr std::uint64_t room_step_bytes = std::uint64_t{1} << 20;

constexpr std::size_t free_buffers_max = 64;
constexpr std::size_t free_blocks_max = 4;
constexpr std::size_t writer_threads = 4;
constexpr mode_t file_mode = 0640;

std::unexpected<Error> cannot_store(int error) {
  return fail_errno(ErrorCode::storage_failed, "The upload cannot be stored now.", error);
}

bool lacks_unnamed_files(int error) {
  return error == -EOPNOTSUPP || error == -EISDIR || error == -ENOENT || error == -EINVAL;
}

}  // namespace

FolderSpool::FolderSpool(FileOps& ops, int root, bool past_cache)
    : ops_(ops),
      root_(root),
      past_cache_(past_cache),
      writers_("spool", writer_threads, blocks_max) {}

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
  Buffer buffer(static_cast<std::byte*>(std::aligned_alloc(sector_bytes, buffer_bytes)));
  require(buffer != nullptr, "there is memory for a spool buffer");
  return buffer;
}

FolderSpool::Buffer FolderSpool::take_block() {
  {
    const std::lock_guard lock(mutex_);
    if (blocks_taken_ == blocks_max) return nullptr;
    ++blocks_taken_;
    if (!blocks_.empty()) {
      Buffer block = std::move(blocks_.back());
      blocks_.pop_back();
      return block;
    }
  }
  Buffer block(static_cast<std::byte*>(std::aligned_alloc(sector_bytes, block_bytes)));
  require(block != nullptr, "there is memory for a spool block");
  return block;
}

void FolderSpool::give_back_block(Buffer block) {
  if (!block) return;
  const std::lock_guard lock(mutex_);
  --blocks_taken_;
  if (blocks_.size() < free_blocks_max) blocks_.push_back(std::move(block));
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

FolderSpoolFile::FolderSpoolFile(FolderSpool& spool, std::uint64_t free_bytes_min, UniqueFd file,
                                 std::uint64_t bytes)
    : spool_(spool),
      free_bytes_min_(free_bytes_min),
      place_{.file = std::move(file), .name = {}},
      bytes_(bytes),
      written_(bytes),
      room_(bytes),
      started_(bytes),
      may_collect_(bytes % sector_bytes == 0) {}

FolderSpoolFile::~FolderSpoolFile() {
  (void)await_block();
  if (!place_.name.empty()) spool_.ops_.unlink(spool_.root_, place_.name);
  spool_.give_back(std::move(buffer_));
  spool_.give_back_block(std::move(filling_));
  spool_.give_back_block(std::move(writing_));
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
    begin_direct();
    const std::size_t before = bytes_;
    TRY_VOID(filling_ ? append_direct({buffer_.get(), before}) : write({buffer_.get(), before}));
    spool_.give_back(std::move(buffer_));
  }
  TRY_VOID(leave_room(bytes.size()));
  if (std::exchange(may_collect_, false)) begin_direct();
  bytes_ += bytes.size();
  if (filling_) return append_direct(bytes);
  TRY_VOID(write(bytes));
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
  if (free_bytes_min_ == 0 || bytes_ + bytes <= room_) return {};
  const std::uint64_t step = std::max(bytes, room_step_bytes);
  const std::int64_t free = spool_.ops_.free_bytes(spool_.root_);
  if (free < 0) return cannot_store(static_cast<int>(-free));
  if (static_cast<std::uint64_t>(free) < free_bytes_min_ + bytes) return cannot_store(ENOSPC);
  room_ = bytes_ + step;
  return {};
}

Result<void> FolderSpoolFile::settle() {
  if (filling_) {
    TRY_VOID(end_direct());
  } else if (!place_.file) {
    TRY_VOID(make_place());
    is_direct_ = spool_.past_cache_ && bytes_ > 0 && spool_.ops_.set_direct(fd(), true) >= 0;
    TRY_VOID(write_last(buffer_.get(), bytes_));
    spool_.give_back(std::move(buffer_));
  }
  // A file that failed on its way stays failed, however often it is published.
  return written_ == bytes_ ? Result<void>{} : cannot_store(EIO);
}

Result<void> FolderSpoolFile::flush() {
  TRY_VOID(settle());
  if (const int error = spool_.ops_.fdatasync(fd()); error < 0) return cannot_store(-error);
  // A last block that was filled up has left the file's position behind its end.
  if (::lseek(fd(), static_cast<off_t>(bytes_), SEEK_SET) < 0) return cannot_store(errno);
  started_ = bytes_;
  may_collect_ = bytes_ % sector_bytes == 0;
  return {};
}

void FolderSpoolFile::begin_direct() {
  if (!spool_.past_cache_) return;
  FolderSpool::Buffer block = spool_.take_block();
  if (!block) return;
  is_direct_ = spool_.ops_.set_direct(fd(), true) >= 0;
  if (is_direct_)
    filling_ = std::move(block);
  else
    spool_.give_back_block(std::move(block));
}

Result<void> FolderSpoolFile::append_direct(ByteSpan bytes) {
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), FolderSpool::block_bytes - filled_);
    std::memcpy(filling_.get() + filled_, bytes.data(), count);
    filled_ += count;
    bytes = bytes.subspan(count);
    if (filled_ == FolderSpool::block_bytes) TRY_VOID(write_block());
  }
  return {};
}

/// The full block goes to a writer, and the other one fills; or it is written here, where there is
/// no other, or no writer.
Result<void> FolderSpoolFile::write_block() {
  TRY_VOID(await_block());
  filled_ = 0;
  if (!writing_) writing_ = spool_.take_block();
  if (!writing_) return write_direct(filling_.get(), FolderSpool::block_bytes);
  std::swap(filling_, writing_);
  std::promise<Result<void>> promise;
  block_written_ = promise.get_future();
  auto posted = spool_.writers_.post([this, promise = std::move(promise)](std::stop_token) mutable {
    promise.set_value(write_direct(writing_.get(), FolderSpool::block_bytes));
  });
  if (posted) return {};
  block_written_ = {};
  return write_direct(writing_.get(), FolderSpool::block_bytes);
}

Result<void> FolderSpoolFile::await_block() {
  return block_written_.valid() ? block_written_.get() : Result<void>{};
}

Result<void> FolderSpoolFile::end_direct() {
  TRY_VOID(await_block());
  TRY_VOID(write_last(filling_.get(), std::exchange(filled_, 0)));
  spool_.give_back_block(std::move(filling_));
  spool_.give_back_block(std::move(writing_));
  return {};
}

Result<void> FolderSpoolFile::write_direct(std::byte* from, std::size_t bytes) {
  if (!is_direct_) return write({from, bytes});
  const std::size_t filled_up = (bytes + sector_bytes - 1) / sector_bytes * sector_bytes;
  std::memset(from + bytes, 0, filled_up - bytes);
  const ssize_t written = bytes == 0 ? 0 : spool_.ops_.write(fd(), {from, filled_up});
  // A disk or file system with other wishes than ours says EINVAL, or stops on the way: then the
  // rest goes through the cache.
  if (written < 0 && written != -EINVAL && written != -EINTR)
    return cannot_store(static_cast<int>(-written));
  const std::size_t done = std::min(bytes, static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  written_ += done;
  if (done == bytes) return {};
  TRY_VOID(leave_direct());
  return write({from + done, bytes - done});
}

Result<void> FolderSpoolFile::leave_direct() {
  is_direct_ = false;
  const int error = spool_.ops_.set_direct(fd(), false);
  return error < 0 ? cannot_store(-error) : Result<void>{};
}

/// What was filled up is cut off again.
Result<void> FolderSpoolFile::write_last(std::byte* from, std::size_t bytes) {
  TRY_VOID(write_direct(from, bytes));
  if (!is_direct_) return {};
  TRY_VOID(leave_direct());
  if (bytes % sector_bytes != 0)
    if (const int error = spool_.ops_.truncate(fd(), static_cast<off_t>(bytes_)); error < 0)
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

FolderSpoolFile& own_file(SpoolFile& file) {
  auto* const own = dynamic_cast<FolderSpoolFile*>(&file);
  require(own != nullptr, "a spool file is published by the store that made it");
  return *own;
}

}  // namespace calotype
