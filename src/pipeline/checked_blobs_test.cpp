// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checked_blobs.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "blobs/chunk_sums.hpp"
#include "blobs/open_blobs.hpp"
#include "catalog/open_catalog.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;

class CheckedBlobsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name =
        (std::filesystem::temp_directory_path() / "calotype-checked-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    catalog_ = *open_catalog({.url = "sqlite:" + (folder_ / "catalog.db").string()}, clock_);
    open();
  }
  void TearDown() override {
    store_.reset();
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }
  /// As another process would, which has seen nothing yet.
  void open() {
    store_.reset();
    auto blobs =
        open_blobs(FolderSettings{.folder = (folder_ / "blobs").string()}, clock_, metrics_);
    store_ = check_blobs(*std::move(blobs), catalog_->integrity(), metrics_);
  }

  static std::string content_of(std::size_t size) {
    std::string text(size, '\0');
    std::uint32_t value = static_cast<std::uint32_t>(size);
    for (char& c : text) c = static_cast<char>((value = value * 1664525 + 1013904223) >> 24);
    return text;
  }
  BlobKey publish(const std::string& text) {
    const auto key = BlobKey::original(Sha256::of(as_bytes(text)));
    const auto file = *store_->spool();
    EXPECT_TRUE(file->append(as_bytes(text)));
    EXPECT_TRUE(store_->publish(*file, key));
    return key;
  }
  void flip(const BlobKey& key, std::size_t at) {
    std::fstream file(folder_ / "blobs" / key.text(),
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char c = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(c);
  }
  bool is_quarantined(const BlobKey& key) {
    return catalog_->integrity().is_quarantined(key.text()).value();
  }
  bool becomes_quarantined(const BlobKey& key) {
    for (int i = 0; i < 500 && !is_quarantined(key); ++i) std::this_thread::sleep_for(10ms);
    return is_quarantined(key);
  }
  std::size_t kept_sums(const BlobKey& key) {
    const auto column = catalog_->integrity().chunk_sums(key.text()).value();
    return column ? column->size() / 4 : 0;
  }

  std::filesystem::path folder_;
  SystemClock clock_;
  Metrics metrics_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<BlobStore> store_;
};

TEST_F(CheckedBlobsTest, DamageIsFoundOnOpeningWhoeverHasSeenTheFileBefore) {
  for (const bool is_known : {true, false}) {
    const std::string text = content_of(is_known ? 700'000 : 700'001);
    const BlobKey key = publish(text);
    if (!is_known) open();
    ASSERT_TRUE(store_->open(key));
    flip(key, 600'000);
    EXPECT_EQ(store_->open(key).error().code, ErrorCode::blob_quarantined);
    EXPECT_TRUE(is_quarantined(key));
    EXPECT_EQ(store_->source(key, text.size()).error().code, ErrorCode::blob_quarantined);
    publish(text);
    EXPECT_FALSE(is_quarantined(key)) << "the same bytes came in again";
    EXPECT_TRUE(store_->open(key));
  }
}

TEST_F(CheckedBlobsTest, EachChunkIsHeldAgainstItsSumWhenItIsSent) {
  const std::string text = content_of(2 * BlobCheck::chunk_bytes + 77);
  const BlobKey key = publish(text);
  const auto source = store_->source(key, text.size());
  ASSERT_TRUE(source);
  const Blob& blob = std::get<Blob>(*source);
  ASSERT_TRUE(blob.check);
  const auto chunk = [&](std::size_t index) {
    return as_bytes(
        std::string_view(text).substr(index * BlobCheck::chunk_bytes, BlobCheck::chunk_bytes));
  };
  for (std::size_t index = 0; index < 3; ++index)
    EXPECT_TRUE(blob.check->holds(index, chunk(index)));
  flip(key, 10);
  std::string damaged = text.substr(0, BlobCheck::chunk_bytes);
  damaged[10] ^= 1;
  EXPECT_FALSE(blob.check->holds(0, as_bytes(damaged)));
  EXPECT_TRUE(becomes_quarantined(key));
}

TEST_F(CheckedBlobsTest, SumsOfLargeOriginalsOutliveTheProcess) {
  const BlobKey small = publish(content_of(100'000));
  const BlobKey large = publish(content_of(std::size_t{17} << 20));
  EXPECT_EQ(kept_sums(small), 0U);
  EXPECT_EQ(kept_sums(large), 68U);
}

TEST_F(CheckedBlobsTest, SumsThatAreWrongAreMadeAnewAndCondemnNobody) {
  const std::string text = content_of(std::size_t{17} << 20);
  const BlobKey key = publish(text);
  const auto right = catalog_->integrity().chunk_sums(key.text()).value();
  auto wrong = *right;
  wrong[5] ^= std::byte{1};
  ASSERT_TRUE(catalog_->integrity().keep_chunk_sums(key.text(), wrong));
  open();
  EXPECT_TRUE(store_->open(key)) << "the hash has the last word";
  EXPECT_FALSE(is_quarantined(key));
  EXPECT_EQ(catalog_->integrity().chunk_sums(key.text()).value(), right);

  ASSERT_TRUE(catalog_->integrity().keep_chunk_sums(key.text(), wrong));
  open();
  const auto source = store_->source(key, text.size());
  ASSERT_TRUE(source);
  EXPECT_FALSE(std::get<Blob>(*source).check->holds(
      1, as_bytes(std::string_view(text).substr(BlobCheck::chunk_bytes, BlobCheck::chunk_bytes))));
  for (int i = 0; i < 500 && catalog_->integrity().chunk_sums(key.text()).value() != right; ++i)
    std::this_thread::sleep_for(10ms);
  EXPECT_EQ(catalog_->integrity().chunk_sums(key.text()).value(), right);
  EXPECT_FALSE(is_quarantined(key));
}

TEST_F(CheckedBlobsTest, WhatIsNoOriginalIsRefusedAndNotQuarantined) {
  const std::string text = content_of(300'000);
  const BlobKey key = BlobKey::variant(Sha256::of(as_bytes(text)), "token");
  ASSERT_TRUE(store_->put(as_bytes(text), key));
  ASSERT_TRUE(store_->open(key));
  flip(key, 5);
  EXPECT_EQ(store_->open(key).error().code, ErrorCode::blob_corrupt);
  EXPECT_EQ(store_->read(key, text.size()).error().code, ErrorCode::blob_corrupt);
  EXPECT_EQ(catalog_->integrity().count_quarantined().value(), 0U);
}

}  // namespace
}  // namespace calotype
