// SPDX-License-Identifier: Apache-2.0
#include "blobs/folder_store.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <format>
#include <fstream>

#include "blobs/folder_lister.hpp"

namespace calotype {
namespace {

constexpr mode_t folder_mode = 0750;

std::unexpected<Error> cannot_read(int error) {
  return fail_errno(ErrorCode::storage_failed, "The bytes cannot be read now.", -error);
}

/// Whether ext4 keeps a journal for the device: the id of the kernel's thread that commits it
/// stands in a file that is there, and says "<none>", where it keeps none.
bool has_journal(int folder) {
  struct stat facts{};
  if (::fstat(folder, &facts) != 0) return false;
  std::error_code error;
  const auto device = std::filesystem::read_symlink(
      std::format("/sys/dev/block/{}:{}", major(facts.st_dev), minor(facts.st_dev)), error);
  if (error) return false;
  const auto task = "/sys/fs/ext4" / device.filename() / "journal_task";
  long long thread_id = 0;
  return static_cast<bool>(std::ifstream(task) >> thread_id);
}

/// Only file systems whose code has been read are said to have one journal for everything.
FolderFlush flush_of(int root) {
#ifndef XFS_SUPER_MAGIC
  constexpr std::int64_t XFS_SUPER_MAGIC = 0x58465342;
#endif
  struct statfs facts{};
  if (::fstatfs(root, &facts) != 0) return FolderFlush::each;
  const bool in_order =
      facts.f_type == XFS_SUPER_MAGIC || (facts.f_type == EXT4_SUPER_MAGIC && has_journal(root));
  return in_order ? FolderFlush::journal : FolderFlush::each;
}

class FolderStore final : public BlobStore {
 public:
  FolderStore(FileOps& ops, UniqueFd root, const FolderSettings& settings, FolderFlush flush)
      : ops_(ops),
        free_bytes_min_(settings.free_bytes_min),
        root_(std::move(root)),
        spool_(ops, root_.get()),
        publisher_(ops, root_.get(), flush) {}

  Result<Blob> open(const BlobKey& key) override {
    UniqueFd file(ops_.open(root_.get(), key.text(), O_RDONLY, 0));
    if (file.get() == -ENOENT || file.get() == -ENOTDIR)
      return fail(ErrorCode::blob_not_found, "The bytes are not in the store.", key.text());
    if (file.get() < 0) return cannot_read(file.get());
    struct stat facts{};
    if (::fstat(file.get(), &facts) != 0) return cannot_read(-errno);
    if (!S_ISREG(facts.st_mode))
      return fail(ErrorCode::storage_failed, "The bytes cannot be read now.",
                  key.text() + " is not a file");
    return Blob{.file = std::make_shared<const UniqueFd>(std::move(file)),
                .bytes = static_cast<std::uint64_t>(facts.st_size)};
  }

  Result<bool> exists(const BlobKey& key) override {
    struct stat facts{};
    const int error = ops_.stat(root_.get(), key.text(), facts);
    if (error == -ENOENT || error == -ENOTDIR) return false;
    if (error < 0) return cannot_read(error);
    return S_ISREG(facts.st_mode);
  }

  Result<std::unique_ptr<SpoolFile>> spool() override { return spool_.make(free_bytes_min_); }

  Result<void> publish(SpoolFile& file, const BlobKey& key) override {
    return publisher_.publish(own_file(file), key);
  }

  Result<void> replace(SpoolFile& file, const BlobKey& key) override {
    return publisher_.publish(own_file(file), key, FolderPublisher::Present::replaced);
  }

  Result<void> put(ByteSpan bytes, const BlobKey& key) override {
    const auto file = spool_.make(free_bytes_min_ / 2);
    TRY_VOID(file->append(bytes));
    return publish(*file, key);
  }

  Result<void> remove(const BlobKey& key) override {
    const int error = ops_.unlink(root_.get(), key.text());
    if (error == 0 || error == -ENOENT || error == -ENOTDIR) return {};
    return fail_errno(ErrorCode::storage_failed, "The bytes cannot be removed now.", -error);
  }

  Result<std::vector<BlobEntry>> list(std::string_view prefix, std::string_view after,
                                      std::size_t limit) override {
    return list_folder(ops_, root_.get(), prefix, after, limit);
  }

  Result<void> check() override {
    const auto file = spool_.make(0);
    static constexpr std::string_view probe = "calotype";
    TRY_VOID(file->append(as_bytes(probe)));
    TRY_VOID(file->settle());
    std::array<char, probe.size()> back{};
    const ssize_t got = ::pread(file->fd(), back.data(), back.size(), 0);
    if (got < 0) return cannot_read(-errno);
    if (std::string_view(back.data(), static_cast<std::size_t>(got)) != probe)
      return fail(ErrorCode::storage_failed, "The store does not give back what it was given.");
    return {};
  }

 private:
  FileOps& ops_;
  const std::uint64_t free_bytes_min_;
  const UniqueFd root_;
  FolderSpool spool_;
  FolderPublisher publisher_;
};

Result<void> make_folder(FileOps& ops, int parent, const std::string& path) {
  const int error = ops.mkdir(parent, path, folder_mode);
  if (error == 0 || error == -EEXIST) return {};
  return fail_errno(ErrorCode::storage_failed, "The store's folder cannot be made.", -error);
}

/// Flushes the folder that `path` names, for what was made in it.
Result<void> flush_folder(FileOps& ops, int parent, const std::string& path) {
  const UniqueFd folder(ops.open(parent, path, O_RDONLY | O_DIRECTORY, 0));
  const int error = folder.get() < 0 ? folder.get() : ops.fsync(folder.get());
  if (error >= 0) return {};
  return fail_errno(ErrorCode::storage_failed, "The store's folder cannot be made.", -error);
}

}  // namespace

Result<std::unique_ptr<BlobStore>> open_folder_store(const FolderSettings& settings, FileOps& ops) {
  // The one path that may leave the folder and pass symbolic links: it is the operator's.
  const std::string& path = settings.folder;
  if (::mkdir(path.c_str(), folder_mode) != 0 && errno != EEXIST)
    return fail_errno(ErrorCode::storage_failed, "The store's folder cannot be made.", errno);
  UniqueFd root(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno(ErrorCode::storage_failed, "The store cannot be opened.", errno);
  const UniqueFd above(::openat(root.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (above && ops.fsync(above.get()) < 0)
    return fail(ErrorCode::storage_failed, "The store's folder cannot be made.");
  for (const auto* kind : {"proofs", "raw", "spool", "variants"})
    TRY_VOID(make_folder(ops, root.get(), kind));
  TRY_VOID(flush_folder(ops, root.get(), "."));
  TRY_VOID(FolderSpool(ops, root.get()).remove_leftovers());
  const FolderFlush flush = settings.flush.value_or(flush_of(root.get()));
  std::unique_ptr<BlobStore> store =
      std::make_unique<FolderStore>(ops, std::move(root), settings, flush);
  TRY_VOID(store->check());
  return store;
}

}  // namespace calotype
