// SPDX-License-Identifier: Apache-2.0
// The folder store beside its references, in one run and in turns, so that both meet the same
// machine:
//
//   small  64 KiB blobs, published durably by 64 threads, and as many files written, fsynced and
//          renamed one after another (which is less: the reference never flushes the folder)
//   large  one blob of 2 GiB hashed, appended and published, and the same bytes only hashed, and
//          only written and fsynced
//
//   blobs_bench FOLDER [small|large] [turns]     prints a line a turn, then the ratio of the
//   medians
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "blobs/folder_store.hpp"

namespace {

using namespace calotype;
namespace fs = std::filesystem;

constexpr std::size_t small_bytes = std::size_t{64} << 10;
constexpr int small_count = 3000;
constexpr int publishers = 64;
constexpr std::size_t large_bytes = std::size_t{2} << 30;
constexpr std::size_t chunk_bytes = std::size_t{1} << 20;

double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::vector<std::byte> random_chunk(std::size_t bytes) {
  std::vector<std::byte> chunk(bytes);
  random_bytes(chunk);
  return chunk;
}

/// Distinct content: the number is in its first bytes. The key is made up, so that this measures
/// the store and not the hash.
BlobKey made_up_key() {
  Digest digest;
  random_bytes(digest.bytes);
  return BlobKey::original(digest);
}

void publish_small(BlobStore& store, const std::vector<std::byte>& bytes) {
  std::atomic<int> next = 0;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < publishers; ++thread)
    threads.emplace_back([&] {
      while (next++ < small_count)
        require(store.put(bytes, made_up_key()).has_value(), "a blob is published");
    });
}

void write_all(int fd, ByteSpan bytes) {
  const auto written = ::write(fd, bytes.data(), bytes.size());
  require(written == static_cast<ssize_t>(bytes.size()), "a reference file is written");
}

void write_one_after_another(const fs::path& folder, const std::vector<std::byte>& bytes) {
  fs::create_directories(folder);
  for (int i = 0; i < small_count; ++i) {
    const auto name = folder / new_id(SystemClock().now());
    const auto temporary = name.string() + ".new";
    const UniqueFd file(::open(temporary.c_str(), O_CREAT | O_WRONLY, 0640));
    write_all(file.get(), bytes);
    require(::fsync(file.get()) == 0, "a reference file is flushed");
    require(::rename(temporary.c_str(), name.c_str()) == 0, "a reference file is renamed");
  }
}

void small(const fs::path& folder, int turns) {
  const auto bytes = random_chunk(small_bytes);
  auto store = open_folder_store({.folder = (folder / "store").string()}).value();
  std::vector<double> ours;
  std::vector<double> theirs;
  for (int turn = 0; turn < turns; ++turn) {
    const auto reference = folder / ("reference" + std::to_string(turn));
    ours.push_back(small_count / seconds([&] { publish_small(*store, bytes); }));
    theirs.push_back(small_count / seconds([&] { write_one_after_another(reference, bytes); }));
    std::printf("small: %.0f blobs/s, one after another %.0f/s, %.2f times\n", ours.back(),
                theirs.back(), ours.back() / theirs.back());
  }
  std::printf("small: ratio of medians %.2f\n", median(ours) / median(theirs));
}

Digest hash_all(const std::vector<std::byte>& chunk) {
  Sha256 hash;
  for (std::size_t at = 0; at < large_bytes; at += chunk_bytes) hash.update(chunk);
  return hash.finish();
}

void store_large(BlobStore& store, const std::vector<std::byte>& chunk) {
  Sha256 hash;
  const auto file = store.spool().value();
  for (std::size_t at = 0; at < large_bytes; at += chunk_bytes) {
    hash.update(chunk);
    require(file->append(chunk).has_value(), "a large blob grows");
  }
  const auto key = BlobKey::original(hash.finish());
  require(store.publish(*file, key).has_value(), "a large blob is published");
  require(store.remove(key).has_value(), "a large blob is removed");
}

void write_large(const fs::path& path, const std::vector<std::byte>& chunk) {
  const UniqueFd file(::open(path.c_str(), O_CREAT | O_WRONLY, 0640));
  for (std::size_t at = 0; at < large_bytes; at += chunk_bytes) write_all(file.get(), chunk);
  require(::fsync(file.get()) == 0, "a reference file is flushed");
  fs::remove(path);
}

void large(const fs::path& folder, int turns) {
  auto store = open_folder_store({.folder = (folder / "store").string()}).value();
  constexpr double mib = static_cast<double>(large_bytes >> 20);
  std::vector<double> ours;
  std::vector<double> hashes;
  std::vector<double> writes;
  for (int turn = 0; turn < turns; ++turn) {
    const auto chunk = random_chunk(chunk_bytes);
    ours.push_back(mib / seconds([&] { store_large(*store, chunk); }));
    hashes.push_back(mib / seconds([&] { hash_all(chunk); }));
    writes.push_back(mib / seconds([&] { write_large(folder / "reference", chunk); }));
    std::printf("large: %.0f MiB/s; hash alone %.0f, write and fsync alone %.0f\n", ours.back(),
                hashes.back(), writes.back());
  }
  std::printf("large: ratio of medians to the slower %.2f\n",
              median(ours) / std::min(median(hashes), median(writes)));
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "blobs_bench FOLDER [small|large] [turns]\n");
    return 2;
  }
  const fs::path folder = fs::path(arguments[1]) / ("bench-" + new_id(SystemClock().now()));
  const std::string what = count > 2 ? arguments[2] : "all";
  const int turns = count > 3 ? std::stoi(arguments[3]) : 5;
  fs::create_directories(folder);
  if (what != "large") small(folder, turns);
  if (what != "small") large(folder, turns);
  fs::remove_all(folder);
}
