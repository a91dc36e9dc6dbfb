// SPDX-License-Identifier: Apache-2.0
#include "blobs/blob_cache.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "blobs/test_folder.hpp"

namespace calotype {
namespace {

class BlobCacheTest : public testing::Test {
 protected:
  std::unique_ptr<BlobCache> open(std::uint64_t bytes_max) {
    auto cache = BlobCache::open(folder_.path().string(), bytes_max, metrics_);
    EXPECT_TRUE(cache) << describe(cache.error());
    return *std::move(cache);
  }

  static BlobKey key_of(const std::string& text) {
    return BlobKey::original(Sha256::of(as_bytes(text)));
  }

  /// As a store does, counting how often it has to.
  Result<Blob> get(BlobCache& cache, const std::string& text) {
    return cache.get(key_of(text), 0, [&](FolderSpoolFile& file) {
      ++fetches_;
      return file.append(as_bytes(text));
    });
  }

  static std::string read(const Blob& blob) {
    std::string text(blob.bytes, '\0');
    EXPECT_EQ(::pread(blob.file->get(), text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
    return text;
  }

  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& file : folder_.files()) count += file.starts_with("cache/") ? 1U : 0U;
    return count;
  }

  test::TestFolder folder_;
  Metrics metrics_;
  std::atomic<int> fetches_ = 0;
};

TEST_F(BlobCacheTest, FetchesOnceAndKeeps) {
  const auto cache = open(1'000'000);
  for (int turn = 0; turn < 3; ++turn)
    EXPECT_EQ(read(get(*cache, "a picture").value()), "a picture");
  EXPECT_EQ(fetches_, 1);
  EXPECT_EQ(cache->bytes(), 9U);
}

TEST_F(BlobCacheTest, WhatWasWantedLeastLatelyGoesFirstAndStaysReadableWhereItIsOpen) {
  const auto cache = open(4'000);
  const std::string first(1'000, 'a');
  const auto blob = get(*cache, first).value();
  for (const char c : {'b', 'c', 'd'}) get(*cache, std::string(1'000, c)).value();
  get(*cache, std::string(1'000, 'b')).value();
  get(*cache, std::string(1'000, 'e')).value();  // instead of a
  EXPECT_LE(cache->bytes(), 4'000U);
  EXPECT_EQ(files(), 4U);
  EXPECT_EQ(read(blob), first);
  fetches_ = 0;
  get(*cache, std::string(1'000, 'b')).value();
  EXPECT_EQ(fetches_, 0);
  get(*cache, first).value();
  EXPECT_EQ(fetches_, 1);
}

TEST_F(BlobCacheTest, WhatIsLargerThanItsShareIsAFileWithoutAName) {
  const auto cache = open(4'000);
  const std::string large(200'000, 'l');
  EXPECT_EQ(read(get(*cache, large).value()), large);
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(cache->bytes(), 0U);
}

TEST_F(BlobCacheTest, ManyWhoWantOneKeyFetchOnce) {
  const auto cache = open(1'000'000);
  const std::string text(300'000, 'm');
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 16; ++i)
      readers.emplace_back([&] {
        const auto blob = cache->get(key_of(text), 0, [&](FolderSpoolFile& file) {
          ++fetches_;
          std::this_thread::sleep_for(std::chrono::milliseconds{200});
          return file.append(as_bytes(text));
        });
        EXPECT_EQ(read(blob.value()), text);
      });
  }
  EXPECT_EQ(fetches_, 1);
}

TEST_F(BlobCacheTest, AFetchThatFailsIsTriedByTheNext) {
  const auto cache = open(1'000'000);
  const auto failed = cache->get(key_of("x"), 0, [](FolderSpoolFile&) -> Result<void> {
    return fail(ErrorCode::storage_failed, "away");
  });
  EXPECT_EQ(failed.error().code, ErrorCode::storage_failed);
  EXPECT_EQ(read(get(*cache, "x").value()), "x");
}

TEST_F(BlobCacheTest, SurvivesARestartAndDoesNotTrustWhatItFinds) {
  {
    const auto cache = open(1'000'000);
    get(*cache, "whole").value();
    get(*cache, "spoilt").value();
  }
  for (const auto& file : folder_.files())
    if (file.contains(key_of("spoilt").digest().hex()))
      std::ofstream(folder_.path() / file, std::ios::trunc) << "spoilT";
  std::filesystem::create_directories(folder_.path() / "cache/no");
  std::ofstream(folder_.path() / "cache/no/no-blob") << "x";
  const auto cache = open(1'000'000);
  fetches_ = 0;
  EXPECT_EQ(cache->bytes(), 11U);
  EXPECT_EQ(read(cache->find(key_of("whole")).value()), "whole");
  EXPECT_FALSE(cache->find(key_of("spoilt")));
  EXPECT_EQ(read(get(*cache, "spoilt").value()), "spoilt");
  EXPECT_EQ(fetches_, 1);
}

TEST_F(BlobCacheTest, ASmallerBudgetHoldsAtTheStart) {
  {
    const auto cache = open(1'000'000);
    for (int i = 0; i < 10; ++i) get(*cache, std::to_string(i) + std::string(999, 'x')).value();
  }
  const auto cache = open(5'000);
  EXPECT_EQ(cache->bytes(), 5'000U);
  EXPECT_EQ(files(), 5U);
}

TEST_F(BlobCacheTest, ItsFolderBelongsToOneAtATime) {
  const auto cache = open(1'000);
  const auto second = BlobCache::open(folder_.path().string(), 1'000, metrics_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::bad_config);
}

TEST_F(BlobCacheTest, IsWorthKeepingWhenItIsMissedAgain) {
  const auto cache = open(1'000'000);
  EXPECT_FALSE(cache->missed_again(key_of("x")));
  EXPECT_TRUE(cache->missed_again(key_of("x")));
  EXPECT_FALSE(cache->missed_again(key_of("y")));
}

}  // namespace
}  // namespace calotype
