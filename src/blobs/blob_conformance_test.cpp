// SPDX-License-Identifier: Apache-2.0
// What every blob store promises, run against each of them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <format>
#include <functional>
#include <set>
#include <thread>

#include "base/ids.hpp"
#include "blobs/folder_store.hpp"
#include "blobs/test_faults.hpp"
#include "blobs/test_folder.hpp"

namespace calotype {
namespace {

using test::TestFolder;

struct Flavour {
  std::string name;
  std::function<Result<std::unique_ptr<BlobStore>>(const std::string& folder)> open;
};

/// The three ways in which the folder store works, by what its file system can do.
std::vector<Flavour> flavours() {
  return {
      {"FolderFlushedByJournal",
       [](const std::string& folder) {
         return open_folder_store({.folder = folder, .flush = FolderFlush::journal});
       }},
      {"FolderFlushedEach",
       [](const std::string& folder) {
         return open_folder_store({.folder = folder, .flush = FolderFlush::each});
       }},
      {"FolderWithNamedSpool",
       [](const std::string& folder) {
         static test::FaultyFileOps without_unnamed_files({.no_unnamed_files = true});
         return open_folder_store({.folder = folder}, without_unnamed_files);
       }},
  };
}

class BlobStoreTest : public testing::TestWithParam<Flavour> {
 protected:
  void SetUp() override {
    auto opened = GetParam().open((folder_.path() / "store").string());
    ASSERT_TRUE(opened) << describe(opened.error());
    store_ = *std::move(opened);
  }

