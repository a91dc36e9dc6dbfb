// SPDX-License-Identifier: Apache-2.0
// Why one commit is enough for all names (commit_journal): ext4 has one running transaction, which
// every link, folder and block map joins when it is made, and transactions become durable in order.
// So the commit that holds a change made now holds everything that was made before it. XFS forces
// its log up to that change likewise. Both send the record that makes a transaction valid with a
// flush of the disk's cache before it, and so after every byte that was in it by then. A change of
// the store's own folder is what is made now: fsync of a folder that had been changed earlier might
// wait for that earlier transaction only.
#include "blobs/folder_publisher.hpp"

#include <fcntl.h>

#include <cerrno>

#include "base/ids.hpp"
#include "base/log.hpp"

namespace calotype {
namespace {

constexpr std::size_t commits_max = 1'024;
constexpr mode_t folder_mode = 0750;

/// "raw/aa/bb/…" → "raw/aa/bb", "raw/aa", "raw".
std::string leaf_of(const BlobKey& key) {
  return key.text().substr(0, key.text().rfind('/'));
}
std::string parent_of(const std::string& folder) {
  return folder.substr(0, folder.rfind('/'));
}

/// A number for each folder below a kind: raw/aa is 0…255, raw/aa/bb 256…65791, then the next kind.
struct FolderIndex {
  std::size_t middle = 0;
  std::size_t leaf = 0;

