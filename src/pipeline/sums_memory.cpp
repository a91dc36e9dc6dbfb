// SPDX-License-Identifier: Apache-2.0
#include "pipeline/sums_memory.hpp"

#include <sys/stat.h>

namespace calotype {
namespace {

constexpr std::chrono::minutes whole_age_max{10};

}  // namespace

FileStamp FileStamp::of(const Blob& blob) {
  struct stat facts{};
  if (::fstat(blob.file->get(), &facts) != 0) return {};
  return {.inode = facts.st_ino,
          .changed_ns = std::int64_t{facts.st_ctim.tv_sec} * 1'000'000'000 + facts.st_ctim.tv_nsec,
          .bytes = static_cast<std::uint64_t>(facts.st_size)};
}

std::shared_ptr<const ChunkSums> SumsMemory::find(const BlobKey& key) {
  const std::lock_guard lock(mutex_);
  const auto place = entries_.find(key.text());
  if (place == entries_.end()) return nullptr;
  order_.splice(order_.begin(), order_, place->second);
  return place->second->sums;
}

std::shared_ptr<const ChunkSums> SumsMemory::keep(const BlobKey& key, ChunkSums sums) {
  Entry entry{.key = key.text(), .sums = std::make_shared<const ChunkSums>(std::move(sums))};
  const auto kept = entry.sums;
  const std::lock_guard lock(mutex_);
  if (const auto place = entries_.find(key.text()); place != entries_.end())
    return place->second->sums;
  bytes_ += size_of(entry);
  order_.push_front(std::move(entry));
  entries_.emplace(key.text(), order_.begin());
  while (bytes_ > bytes_max_ && order_.size() > 1) {
    bytes_ -= size_of(order_.back());
    entries_.erase(order_.back().key);
    order_.pop_back();
  }
  return kept;
}

void SumsMemory::forget(const BlobKey& key) {
  const std::lock_guard lock(mutex_);
  const auto place = entries_.find(key.text());
  if (place == entries_.end()) return;
  bytes_ -= size_of(*place->second);
  order_.erase(place->second);
  entries_.erase(place);
}

void SumsMemory::note_whole(const BlobKey& key, const FileStamp& stamp) {
  const std::lock_guard lock(mutex_);
  const auto place = entries_.find(key.text());
  if (place == entries_.end()) return;
  place->second->whole = stamp;
  place->second->whole_at = std::chrono::steady_clock::now();
}

bool SumsMemory::was_whole(const BlobKey& key, const FileStamp& stamp) {
  const std::lock_guard lock(mutex_);
  const auto place = entries_.find(key.text());
  return place != entries_.end() && stamp.bytes > 0 && place->second->whole == stamp &&
         std::chrono::steady_clock::now() - place->second->whole_at < whole_age_max;
}

}  // namespace calotype
