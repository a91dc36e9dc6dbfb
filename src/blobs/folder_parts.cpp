// SPDX-License-Identifier: Apache-2.0
// A crash between the flush and the catalog's record leaves bytes behind what was acknowledged:
// whoever goes on cuts them off. The file's name is flushed with its first bytes.
#include "blobs/folder_parts.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "blobs/folder_spool.hpp"

namespace calotype {
namespace {

constexpr mode_t file_mode = 0640;
constexpr mode_t folder_mode = 0750;
constexpr std::size_t read_bytes = std::size_t{1} << 20;

std::string path_of(std::string_view id) {
  return "parts/" + std::string(id);
}

std::unexpected<Error> cannot_store(int error) {
  return fail_errno(ErrorCode::storage_failed, "The upload cannot be stored now.", -error);
}

std::unexpected<Error> gone(std::string_view id) {
  return fail(ErrorCode::upload_gone, "The upload's bytes are not here any more.", std::string(id));
}

class FolderWriter final : public UploadWriter {
 public:
  FolderWriter(FileOps& ops, int root, std::unique_ptr<FolderSpoolFile> file, bool is_new)
      : ops_(ops), root_(root), file_(std::move(file)), is_new_(is_new) {}

  Result<void> append(ByteSpan bytes) override { return file_->append(bytes); }

  Result<std::vector<std::string>> flush() override {
    TRY_VOID(file_->flush());
    if (is_new_) {
      const UniqueFd folder(ops_.open(root_, "parts", O_RDONLY | O_DIRECTORY, 0));
      const int error = folder.get() < 0 ? folder.get() : ops_.fsync(folder.get());
      if (error < 0) return cannot_store(error);
      is_new_ = false;
    }
    return std::vector<std::string>{};
  }

 private:
  FileOps& ops_;
  const int root_;
  const std::unique_ptr<FolderSpoolFile> file_;
  bool is_new_;
};

class FolderParts final : public UploadParts {
 public:
  FolderParts(FileOps& ops, UniqueFd root, std::uint64_t free_bytes_min)
      : ops_(ops),
        free_bytes_min_(free_bytes_min),
        root_(std::move(root)),
        spool_(ops, root_.get()) {}

  Result<std::unique_ptr<UploadWriter>> resume(const KeptUpload& upload, std::int64_t) override {
    TRY(auto file, open(upload));
    return std::make_unique<FolderWriter>(ops_, root_.get(), std::move(file), upload.bytes == 0);
  }

  Result<std::unique_ptr<SpoolFile>> assemble(const KeptUpload& upload) override {
    return open(upload);
  }

  Result<void> read(const KeptUpload& upload, const Take& take) override {
    TRY(const auto file, open(upload));
    std::vector<std::byte> buffer(read_bytes);
    for (std::uint64_t at = 0; at < upload.bytes;) {
      const ssize_t got = ::pread(file->fd(), buffer.data(), buffer.size(), static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return cannot_store(got == 0 ? -EIO : -errno);
      TRY_VOID(take(std::span(buffer).first(static_cast<std::size_t>(got))));
      at += static_cast<std::uint64_t>(got);
    }
    return {};
  }

  Result<void> remove(std::string_view id) override {
    const int error = ops_.unlink(root_.get(), path_of(id));
    return error == 0 || error == -ENOENT ? Result<void>{} : cannot_store(error);
  }

 private:
  /// Locked, with just the bytes that were acknowledged, and ready for more.
  Result<std::unique_ptr<FolderSpoolFile>> open(const KeptUpload& upload) {
    const std::string path = path_of(upload.id);
    UniqueFd fd(
        ops_.open(root_.get(), path, O_RDWR | (upload.bytes == 0 ? O_CREAT : 0), file_mode));
    if (fd.get() == -ENOENT) return gone(upload.id);
    if (fd.get() < 0) return cannot_store(fd.release());
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
      return fail(ErrorCode::upload_locked, "Another request is writing this upload.");
    struct stat there{};
    if (::fstat(fd.get(), &there) != 0) return cannot_store(-errno);
    const auto size = static_cast<std::uint64_t>(there.st_size);
    // Removed between the two calls, or cut off by something else than us.
    if (there.st_nlink == 0 || size < upload.bytes) return gone(upload.id);
    if (size > upload.bytes)
      if (const int error = ops_.truncate(fd.get(), static_cast<off_t>(upload.bytes)); error < 0)
        return cannot_store(error);
    if (::lseek(fd.get(), static_cast<off_t>(upload.bytes), SEEK_SET) < 0)
      return cannot_store(-errno);
    return std::make_unique<FolderSpoolFile>(spool_, free_bytes_min_, std::move(fd), upload.bytes);
  }

  FileOps& ops_;
  const std::uint64_t free_bytes_min_;
  const UniqueFd root_;
  FolderSpool spool_;
};

}  // namespace

Result<std::unique_ptr<UploadParts>> open_folder_parts(const FolderSettings& settings,
                                                       FileOps& ops) {
  UniqueFd root(::open(settings.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno(ErrorCode::storage_failed, "The store cannot be opened.", errno);
  int error = ops.mkdir(root.get(), "parts", folder_mode);
  if (error == 0) error = ops.fsync(root.get());
  if (error < 0 && error != -EEXIST)
    return fail_errno(ErrorCode::storage_failed, "The store's folder cannot be made.", -error);
  return std::make_unique<FolderParts>(ops, std::move(root), settings.free_bytes_min);
}

}  // namespace calotype