  explicit FolderIndex(const BlobKey& key) {
    const auto text = key.text();
    const std::size_t kind = text.starts_with("raw/") ? 0U : text.starts_with("proofs/") ? 1U : 2U;
    const auto digest = key.digest();
    const auto first = std::to_integer<std::size_t>(digest.bytes[0]);
    const auto second = std::to_integer<std::size_t>(digest.bytes[1]);
    middle = kind * (65536 + 256) + first;
    leaf = kind * (65536 + 256) + 256 + first * 256 + second;
  }
};

std::unexpected<Error> cannot_store(int error) {
  return fail_errno(ErrorCode::storage_failed, "The bytes cannot be stored now.", -error);
}

}  // namespace

FolderPublisher::FolderPublisher(FileOps& ops, int root, FolderFlush flush)
    : ops_(ops),
      root_(root),
      flush_(flush),
      commits_(commits_max, [this](std::span<Commit* const> waiting) {
        const int error = commit_journal();
        for (Commit* commit : waiting) commit->error = error;
      }) {}

Result<void> FolderPublisher::publish(FolderSpoolFile& file, const BlobKey& key, Present present) {
  TRY_VOID(file.settle());
  enter(key);
  auto published = publish_settled(file, key, present);
  leave(key, published.has_value());
  return published;
}

Result<void> FolderPublisher::publish_settled(FolderSpoolFile& file, const BlobKey& key,
                                              Present present) {
  for (bool is_renewed = false;; is_renewed = true) {
    if (flush_ != FolderFlush::journal || !file.is_past_cache())
      if (const int error = ops_.fdatasync(file.fd()); error < 0) return cannot_store(error);
    TRY(const bool is_nameless, name(file, key, present));
    if (!is_nameless) break;
    if (is_renewed) return cannot_store(-ENOENT);
    TRY_VOID(file.renew());
  }
  if (const int error = flush_name(key); error < 0) return cannot_store(error);
  return {};
}

Result<bool> FolderPublisher::name(const FolderSpoolFile& file, const BlobKey& key,
                                   Present present) {
  int error = link(file, key);
  if (error == -ENOENT) {
    // Where its folders are there, it is the file that cannot be found by its name.
    if (const int folder_error = make_folders(key); folder_error < 0)
      return cannot_store(folder_error);
    error = link(file, key);
    if (error == -ENOENT) return true;
  }
  if (error == -EEXIST)
    error = present == Present::kept ? adopt(file, key) : rename_over(file, key);
  if (error < 0) return cannot_store(error);
  return false;
}

int FolderPublisher::link(const FolderSpoolFile& file, const BlobKey& key) {
  const FolderIndex index(key);
  bool has_folder = false;
  {
    const std::lock_guard lock(mutex_);
    has_folder = made_folders_[index.leaf];
  }
  if (!has_folder)
    if (const int error = make_folders(key); error < 0) return error;
  const int error = ops_.link(file.fd(), root_, key.text());
  if (error == 0) {
    const std::lock_guard lock(mutex_);
    publishing_.at(key).is_ours = true;
  }
  return error;
}

int FolderPublisher::make_folders(const BlobKey& key) {
  const FolderIndex index(key);
  const std::string leaf = leaf_of(key);
  bool has_made_middle = false;
  int error = ops_.mkdir(root_, leaf, folder_mode);
  if (error == -ENOENT) {
    error = ops_.mkdir(root_, parent_of(leaf), folder_mode);
    if (error < 0 && error != -EEXIST) return error;
    has_made_middle = error == 0;
    error = ops_.mkdir(root_, leaf, folder_mode);
  }
  if (error < 0 && error != -EEXIST) return error;
  const std::lock_guard lock(mutex_);
  made_folders_.set(index.leaf);
  if (error == 0) durable_folders_.reset(index.leaf);
  if (has_made_middle) durable_folders_.reset(index.middle);
  return 0;
}

int FolderPublisher::adopt(const FolderSpoolFile& file, const BlobKey& key) {
  struct stat there{};
  const std::string& path = key.text();
  if (const int error = ops_.stat(root_, path, there); error < 0)
    return error == -ENOENT ? link(file, key) : error;  // it was removed meanwhile
  const bool whole =
      S_ISREG(there.st_mode) && static_cast<std::uint64_t>(there.st_size) == file.bytes();
  if (whole) {
    const int error = ops_.touch(root_, path);
    return error == -ENOENT ? link(file, key) : error;
  }
  log::warn("a blob of the wrong size is replaced",
            {{"key", path}, {"bytes", there.st_size}, {"expected", file.bytes()}});
  return rename_over(file, key);
}

int FolderPublisher::rename_over(const FolderSpoolFile& file, const BlobKey& key) {
  const std::string replacement = "spool/" + new_id(SystemClock().now());
  if (const int error = ops_.link(file.fd(), root_, replacement); error < 0) return error;
  const int error = ops_.rename(root_, replacement, key.text());
  if (error < 0) ops_.unlink(root_, replacement);
  return error;
}

int FolderPublisher::flush_name(const BlobKey& key) {
  if (flush_ == FolderFlush::each) return flush_folders(key);
  Commit commit;
  commits_.run(commit);
  return commit.error;
}

int FolderPublisher::commit_journal() {
  if (const int error = ops_.touch(root_, "."); error < 0) return error;
  return ops_.fsync(root_);
}

int FolderPublisher::flush_folders(const BlobKey& key) {
  const FolderIndex index(key);
  const std::string leaf = leaf_of(key);
  const std::string middle = parent_of(leaf);
  bool has_durable_leaf = false;
  bool has_durable_middle = false;
  {
    const std::lock_guard lock(mutex_);
    has_durable_leaf = durable_folders_[index.leaf];
    has_durable_middle = durable_folders_[index.middle];
  }
  int error = flush_folder(leaf);
  if (error == 0 && !has_durable_leaf) error = flush_folder(middle);
  if (error == 0 && !has_durable_middle) error = flush_folder(parent_of(middle));
  if (error < 0) return error;
  const std::lock_guard lock(mutex_);
  durable_folders_.set(index.leaf);
  durable_folders_.set(index.middle);
  return 0;
}

int FolderPublisher::flush_folder(const std::string& folder) {
  const UniqueFd fd(ops_.open(root_, folder, O_RDONLY | O_DIRECTORY, 0));
  if (fd.get() < 0) return fd.get();
  return ops_.fsync(fd.get());
}

void FolderPublisher::enter(const BlobKey& key) {
  const std::lock_guard lock(mutex_);
  ++publishing_[key].publishers;
}

/// Its name may not be on the disk, and its publishers were told so: it must not be found either.
void FolderPublisher::leave(const BlobKey& key, bool is_told) {
  // Held over the removal: who comes now finds no name, or keeps one that stays.
  const std::lock_guard lock(mutex_);
  const auto place = publishing_.find(key);
  Publishing& publishing = place->second;
  publishing.is_told |= is_told;
  if (--publishing.publishers > 0) return;
  const bool withdraws = publishing.is_ours && !publishing.is_told;
  publishing_.erase(place);
  if (!withdraws) return;
  if (const int error = ops_.unlink(root_, key.text()); error < 0 && error != -ENOENT)
    log::warn("a blob that could not be made durable stays; the scrub removes it",
              {{"key", key.text()}, {"error", -error}});
}

}  // namespace calotype