  static std::string read(const Blob& blob) {
    std::string text(blob.bytes, '\0');
    EXPECT_EQ(::pread(blob.file->get(), text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
    return text;
  }

  BlobKey put(std::string_view text) {
    const auto key = BlobKey::original(Sha256::of(as_bytes(text)));
    const auto done = store_->put(as_bytes(text), key);
    EXPECT_TRUE(done) << describe(done.error());
    return key;
  }

  std::vector<std::string> all(std::string_view prefix, std::size_t page) {
    std::vector<std::string> keys;
    while (true) {
      const auto entries = store_->list(prefix, keys.empty() ? "" : keys.back(), page);
      EXPECT_TRUE(entries);
      if (!entries || entries->empty()) return keys;
      EXPECT_LE(entries->size(), page);
      for (const auto& entry : *entries) keys.push_back(entry.key.text());
    }
  }

  std::vector<std::string> spool_files() const {
    std::vector<std::string> found;
    for (const auto& file : folder_.files())
      if (file.starts_with("store/spool/")) found.push_back(file);
    return found;
  }

  TestFolder folder_;
  std::unique_ptr<BlobStore> store_;
};

TEST_P(BlobStoreTest, WhatIsPutIsFetched) {
  const auto key = put("a picture");
  EXPECT_EQ(store_->exists(key).value(), true);
  const auto blob = store_->open(key);
  ASSERT_TRUE(blob);
  EXPECT_EQ(blob->bytes, 9U);
  EXPECT_EQ(read(*blob), "a picture");
  EXPECT_EQ(::write(blob->file->get(), "x", 1), -1) << "a blob is open for reading only";
}

TEST_P(BlobStoreTest, AnEmptyBlobIsABlob) {
  const auto key = put("");
  EXPECT_EQ(store_->open(key).value().bytes, 0U);
}

TEST_P(BlobStoreTest, FetchOfMissingBlobIsNotFound) {
  const auto key = BlobKey::original(Sha256::of(as_bytes("nobody's")));
  EXPECT_EQ(store_->exists(key).value(), false);
  EXPECT_EQ(store_->open(key).error().code, ErrorCode::blob_not_found);
}

TEST_P(BlobStoreTest, BytesAppendedInPiecesAreOneBlob) {
  auto file = store_->spool().value();
  Sha256 hash;
  std::string expected;
  for (int piece = 0; piece < 300; ++piece) {  // 37 MiB: more than the write-back windows
    const std::string text(static_cast<std::size_t>(piece) * 863,
                           static_cast<char>('a' + piece % 26));
    ASSERT_TRUE(file->append(as_bytes(text)));
    hash.update(as_bytes(text));
    expected += text;
  }
  EXPECT_EQ(file->bytes(), expected.size());
  const auto key = BlobKey::original(hash.finish());
  ASSERT_TRUE(store_->publish(*file, key));
  EXPECT_EQ(read(store_->open(key).value()), expected);
}

TEST_P(BlobStoreTest, ADroppedSpoolFileLeavesNothing) {
  {
    const auto file = store_->spool().value();
    ASSERT_TRUE(file->append(as_bytes("never published")));
  }
  EXPECT_TRUE(folder_.files().empty());
}

TEST_P(BlobStoreTest, APublishedSpoolFileLeavesItsBlobOnly) {
  const auto key = put("a picture");
  EXPECT_EQ(folder_.files(), std::vector<std::string>{"store/" + key.text()});
}

TEST_P(BlobStoreTest, PublishOfWhatIsThereKeepsItsBytesAndStartsItsAgeAnew) {
  const auto key = put("a picture");
  const auto path = folder_.path() / "store" / key.text();
  const auto inode = [&] {
    struct stat facts{};
    EXPECT_EQ(::stat(path.c_str(), &facts), 0);
    return facts.st_ino;
  };
  const auto first = inode();
  const timespec long_ago[2] = {{.tv_sec = 1'000'000, .tv_nsec = 0},
                                {.tv_sec = 1'000'000, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), long_ago, 0), 0);
  const auto before = SystemClock().now() - std::chrono::seconds{5};
  put("a picture");
  EXPECT_EQ(inode(), first);
  EXPECT_GT(store_->list("raw/", "", 1).value().front().modified, before);
}

TEST_P(BlobStoreTest, ABlobOfTheWrongSizeIsReplaced) {
  const auto key = put("a picture");
  ASSERT_EQ(::truncate((folder_.path() / "store" / key.text()).c_str(), 3), 0);
  put("a picture");
  EXPECT_EQ(read(store_->open(key).value()), "a picture");
  EXPECT_EQ(folder_.files().size(), 1U);
}

TEST_P(BlobStoreTest, RemovedBytesAreGoneAndMayComeBack) {
  const auto key = put("a picture");
  ASSERT_TRUE(store_->remove(key));
  EXPECT_EQ(store_->exists(key).value(), false);
  EXPECT_TRUE(store_->remove(key)) << "removing what is not there succeeds";
  put("a picture");
  EXPECT_EQ(store_->exists(key).value(), true);
}

TEST_P(BlobStoreTest, AnOpenBlobOutlivesItsRemoval) {
  const auto key = put("a picture");
  const auto blob = store_->open(key).value();
  ASSERT_TRUE(store_->remove(key));
  EXPECT_EQ(read(blob), "a picture");
}

TEST_P(BlobStoreTest, TheSameSpoolFileIsPublishedAgainAfterARemoval) {
  auto file = store_->spool().value();
  ASSERT_TRUE(file->append(as_bytes("a picture")));
  const auto key = BlobKey::original(Sha256::of(as_bytes("a picture")));
  for (int turn = 0; turn < 3; ++turn) {
    const auto done = store_->publish(*file, key);
    ASSERT_TRUE(done) << describe(done.error());
    EXPECT_EQ(read(store_->open(key).value()), "a picture");
    ASSERT_TRUE(store_->remove(key));
  }
  file.reset();
  EXPECT_TRUE(folder_.files().empty());
}

TEST_P(BlobStoreTest, ListsInTheOrderOfTheKeysWhateverThePage) {
  std::set<std::string> raw;
  std::set<std::string> variants;
  for (int i = 0; i < 40; ++i) {
    raw.insert(put(std::to_string(i)).text());
    const auto bytes = as_bytes("one content");
    const auto key = BlobKey::variant(Sha256::of(bytes), new_id(SystemClock().now()));
    ASSERT_TRUE(store_->put(bytes, key));
    variants.insert(key.text());
  }
  for (const std::size_t page : {1U, 7U, 40U, 1000U}) {
    EXPECT_EQ(all("raw/", page), std::vector<std::string>(raw.begin(), raw.end()));
    EXPECT_EQ(all("variants/", page), std::vector<std::string>(variants.begin(), variants.end()));
    EXPECT_TRUE(all("proofs/", page).empty());
  }
  const auto narrow = raw.begin()->substr(0, 6);
  for (const auto& key : all(narrow, 10)) EXPECT_TRUE(key.starts_with(narrow));
  EXPECT_FALSE(all(narrow, 10).empty());
}

TEST_P(BlobStoreTest, ListTellsTheBytes) {
  put("a picture");
  const auto entries = store_->list("raw/", "", 10).value();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries.front().bytes, 9U);
  EXPECT_LT(std::chrono::abs(SystemClock().now() - entries.front().modified),
            std::chrono::minutes{1});
}

TEST_P(BlobStoreTest, IsReady) {
  EXPECT_TRUE(store_->check());
  EXPECT_TRUE(folder_.files().empty());
}

TEST_P(BlobStoreTest, ManyPublishersEndWithEveryBlobWhole) {
  constexpr int threads = 16;
  constexpr int turns = 12;
  {
    std::vector<std::jthread> publishers;
    for (int thread = 0; thread < threads; ++thread)
      publishers.emplace_back([&, thread] {
        for (int turn = 0; turn < turns; ++turn) {
          put(std::format("{} of {}", turn, thread));
          put(std::format("everybody's {}", turn));
        }
      });
  }
  const auto keys = all("raw/", 100);
  EXPECT_EQ(keys.size(), static_cast<std::size_t>(threads * turns + turns));
  for (const auto& text : keys) {
    const auto key = BlobKey::parse(text).value();
    EXPECT_EQ(Sha256::of(as_bytes(read(store_->open(key).value()))), key.digest());
  }
  EXPECT_TRUE(spool_files().empty());
}

TEST_P(BlobStoreTest, PublishAndRemoveOfOneKeyAtOnceBothSucceed) {
  const auto key = BlobKey::original(Sha256::of(as_bytes("contested")));
  std::atomic<bool> stop = false;
  std::jthread remover([&] {
    while (!stop) EXPECT_TRUE(store_->remove(key));
  });
  {
    std::vector<std::jthread> publishers;
    for (int thread = 0; thread < 4; ++thread)
      publishers.emplace_back([&] {
        for (int turn = 0; turn < 50; ++turn) {
          const auto done = store_->put(as_bytes("contested"), key);
          EXPECT_TRUE(done) << describe(done.error());
        }
      });
  }
  stop = true;
  remover.join();
  put("contested");
  EXPECT_EQ(read(store_->open(key).value()), "contested");
  EXPECT_TRUE(spool_files().empty());
}

INSTANTIATE_TEST_SUITE_P(EveryStore, BlobStoreTest, testing::ValuesIn(flavours()),
                         [](const auto& flavour) { return flavour.param.name; });

}  // namespace
}  // namespace calotype
