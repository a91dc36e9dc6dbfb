// SPDX-License-Identifier: Apache-2.0
// What upload_parts.hpp promises, held against every store there is.
#include "blobs/upload_parts.hpp"

#include <gtest/gtest.h>

#include "blobs/folder_parts.hpp"
#include "blobs/s3_parts.hpp"
#include "blobs/test_stores.hpp"

namespace calotype {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

std::string pattern(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 131 + (i >> 12));
  return text;
}

class UploadPartsTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "S3" && test::environment("CALOTYPE_TEST_S3").empty())
      GTEST_SKIP() << "CALOTYPE_TEST_S3 names no server";
    if (GetParam() == "S3") {
      s3_ = test::s3_settings_for_test(folder_.path().string()).value();
      s3_.part_bytes = 5 * mebibyte;
    }
    store_ = GetParam() == "S3" ? open_s3_store(s3_, clock_, metrics_).value()
                                : open_folder_store({.folder = blobs_folder()}).value();
    open();
  }
  std::string blobs_folder() const { return (folder_.path() / "store").string(); }
  /// As another life of the program.
  void open() {
    parts_ = GetParam() == "S3" ? open_s3_parts(s3_, metrics_).value()
                                : open_folder_parts({.folder = blobs_folder()}).value();
  }

  /// Appends and flushes, as one request would.
  void append(std::string_view text) {
    auto writer = parts_->resume(kept(), ++fence_);
    ASSERT_TRUE(writer) << describe(writer.error());
    for (std::size_t at = 0; at < text.size(); at += 300'000)
      ASSERT_TRUE((*writer)->append(as_bytes(text.substr(at, 300'000))));
    const auto names = (*writer)->flush();
    ASSERT_TRUE(names) << describe(names.error());
    names_.insert(names_.end(), names->begin(), names->end());
    bytes_ += text.size();
  }
  KeptUpload kept() const { return {.id = id_, .bytes = bytes_, .parts = names_}; }
  Result<std::string> content() {
    std::string text;
    TRY_VOID(parts_->read(kept(), [&](ByteSpan piece) -> Result<void> {
      text += as_text(piece);
      return {};
    }));
    return text;
  }

  test::TestFolder folder_;
  SystemClock clock_;
  Metrics metrics_;
  S3Settings s3_;
  std::unique_ptr<BlobStore> store_;
  std::unique_ptr<UploadParts> parts_;
  std::string id_ = new_id(SystemClock().now());
  std::uint64_t bytes_ = 0;
  std::int64_t fence_ = 0;
  std::vector<std::string> names_;
};

TEST_P(UploadPartsTest, PiecesOfAnySizeBecomeOneBlob) {
  const std::string text = pattern(12 * mebibyte + 12'345);
  std::size_t at = 0;
  for (const std::size_t size :
       {std::size_t{4096}, 9 * mebibyte, std::size_t{1}, mebibyte, std::size_t{5}, text.size()}) {
    append(std::string_view(text).substr(at, size));
    at = std::min(text.size(), at + size);
    open();
  }
  ASSERT_EQ(bytes_, text.size());
  EXPECT_EQ(content().value(), text);
  const auto key = BlobKey::original(Sha256::of(as_bytes(text)));
  {
    auto file = parts_->assemble(kept());
    ASSERT_TRUE(file) << describe(file.error());
    EXPECT_EQ((*file)->bytes(), text.size());
    const auto published = store_->publish(**file, key);
    ASSERT_TRUE(published) << describe(published.error());
  }
  ASSERT_TRUE(parts_->remove(id_));
  EXPECT_EQ(store_->read(key, text.size()).value(), text);
  EXPECT_FALSE(content()) << "nothing is left of the parts";
}

TEST_P(UploadPartsTest, WhatWasNotAcknowledgedIsWrittenOver) {
  append(pattern(10'000));
  {
    auto writer = parts_->resume(kept(), ++fence_).value();
    ASSERT_TRUE(writer->append(as_bytes(std::string(6 * mebibyte, 'x'))));
    ASSERT_TRUE(writer->flush()) << "durable, and never recorded";
  }
  append("the end");
  EXPECT_EQ(content().value(), pattern(10'000) + "the end");
}

TEST_P(UploadPartsTest, WhatIsNotThereIsGone) {
  bytes_ = 5;
  if (GetParam() == "S3") names_ = {"1-0"};
  EXPECT_EQ(content().error().code, ErrorCode::upload_gone);
  EXPECT_EQ(parts_->assemble(kept()).error().code, ErrorCode::upload_gone);
  EXPECT_TRUE(parts_->remove(id_)) << "there is nothing to do";
}

INSTANTIATE_TEST_SUITE_P(Stores, UploadPartsTest, testing::Values("Folder", "S3"),
                         [](const auto& store) { return store.param; });

TEST(FolderParts, OneWritesAtATimeAndWhatWasCutOffIsNotGoneOnWith) {
  const test::TestFolder folder;
  const FolderSettings settings{.folder = (folder.path() / "store").string()};
  const auto store = open_folder_store(settings).value();
  const auto parts = open_folder_parts(settings).value();
  const auto another = open_folder_parts(settings).value();
  const std::string id = new_id(SystemClock().now());
  {
    const auto writer = parts->resume({.id = id}, 1).value();
    EXPECT_EQ(another->resume({.id = id}, 2).error().code, ErrorCode::upload_locked);
    ASSERT_TRUE(writer->append(as_bytes("some")));
    ASSERT_TRUE(writer->flush());
  }
  EXPECT_TRUE(another->resume({.id = id, .bytes = 4}, 2));
  EXPECT_EQ(another->resume({.id = id, .bytes = 5}, 3).error().code, ErrorCode::upload_gone);
}

}  // namespace
}  // namespace calotype
