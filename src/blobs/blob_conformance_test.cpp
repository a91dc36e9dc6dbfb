// SPDX-License-Identifier: Apache-2.0
// What every blob store promises, run against each of them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <format>
#include <set>
#include <thread>

#include "blobs/test_stores.hpp"

namespace calotype {
namespace {

class BlobStoreTest : public testing::TestWithParam<test::Flavour> {
 protected:
  void SetUp() override {
    backing_ = GetParam().make();
    if (!backing_) GTEST_SKIP() << "CALOTYPE_TEST_S3 names no server";
    auto opened = backing_->open();
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

  /// To its end, as the one who sends it does.
  static Result<std::string> read(BlobStream& stream) {
    std::string text;
    std::array<char, 10'000> piece;
    while (true) {
      std::mutex mutex;
      std::condition_variable changed;
      bool ready = false;
      stream.when_ready([&] {
        const std::lock_guard lock(mutex);
        ready = true;
        changed.notify_one();
      });
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return ready; });
      }
      TRY(const std::size_t got, stream.read_some(piece));
      if (got == 0) return text;
      text.append(piece.data(), got);
    }
  }

  std::vector<std::string> everything() {
    auto keys = all("raw/", 100);
    for (const auto* kind : {"proofs/", "variants/"})
      for (auto& key : all(kind, 100)) keys.push_back(std::move(key));
    return keys;
  }

  std::unique_ptr<test::Backing> backing_;
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
  const auto published = store_->publish(*file, key);
  ASSERT_TRUE(published) << describe(published.error());
  EXPECT_EQ(read(store_->open(key).value()), expected);
}

TEST_P(BlobStoreTest, ADroppedSpoolFileLeavesNothing) {
  {
    const auto file = store_->spool().value();
    ASSERT_TRUE(file->append(as_bytes("never published")));
  }
  EXPECT_TRUE(everything().empty());
  EXPECT_TRUE(backing_->strays().empty());
}

TEST_P(BlobStoreTest, APublishedSpoolFileLeavesItsBlobOnly) {
  const auto key = put("a picture");
  EXPECT_EQ(everything(), std::vector<std::string>{key.text()});
  EXPECT_TRUE(backing_->strays().empty());
}

TEST_P(BlobStoreTest, PublishOfWhatIsThereStartsItsAgeAnew) {
  const auto key = put("a picture");
  backing_->make_old(key);
  const auto before = store_->list("raw/", "", 1).value().front().modified;
  put("a picture");
  EXPECT_GT(store_->list("raw/", "", 1).value().front().modified, before);
  EXPECT_EQ(read(store_->open(key).value()), "a picture");
}

TEST_P(BlobStoreTest, ABlobOfTheWrongSizeIsReplaced) {
  const auto key = put("a picture");
  backing_->spoil(key, "a p");
  put("a picture");
  EXPECT_EQ(read(store_->open(key).value()), "a picture");
  EXPECT_EQ(everything().size(), 1U);
  EXPECT_TRUE(backing_->strays().empty());
}

TEST_P(BlobStoreTest, WholeReadsAreHeldAgainstTheHash) {
  const auto key = put("a picture");
  EXPECT_EQ(store_->read(key, 9).value(), "a picture");
  EXPECT_EQ(store_->read(key, 8).error().code, ErrorCode::blob_corrupt);
  backing_->spoil(key, "a ghost..");
  EXPECT_EQ(store_->read(key, 9).error().code, ErrorCode::blob_corrupt);
  const auto nobodys = BlobKey::original(Sha256::of(as_bytes("nobody's")));
  EXPECT_EQ(store_->read(nobodys, 8).error().code, ErrorCode::blob_not_found);
}

TEST_P(BlobStoreTest, ARangeIsReadAlone) {
  const auto key = put("a picture");
  EXPECT_EQ(store_->read_range(key, 2, 3).value(), "pic");
  EXPECT_EQ(store_->read_range(key, 0, 9).value(), "a picture");
  EXPECT_EQ(store_->read_range(key, 8, 0).value(), "");
  EXPECT_EQ(store_->read_range(key, 7, 3).error().code, ErrorCode::blob_corrupt);
  EXPECT_EQ(store_->read_range(key, 20, 3).error().code, ErrorCode::blob_corrupt);
}

TEST_P(BlobStoreTest, WhatIsSentComesFromTheBlobOrAsAStream) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += std::format("{} ", i);
  const auto key = put(text);
  const auto send = [&](std::uint64_t offset, std::uint64_t bytes) -> Result<std::string> {
    TRY(const auto source, store_->source(key, text.size()));
    if (const auto* blob = std::get_if<Blob>(&source)) return read(*blob).substr(offset, bytes);
    TRY(const auto stream, std::get<std::shared_ptr<RemoteBlob>>(source)->read(offset, bytes));
    return read(*stream);
  };
  EXPECT_EQ(send(0, text.size()).value(), text);
  EXPECT_EQ(send(100'000, 500'000).value(), text.substr(100'000, 500'000));
  EXPECT_EQ(send(text.size() - 1, 1).value(), " ");
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
  EXPECT_TRUE(everything().empty());
  EXPECT_TRUE(backing_->strays().empty());
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
  EXPECT_TRUE(everything().empty());
  EXPECT_TRUE(backing_->strays().empty());
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
  EXPECT_TRUE(backing_->strays().empty());
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
  EXPECT_TRUE(backing_->strays().empty());
}

TEST_P(BlobStoreTest, HashReadsWhatLiesThereAndReplaceMendsIt) {
  const std::string text(300'000, 'x');
  const BlobKey key = put(text);
  const auto right = store_->hash(key, {});
  ASSERT_TRUE(right) << describe(right.error());
  EXPECT_EQ(right->digest, key.digest());
  EXPECT_EQ(right->bytes, text.size());
  std::string spoilt = text;
  spoilt[200'000] ^= 1;
  backing_->spoil(key, spoilt);
  EXPECT_NE(store_->hash(key, {})->digest, key.digest());

  const auto file = *store_->spool();
  ASSERT_TRUE(file->append(as_bytes(text)));
  ASSERT_TRUE(store_->replace(*file, key));
  EXPECT_EQ(store_->hash(key, {})->digest, key.digest());
  EXPECT_EQ(store_->read(key, text.size()).value(), text);

  ASSERT_TRUE(store_->remove(key));
  EXPECT_EQ(store_->hash(key, {}).error().code, ErrorCode::blob_not_found);
  std::stop_source stop;
  stop.request_stop();
  put("another");
  EXPECT_EQ(store_->hash(BlobKey::original(Sha256::of(as_bytes("another"))), stop.get_token())
                .error()
                .code,
            ErrorCode::cancelled);
}

INSTANTIATE_TEST_SUITE_P(EveryStore, BlobStoreTest, testing::ValuesIn(test::flavours()),
                         [](const auto& flavour) { return flavour.param.name; });

}  // namespace
}  // namespace calotype
