// SPDX-License-Identifier: Apache-2.0
#include "blobs/blob_cache.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <functional>

#include "base/ids.hpp"
#include "base/log.hpp"

namespace calotype {
namespace {

constexpr mode_t folder_mode = 0750;
constexpr std::size_t missed_max = 16'384;

/// "cache/9f/raw+9f86d081…".
std::string path_of(const BlobKey& key) {
  const std::string_view text = key.text();
  const auto name = text.substr(text.rfind('/') + 1);
  std::string path = "cache/";
  path.append(name.substr(0, 2)).append("/");
  path.append(text.substr(0, text.find('/'))).append("+").append(name);
  return path;
}

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

std::optional<BlobKey> key_of(std::string_view name) {
  const auto plus = name.find('+');
  if (plus == std::string_view::npos || name.size() < plus + 5) return std::nullopt;
  const auto hex = name.substr(plus + 1);
  std::string text(name.substr(0, plus));
  text.append("/").append(hex.substr(0, 2)).append("/").append(hex.substr(2, 2)).append("/");
  text.append(hex);
  return BlobKey::parse(text);
}

Result<Digest> hash_of(int fd) {
  Sha256 hash;
  std::vector<std::byte> buffer(std::size_t{256} << 10);
  for (off_t offset = 0;;) {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(ErrorCode::storage_failed, "The bytes cannot be read.", errno);
    if (got == 0) return hash.finish();
    hash.update(std::span(buffer).first(static_cast<std::size_t>(got)));
    offset += got;
  }
}

/// The same file, for reading only.
Result<Blob> reopened(int fd) {
  UniqueFd file(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts{};
  if (!file || ::fstat(file.get(), &facts) != 0)
    return fail_errno(ErrorCode::storage_failed, "The bytes cannot be read now.", errno);
  return Blob{.file = std::make_shared<const UniqueFd>(std::move(file)),
              .bytes = static_cast<std::uint64_t>(facts.st_size)};
}

struct Found {
  BlobKey key;
  std::uint64_t bytes;
  timespec wanted;
};

std::vector<std::string> names_in(FileOps& ops, int root, const std::string& folder) {
  std::vector<std::string> names;
  const int fd = ops.open(root, folder, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), ::closedir);
  require(stream != nullptr, "an open folder can be read");
  while (const dirent* entry = ::readdir(stream.get()))
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  return names;
}

}  // namespace

/// One fetch, and those who wait for it.
struct BlobCache::Flight {
  std::mutex mutex;
  std::condition_variable landed;
  std::optional<Result<Blob>> result;
};

BlobCache::BlobCache(FileOps& ops, UniqueFd root, UniqueFd lock, std::uint64_t bytes_max,
                     Metrics& metrics)
    : ops_(ops),
      root_(std::move(root)),
      lock_(std::move(lock)),
      bytes_max_(bytes_max),
      spool_(ops, root_.get(), false),
      hits_(metrics.counter("blob_cache_requests_total", "Blobs wanted, by whether they were near.",
                            {{"result", "hit"}})),
      misses_(metrics.counter("blob_cache_requests_total",
                              "Blobs wanted, by whether they were near.", {{"result", "miss"}})),
      spoilt_(metrics.counter("blob_cache_spoilt_total",
                              "Near blobs that did not have their hash and were removed.")),
      bytes_gauge_(metrics.gauge("blob_cache_bytes", "Bytes of blobs that are kept near.")) {}

BlobCache::~BlobCache() = default;

Result<std::unique_ptr<BlobCache>> BlobCache::open(const std::string& folder,
                                                   std::uint64_t bytes_max, Metrics& metrics,
                                                   FileOps& ops) {
  const auto cannot = [&](int error) {
    return fail_errno(ErrorCode::storage_failed, "The folder of the cache cannot be made.", error);
  };
  if (::mkdir(folder.c_str(), folder_mode) != 0 && errno != EEXIST) return cannot(errno);
  UniqueFd root(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return cannot(errno);
  for (const auto* name : {"cache", "spool"})
    if (const int error = ops.mkdir(root.get(), name, folder_mode); error < 0 && error != -EEXIST)
      return cannot(-error);
  UniqueFd lock(::openat(root.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return cannot(errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(ErrorCode::bad_config, "Another calotype keeps its near blobs in " + folder +
                                           ". Give each process a data folder of its own.");
  std::unique_ptr<BlobCache> cache(
      new BlobCache(ops, std::move(root), std::move(lock), bytes_max, metrics));
  TRY_VOID(cache->spool_.remove_leftovers());
  TRY_VOID(cache->read_folder());
  return cache;
}

/// What an earlier process has left, oldest first.
Result<void> BlobCache::read_folder() {
  std::vector<Found> found;
  for (const std::string& folder : names_in(ops_, root_.get(), "cache"))
    for (const std::string& name : names_in(ops_, root_.get(), "cache/" + folder)) {
      const std::string path = "cache/" + folder + "/" + name;
      struct stat facts{};
      const auto key = key_of(name);
      const bool ours = key && path_of(*key) == path && ops_.stat(root_.get(), path, facts) == 0 &&
                        S_ISREG(facts.st_mode);
      if (!ours) {
        ops_.unlink(root_.get(), path);
        continue;
      }
      const bool read_later = facts.st_atim.tv_sec > facts.st_mtim.tv_sec;
      found.push_back({*key, static_cast<std::uint64_t>(facts.st_size),
                       read_later ? facts.st_atim : facts.st_mtim});
    }
  std::ranges::sort(
      found, {}, [](const Found& one) { return std::pair(one.wanted.tv_sec, one.wanted.tv_nsec); });
  std::vector<BlobKey> removed;
  {
    const std::lock_guard lock(mutex_);
    for (const Found& one : found) {
      order_.push_front({.key = one.key, .bytes = one.bytes, .held = false});
      entries_.emplace(one.key.text(), order_.begin());
      bytes_ += one.bytes;
    }
    make_room(removed);
  }
  for (const BlobKey& key : removed) ops_.unlink(root_.get(), path_of(key));
  return {};
}

Result<Blob> BlobCache::open_named(const BlobKey& key) {
  UniqueFd file(ops_.open(root_.get(), path_of(key), O_RDONLY, 0));
  struct stat facts{};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0)
    return fail(ErrorCode::blob_not_found, "The bytes are not near.");
  return Blob{.file = std::make_shared<const UniqueFd>(std::move(file)),
              .bytes = static_cast<std::uint64_t>(facts.st_size)};
}

bool BlobCache::is_whole(const BlobKey& key, const Blob& blob) const {
  const auto hash = hash_of(blob.file->get());
  return hash && *hash == key.digest();
}

std::optional<Blob> BlobCache::find(const BlobKey& key) {
  std::uint64_t bytes = 0;
  bool held = false;
  {
    const std::lock_guard lock(mutex_);
    const auto place = entries_.find(key.text());
    if (place == entries_.end()) {
      misses_.add();
      return std::nullopt;
    }
    order_.splice(order_.begin(), order_, place->second);
    bytes = place->second->bytes;
    held = place->second->held;
  }
  auto blob = open_named(key);
  if (blob && blob->bytes == bytes && (held || is_whole(key, *blob))) {
    if (!held) {
      const std::lock_guard lock(mutex_);
      if (const auto place = entries_.find(key.text()); place != entries_.end())
        place->second->held = true;
    }
    hits_.add();
    return *std::move(blob);
  }
  if (blob) {
    log::warn("a near blob is spoilt and fetched anew", {{"key", key.text()}});
    spoilt_.add();
  }
  remove(key);
  misses_.add();
  return std::nullopt;
}

Result<Blob> BlobCache::get(const BlobKey& key, std::uint64_t free_bytes_min, Fetch fetch) {
  if (auto near = find(key)) return *std::move(near);
  std::shared_ptr<Flight> flight;
  bool leads = false;
  {
    const std::lock_guard lock(mutex_);
    auto& place = flights_[key.text()];
    leads = place == nullptr;
    if (leads) place = std::make_shared<Flight>();
    flight = place;
  }
  if (!leads) {
    // Bounded by the deadlines of whoever leads.
    std::unique_lock lock(flight->mutex);
    flight->landed.wait(lock, [&] { return flight->result.has_value(); });
    return *flight->result;
  }
  auto blob = fetch_one(key, free_bytes_min, fetch);
  {
    const std::lock_guard lock(mutex_);
    flights_.erase(key.text());
  }
  const std::lock_guard lock(flight->mutex);
  flight->result = blob;
  flight->landed.notify_all();
  return blob;
}

Result<Blob> BlobCache::fetch_one(const BlobKey& key, std::uint64_t free_bytes_min, Fetch& fetch) {
  const auto file = spool_.make(free_bytes_min);
  TRY_VOID(fetch(*file));
  TRY_VOID(file->settle());
  TRY(Blob blob, reopened(file->fd()));
  if (fits(blob.bytes) && link(key, file->fd())) add(key, blob.bytes);
  return blob;
}

void BlobCache::keep(const BlobKey& key, FolderSpoolFile& file) {
  if (!fits(file.bytes()) || !file.settle()) return;
  if (link(key, file.fd())) add(key, file.bytes());
}

void BlobCache::keep(const BlobKey& key, ByteSpan bytes, std::uint64_t free_bytes_min) {
  if (!fits(bytes.size())) return;
  const auto file = spool_.make(free_bytes_min);
  if (file->append(bytes)) keep(key, *file);
}

bool BlobCache::missed_again(const BlobKey& key) {
  const std::size_t hash = std::hash<std::string>()(key.text());
  const std::lock_guard lock(mutex_);
  if (missed_.contains(hash) || missed_before_.contains(hash)) return true;
  if (missed_.size() >= missed_max) missed_before_ = std::exchange(missed_, {});
  missed_.insert(hash);
  return false;
}

/// Whether the key names these bytes now.
bool BlobCache::link(const BlobKey& key, int fd) {
  const std::string path = path_of(key);
  int error = ops_.link(fd, root_.get(), path);
  if (error == -ENOENT) {
    ops_.mkdir(root_.get(), folder_of(path), folder_mode);
    error = ops_.link(fd, root_.get(), path);
  }
  if (error == -EEXIST) {  // of the same key, and perhaps spoilt
    const std::string fresh = "spool/" + new_id(SystemClock().now());
    error = ops_.link(fd, root_.get(), fresh);
    if (error == 0) error = ops_.rename(root_.get(), fresh, path);
    ops_.unlink(root_.get(), fresh);  // a rename onto another name of the same file does nothing
  }
  if (error < 0) log::debug("a blob is not kept near", {{"key", key.text()}, {"error", -error}});
  return error == 0;
}

void BlobCache::add(const BlobKey& key, std::uint64_t bytes) {
  std::vector<BlobKey> removed;
  {
    const std::lock_guard lock(mutex_);
    drop(key);
    order_.push_front({.key = key, .bytes = bytes, .held = true});
    entries_.emplace(key.text(), order_.begin());
    bytes_ += bytes;
    make_room(removed);
  }
  for (const BlobKey& old : removed) ops_.unlink(root_.get(), path_of(old));
}

/// Under the lock.
void BlobCache::drop(const BlobKey& key) {
  const auto place = entries_.find(key.text());
  if (place == entries_.end()) return;
  bytes_ -= place->second->bytes;
  order_.erase(place->second);
  entries_.erase(place);
}

/// Under the lock; the files are the caller's to unlink.
void BlobCache::make_room(std::vector<BlobKey>& removed) {
  while (bytes_ > bytes_max_ && !order_.empty()) {
    const BlobKey oldest = order_.back().key;
    drop(oldest);
    removed.push_back(oldest);
  }
  bytes_gauge_.set(static_cast<double>(bytes_));
}

void BlobCache::remove(const BlobKey& key) {
  {
    const std::lock_guard lock(mutex_);
    drop(key);
    bytes_gauge_.set(static_cast<double>(bytes_));
  }
  ops_.unlink(root_.get(), path_of(key));
}

}  // namespace calotype
