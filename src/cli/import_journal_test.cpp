// SPDX-License-Identifier: Apache-2.0
#include "cli/import_journal.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/import_source.hpp"

namespace calotype {
namespace {

class ImportJournalTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "calotype-import-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return (folder_ / "below/journal").string(); }
  auto open() const { return open(path()); }
  static Result<std::unique_ptr<ImportJournal>> open(const std::string& path,
                                                     const std::string& source = "folder:/a") {
    return ImportJournal::open(path, source);
  }
  static Digest digest_of(std::string_view text) { return Sha256::of(as_bytes(text)); }

  std::filesystem::path folder_;
};

TEST_F(ImportJournalTest, RemembersWhatWasAddedByNameSizeAndStamp) {
  const std::string strange = "a b/\xff\n%41 \x01.jpg";
  {
    const auto journal = open();
    ASSERT_TRUE(journal) << describe(journal.error());
    ASSERT_TRUE((*journal)->add(strange, 7, "123", digest_of("x")));
    ASSERT_TRUE((*journal)->add("b.jpg", 8, "\"etag-2\"", digest_of("y")));
    ASSERT_TRUE((*journal)->add("b.jpg", 9, "\"etag-3\"", digest_of("z")));
  }
  const auto journal = *open();
  EXPECT_EQ(journal->find(strange, 7, "123"), digest_of("x"));
  EXPECT_EQ(journal->find("b.jpg", 9, "\"etag-3\""), digest_of("z")) << "the later counts";
  EXPECT_FALSE(journal->find("b.jpg", 8, "\"etag-2\""));
  EXPECT_FALSE(journal->find(strange, 7, "124")) << "written to since";
  EXPECT_FALSE(journal->find(strange, 6, "123"));
  EXPECT_FALSE(journal->find("c.jpg", 7, "123"));
}

TEST_F(ImportJournalTest, LineThatWasCutOffSpoilsNoOther) {
  {
    ASSERT_TRUE((*open())->add("a.jpg", 1, "1", digest_of("a")));
  }
  {
    std::ofstream(path(), std::ios::app) << "2 2 " << digest_of("b").hex() << " b.j";
  }
  {
    ASSERT_TRUE((*open())->add("c.jpg", 3, "3", digest_of("c")));
  }
  const auto journal = *open();
  EXPECT_TRUE(journal->find("a.jpg", 1, "1"));
  EXPECT_FALSE(journal->find("b.jpg", 2, "2"));
  EXPECT_TRUE(journal->find("c.jpg", 3, "3"));
}

TEST_F(ImportJournalTest, EqualNamesOfTwoSourcesAreTwoFiles) {
  {
    ASSERT_TRUE((*open())->add("a.jpg", 1, "1", digest_of("a")));
  }
  {
    const auto other = *open(path(), "folder:/b");
    EXPECT_FALSE(other->is_resumed());
    EXPECT_FALSE(other->find("a.jpg", 1, "1"));
    ASSERT_TRUE(other->add("a.jpg", 1, "1", digest_of("b")));
  }
  {
    std::ofstream(path(), std::ios::app) << "source folder:/";
  }
  EXPECT_EQ((*open())->find("a.jpg", 1, "1"), digest_of("a"));
  EXPECT_EQ((*open(path(), "folder:/b"))->find("a.jpg", 1, "1"), digest_of("b"));
}

TEST_F(ImportJournalTest, IsOneImportsAndNoOtherFile) {
  const auto journal = open();
  ASSERT_TRUE(journal);
  EXPECT_EQ(open().error().code, ErrorCode::bad_config) << "two at once";
  const std::string letter = (folder_ / "letter").string();
  {
    std::ofstream(letter) << "Dear reader,\n";
  }
  EXPECT_EQ(open(letter).error().code, ErrorCode::bad_config);
  EXPECT_NE(ImportJournal::default_path("folder:/a", "http://x"),
            ImportJournal::default_path("folder:/a", "http://y"));
}

TEST(ImportSource, TakesMediaByTheirEndings) {
  for (const char* yes : {"a.jpg", "A.JPEG", "x/y.z/film.MP4", "raw.NEF", "a.b.svg", "s.heic"})
    EXPECT_TRUE(is_media_name(yes)) << yes;
  for (const char* no : {"a", "jpg", "a.txt", "x.jpg/notes", "a.jpg.part", "a."})
    EXPECT_FALSE(is_media_name(no)) << no;
}

}  // namespace
}  // namespace calotype
