// SPDX-License-Identifier: Apache-2.0
// Every system call of the folder store fails once, at every step of every kind of publication.
// What has to hold: the caller is told, or the blob is whole; a caller that is told finds nothing
// left; and the next attempt succeeds. Likewise the order of the calls that durability rests on.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "blobs/folder_spool.hpp"
#include "blobs/folder_store.hpp"
#include "blobs/test_faults.hpp"
#include "blobs/test_folder.hpp"

namespace calotype {
namespace {

using test::FaultyFileOps;
using test::TestFolder;

// One that stays in memory until it is published (and is no whole number of blocks), and a larger.
const std::string content(50'001, 'c');
const std::string large_content(FolderSpool::buffer_bytes + 50'001, 'l');

BlobKey key_of(const std::string& text) {
  return BlobKey::original(Sha256::of(as_bytes(text)));
}
const BlobKey content_key = key_of(content);

std::string read(BlobStore& store, const BlobKey& key) {
  const auto blob = store.open(key).value();
  std::string text(blob.bytes, '\0');
  EXPECT_EQ(::pread(blob.file->get(), text.data(), text.size(), 0),
            static_cast<ssize_t>(text.size()));
  return text;
}

/// The place of the first such call at or after `from`.
std::size_t place(const std::vector<std::string>& calls, const std::string& call,
                  std::size_t from = 0) {
  for (std::size_t i = from; i < calls.size(); ++i)
    if (calls[i] == call) return i;
  ADD_FAILURE() << "there is no " << call;
  return calls.size();
}

struct Situation {
  std::string name;
  FolderSettings settings;
  bool torn_blob_there = false;
  bool blob_there = false;
  bool no_unnamed_files = false;
  bool stays_broken = false;
  int error = EIO;
  std::string content{};
};

std::vector<Situation> situations() {
  std::vector<Situation> rows;
  for (const int error : {EIO, ENOSPC})
    for (const bool together : {true, false})
      for (const bool stays_broken : {true, false}) {
        Situation row;
        row.settings.flush = together ? FolderFlush::journal : FolderFlush::each;
        row.error = error;
        row.stays_broken = stays_broken;
        const std::string how = std::string(error == EIO ? "Eio" : "Enospc") +
                                (together ? "FlushedByJournal" : "FlushedEach") +
                                (stays_broken ? "FromThenOn" : "Once");
        row.name = "LargeBlob" + how;
        row.content = large_content;
        rows.push_back(row);
        row.name = "NewBlob" + how;
        row.content = content;
        rows.push_back(row);
        row.name = "BlobThatIsThere" + how;
        row.blob_there = true;
        rows.push_back(row);
        row.name = "TornBlobThatIsThere" + how;
        row.torn_blob_there = true;
        rows.push_back(row);
        row.name = "NamedSpool" + how;
        row.blob_there = row.torn_blob_there = false;
        row.no_unnamed_files = true;
        rows.push_back(row);
      }
  return rows;
}

class BlobFaults : public testing::TestWithParam<Situation> {
 protected:
  /// A store in the situation, with no faults yet.
  std::unique_ptr<BlobStore> make(const TestFolder& folder, FaultyFileOps& ops) const {
    FolderSettings settings = GetParam().settings;
    settings.folder = folder.path().string();
    ops.set({.no_unnamed_files = GetParam().no_unnamed_files});
    auto store = open_folder_store(settings, ops).value();
    if (GetParam().blob_there) {
      EXPECT_TRUE(store->put(as_bytes(content_), key_));
      if (GetParam().torn_blob_there) {
        EXPECT_EQ(::truncate((folder.path() / key_.text()).c_str(), 7), 0);
      }
    }
    return store;
  }

  const std::string content_ = GetParam().content;
  const BlobKey key_ = key_of(content_);

  void expect_nothing_left(const TestFolder& folder, const std::string& failed_call) const {
    auto files = folder.files();
    // The removal of a name is itself a call that may have failed: the start removes spool files,
    // the scrub blobs without an owner.
    const bool may_stay = GetParam().stays_broken || failed_call.starts_with("unlink");
    if (GetParam().blob_there) std::erase(files, key_.text());
    if (!may_stay) {
      EXPECT_EQ(files, std::vector<std::string>{}) << "left by " << failed_call;
    }
  }
};

TEST_P(BlobFaults, AtEveryStepLeaveNothingBehindAndLoseNothing) {
  int failures = 0;
  for (int step = 0;; ++step) {
    const TestFolder folder;
    FaultyFileOps ops;
    auto store = make(folder, ops);
    ops.set({.fail_at = step,
             .error = GetParam().error,
             .stays_broken = GetParam().stays_broken,
             .no_unnamed_files = GetParam().no_unnamed_files});
    const auto done = store->put(as_bytes(content_), key_);
    const auto calls = ops.calls();
    ops.set({.no_unnamed_files = GetParam().no_unnamed_files});
    if (calls.size() <= static_cast<std::size_t>(step)) {  // no call was left to fail
      ASSERT_TRUE(done) << describe(done.error());
      break;
    }
    const std::string& failed_call = calls[static_cast<std::size_t>(step)];
    if (done) {
      EXPECT_EQ(read(*store, key_), content_) << "after " << failed_call;
    } else {
      ++failures;
      EXPECT_EQ(done.error().code, GetParam().error == EIO ? ErrorCode::storage_failed
                                                           : ErrorCode::insufficient_storage);
      expect_nothing_left(folder, failed_call);
    }
    const auto again = store->put(as_bytes(content_), key_);
    ASSERT_TRUE(again) << "after " << failed_call << ": " << describe(again.error());
    EXPECT_EQ(read(*store, key_), content_);
    store.reset();
    store = make(folder, ops);
    EXPECT_EQ(folder.files(), std::vector<std::string>{key_.text()});
  }
  EXPECT_GE(failures, 4) << "the faults did not reach the store";
}

INSTANTIATE_TEST_SUITE_P(EveryCall, BlobFaults, testing::ValuesIn(situations()),
                         [](const auto& row) { return row.param.name; });

TEST(BlobFaultsOfWrites, ShortWritesAreContinued) {
  const TestFolder folder;
  FaultyFileOps ops;
  auto store = open_folder_store({.folder = folder.path().string()}, ops).value();
  for (const auto& text : {content, large_content}) {
    ops.set({.write_max = 1000});
    ASSERT_TRUE(store->put(as_bytes(text), key_of(text)));
    EXPECT_EQ(read(*store, key_of(text)), text);
    EXPECT_GE(std::ranges::count(ops.calls(), "write"),
              static_cast<std::ptrdiff_t>(text.size() / 1000));
  }
}

TEST(BlobFaultsOfWrites, AnInterruptedWriteIsRepeated) {
  const TestFolder folder;
  FaultyFileOps ops;
  auto store = open_folder_store({.folder = folder.path().string()}, ops).value();
  for (const auto& text : {content, large_content}) {
    const auto key = key_of(text);
    ops.set({});
    ASSERT_TRUE(store->put(as_bytes(text), key));
    const auto writes = place(ops.calls(), "write");
    ASSERT_TRUE(store->remove(key));
    ops.set({.fail_at = static_cast<int>(writes), .error = EINTR});
    ASSERT_TRUE(store->put(as_bytes(text), key));
    EXPECT_EQ(ops.calls()[writes], "write");
    EXPECT_EQ(read(*store, key), text);
  }
}

TEST(BlobFaultsOfRoom, AnUploadLeavesRoomAndWhatIsMadeOfItHalf) {
  const TestFolder folder;
  FaultyFileOps ops;
  constexpr std::int64_t room = std::int64_t{64} << 20;
  auto store =
      open_folder_store({.folder = folder.path().string(), .free_bytes_min = room}, ops).value();
  const auto upload = [&](const std::string& text) -> Result<void> {
    const auto file = store->spool().value();
    TRY_VOID(file->append(as_bytes(text)));
    return store->publish(*file, key_of(text));
  };
  ops.set({.free_bytes = room});
  for (const auto& text : {content, large_content})
    EXPECT_EQ(upload(text).error().code, ErrorCode::insufficient_storage);
  EXPECT_TRUE(folder.files().empty());
  EXPECT_TRUE(store->put(as_bytes("a proof"), key_of("a proof")));
  EXPECT_TRUE(store->check()) << "what is there can be read, and deleted";
  ops.set({.free_bytes = room / 2});
  EXPECT_FALSE(store->put(as_bytes("a variant"), key_of("a variant")));
  ops.set({.free_bytes = room + 1'000'000});
  for (const auto& text : {content, large_content}) EXPECT_TRUE(upload(text));
}

TEST(BlobFaultsOfRoom, ALongUploadIsRefusedWhenTheRoomEnds) {
  const TestFolder folder;
  FaultyFileOps ops;
  auto store = open_folder_store({.folder = folder.path().string()}, ops).value();
  const auto file = store->spool().value();
  const std::string chunk(std::size_t{1} << 20, 'c');
  ASSERT_TRUE(file->append(as_bytes(chunk)));
  ops.set({.free_bytes = 1000});
  EXPECT_EQ(file->append(as_bytes(chunk)).error().code, ErrorCode::insufficient_storage);
}

TEST(BlobOrder, TheBytesAreFlushedThenNamedThenTheNamesAreFlushed) {
  const TestFolder folder;
  FaultyFileOps ops;
  auto store =
      open_folder_store({.folder = folder.path().string(), .flush = FolderFlush::each}, ops)
          .value();
  ops.set({});
  ASSERT_TRUE(store->put(as_bytes(content), content_key));
  const auto calls = ops.calls();
  const std::string leaf = content_key.text().substr(0, 9);
  const auto bytes = place(calls, "fdatasync");
  const auto name = place(calls, "link " + content_key.text(), place(calls, "mkdir " + leaf));
  EXPECT_LT(bytes, place(calls, "link " + content_key.text()));
  for (const auto& made_in : {leaf, leaf.substr(0, 6), leaf.substr(0, 3)}) {
    const auto opened = place(calls, "open " + made_in, name);
    EXPECT_EQ(calls[opened + 1], "fsync") << made_in;
  }
}

TEST(BlobOrder, TheJournalIsCommittedAfterTheName) {
  const TestFolder folder;
  FaultyFileOps ops;
  auto store =
      open_folder_store({.folder = folder.path().string(), .flush = FolderFlush::journal}, ops)
          .value();
  ops.set({});
  ASSERT_TRUE(store->put(as_bytes(content), content_key));
  auto calls = ops.calls();
  EXPECT_EQ(std::ranges::count(calls, "fdatasync"), 0) << "its bytes went past the page cache";
  const auto changed = place(calls, "touch .", place(calls, "link " + content_key.text()));
  EXPECT_EQ(place(calls, "fsync", changed), calls.size() - 1);

  ops.set({.write_max = 10'000});
  ASSERT_TRUE(store->put(as_bytes(large_content), key_of(large_content)));
  calls = ops.calls();
  EXPECT_LT(place(calls, "fdatasync"), place(calls, "link " + key_of(large_content).text()))
      << "these did not";
}

/// Two who publish the same bytes: one whose flush fails must not take the name from the other.
TEST(BlobFaultsOfFlushes, ANameThatSomebodyWasToldOfStays) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    const TestFolder folder;
    FaultyFileOps ops;
    auto store =
        open_folder_store({.folder = folder.path().string(), .flush = FolderFlush::journal}, ops)
            .value();
    ops.set({.fail_at = 6 + attempt % 12});
    std::array<bool, 4> told{};
    {
      std::vector<std::jthread> threads;
      for (bool& one : told)
        threads.emplace_back([&] { one = store->put(as_bytes(content), content_key).has_value(); });
    }
    if (std::ranges::count(told, true) > 0) {
      EXPECT_EQ(read(*store, content_key), content);
    } else {
      EXPECT_TRUE(folder.files().empty());
    }
  }
}

TEST(BlobOrder, AFolderOfAnEarlierProcessIsFlushedAgain) {
  const TestFolder folder;
  for (int process = 0; process < 2; ++process) {
    FaultyFileOps ops;
    auto store =
        open_folder_store({.folder = folder.path().string(), .flush = FolderFlush::each}, ops)
            .value();
    for (int turn = 0; turn < 2; ++turn) {
      ops.set({});
      ASSERT_TRUE(store->put(as_bytes(content), content_key));
      EXPECT_EQ(std::ranges::count(ops.calls(), "fsync"), turn == 0 ? 3 : 1);
    }
  }
}

TEST(FolderStore, RemovesSpoolFilesOfDeadProcessesOnly) {
  const TestFolder folder;
  FaultyFileOps ops;
  ops.set({.no_unnamed_files = true});
  auto living = open_folder_store({.folder = folder.path().string()}, ops).value();
  auto file = living->spool().value();
  ASSERT_TRUE(file->append(as_bytes(large_content)));
  const auto leftover = folder.path() / "spool" / "leftover";
  ASSERT_EQ(::close(::open(leftover.c_str(), O_CREAT | O_WRONLY, 0600)), 0);
  EXPECT_EQ(folder.files().size(), 2U);
  auto second = open_folder_store({.folder = folder.path().string()}).value();
  EXPECT_EQ(folder.files().size(), 1U);
  ASSERT_TRUE(living->publish(*file, key_of(large_content)));
  file.reset();
  EXPECT_EQ(folder.files(), std::vector<std::string>{key_of(large_content).text()});
}

TEST(FolderStore, PublishOfWhatIsThereKeepsItsFile) {
  const TestFolder folder;
  auto store = open_folder_store({.folder = folder.path().string()}).value();
  const auto inode = [&] {
    struct stat facts{};
    EXPECT_EQ(::stat((folder.path() / content_key.text()).c_str(), &facts), 0);
    return facts.st_ino;
  };
  ASSERT_TRUE(store->put(as_bytes(content), content_key));
  const auto first = inode();
  ASSERT_TRUE(store->put(as_bytes(content), content_key));
  EXPECT_EQ(inode(), first);
}

TEST(FolderStore, DoesNotFollowASymbolicLinkOutOfItsFolder) {
  const TestFolder folder;
  auto store = open_folder_store({.folder = folder.path().string()}).value();
  ASSERT_TRUE(store->put(as_bytes(content), content_key));
  const auto path = folder.path() / content_key.text();
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_EQ(::symlink("/etc/passwd", path.c_str()), 0);
  EXPECT_EQ(store->open(content_key).error().code, ErrorCode::storage_failed);
  EXPECT_EQ(store->exists(content_key).value(), false);
  ASSERT_TRUE(store->put(as_bytes(content), content_key)) << "and it is replaced";
  EXPECT_EQ(store->open(content_key).value().bytes, content.size());
}

TEST(FolderStore, SaysWhatIsWrongWithItsFolder) {
  const auto error = open_folder_store({.folder = "/proc/nowhere"}).error();
  EXPECT_EQ(error.code, ErrorCode::storage_failed);
}

}  // namespace
}  // namespace calotype
