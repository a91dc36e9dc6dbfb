// SPDX-License-Identifier: Apache-2.0
// Why a flush of the file system is enough for a round (flush_together): syncfs writes every dirty
// page and then commits the journal. ext4 commits the running transaction, which holds every link
// and folder made so far, and flushes the disk's cache; XFS forces its log to the last change, and
// the log write carries the flush; btrfs commits the transaction. What syncfs does not tell is
// which file a failed write belonged to, or that one had failed before somebody else asked: so each
// file is asked for its own error afterwards, which costs no I/O.
//
// Why a flush of each is enough (flush_each): fdatasync of the file before it has a name, and fsync
// of the folder with the name and of every folder above whose own name may not be on the disk.
#include "blobs/folder_publisher.hpp"

#include <fcntl.h>

#include <cerrno>
#include <map>
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"

namespace calotype {
namespace {

/// Above this a file's bytes are flushed by its own publisher, so that no round waits for them.
constexpr std::uint64_t own_flush_bytes = std::uint64_t{2} << 20;

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

Result<void> FolderPublisher::publish(FolderSpoolFile& file, const BlobKey& key) {
  TRY_VOID(file.settle());
  for (bool renewed = false;; renewed = true) {
    Item item{.file = file, .key = key};
    if (file.bytes() >= own_flush_bytes) {
      if (const int error = ops_.fdatasync(file.fd()); error < 0) return cannot_store(error);
      item.bytes_durable = true;
    }
    run(item);
    if (!item.nameless || renewed) return std::move(item.outcome);
    TRY_VOID(file.renew());
  }
}

void FolderPublisher::run(Item& item) {
  std::unique_lock lock(mutex_);
  arrived_.push_back(&item);
  item.changed.wait(lock, [&] { return item.done || !leading_; });
  if (!item.done) lead(lock, item);
}

/// Rounds until the own item is done; then whoever waits longest leads.
void FolderPublisher::lead(std::unique_lock<std::mutex>& lock, const Item& own) {
  leading_ = true;
  while (!own.done) {
    const Items arrived = std::exchange(arrived_, {});
    const Items linked = std::exchange(linked_, {});
    lock.unlock();
    round(arrived, linked);
    lock.lock();
    for (Item* item : linked) {
      item->done = true;
      item->changed.notify_one();
    }
    for (Item* item : arrived) {
      if (item->outcome) {
        linked_.push_back(item);
      } else {
        item->done = true;
        item->changed.notify_one();
      }
    }
  }
  leading_ = false;
  if (!linked_.empty())
    linked_.front()->changed.notify_one();
  else if (!arrived_.empty())
    arrived_.front()->changed.notify_one();
}

void FolderPublisher::round(const Items& arrived, const Items& linked) {
  const bool together = arrived.size() + linked.size() >= flush_together_min_;
  if (!together || !flush_together(arrived)) flush_each(arrived, linked);
  mark_durable(linked);
  for (Item* item : linked)
    if (!item->outcome && item->named) withdraw(*item);
  for (Item* item : arrived)
    if (item->outcome) link(*item);
}

/// False where nothing is known of any of them.
bool FolderPublisher::flush_together(const Items& arrived) {
  if (ops_.syncfs(root_) < 0) return false;
  for (Item* item : arrived) {
    const int error = ops_.sync_file_range(item->file.fd(), 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE);
    if (error < 0) item->outcome = cannot_store(error);
  }
  return true;
}

void FolderPublisher::flush_each(const Items& arrived, const Items& linked) {
  for (Item* item : arrived) {
    if (item->bytes_durable) continue;
    if (const int error = ops_.fdatasync(item->file.fd()); error < 0)
      item->outcome = cannot_store(error);
  }
  std::map<std::string, int> folders;  // and how their flush went
  const auto flush_once = [&](const std::string& folder) {
    const auto [place, is_new] = folders.try_emplace(folder, 0);
    if (is_new) place->second = flush_folder(folder);
    return place->second;
  };
  for (Item* item : linked) {
    const FolderIndex index(item->key);
    const std::string leaf = leaf_of(item->key);
    const std::string middle = parent_of(leaf);
    int error = flush_once(leaf);
    if (error == 0 && !durable_folders_[index.leaf]) error = flush_once(middle);
    if (error == 0 && !durable_folders_[index.middle]) error = flush_once(parent_of(middle));
    if (error < 0) item->outcome = cannot_store(error);
  }
}

int FolderPublisher::flush_folder(const std::string& folder) {
  const UniqueFd fd(ops_.open(root_, folder, O_RDONLY | O_DIRECTORY, 0));
  if (fd.get() < 0) return fd.get();
  return ops_.fsync(fd.get());
}

void FolderPublisher::mark_durable(const Items& linked) {
  for (const Item* item : linked) {
    if (!item->outcome) continue;
    const FolderIndex index(item->key);
    durable_folders_.set(index.leaf);
    durable_folders_.set(index.middle);
  }
}

void FolderPublisher::link(Item& item) {
  int error = link_in_folder(item);
  if (error == 0) item.named = true;
  if (error == -EEXIST) error = adopt(item);
  if (error < 0) item.outcome = cannot_store(error);
}

int FolderPublisher::link_in_folder(Item& item) {
  const int error = ops_.link(item.file.fd(), root_, item.key.text());
  if (error != -ENOENT) return error;
  if (const int folder_error = make_folders(item.key); folder_error < 0) return folder_error;
  const int second_error = ops_.link(item.file.fd(), root_, item.key.text());
  item.nameless = second_error == -ENOENT;
  return second_error;
}

int FolderPublisher::make_folders(const BlobKey& key) {
  const FolderIndex index(key);
  const std::string leaf = leaf_of(key);
  int error = ops_.mkdir(root_, leaf, folder_mode);
  if (error == -ENOENT) {
    error = ops_.mkdir(root_, parent_of(leaf), folder_mode);
    durable_folders_.reset(index.middle);
    if (error < 0 && error != -EEXIST) return error;
    error = ops_.mkdir(root_, leaf, folder_mode);
  }
  durable_folders_.reset(index.leaf);
  return error == -EEXIST ? 0 : error;
}

int FolderPublisher::adopt(Item& item) {
  struct stat there{};
  const std::string& path = item.key.text();
  if (const int error = ops_.stat(root_, path, there); error < 0)
    return error == -ENOENT ? link_in_folder(item) : error;  // it was removed meanwhile
  const bool whole =
      S_ISREG(there.st_mode) && static_cast<std::uint64_t>(there.st_size) == item.file.bytes();
  if (whole) {
    const int error = ops_.touch(root_, path);
    return error == -ENOENT ? link_in_folder(item) : error;
  }
  log::warn("a blob of the wrong size is replaced",
            {{"key", path}, {"bytes", there.st_size}, {"expected", item.file.bytes()}});
  const std::string replacement = "spool/" + new_id(SystemClock().now());
  if (const int error = ops_.link(item.file.fd(), root_, replacement); error < 0) return error;
  const int error = ops_.rename(root_, replacement, path);
  if (error < 0) ops_.unlink(root_, replacement);
  return error;
}

/// Its name may not be on the disk, and its publisher is told so: it must not be found either.
void FolderPublisher::withdraw(Item& item) {
  if (const int error = ops_.unlink(root_, item.key.text()); error < 0 && error != -ENOENT)
    log::warn("a blob that could not be made durable stays; the scrub removes it",
              {{"key", item.key.text()}, {"error", -error}});
}

}  // namespace calotype
