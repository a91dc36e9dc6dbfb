// SPDX-License-Identifier: Apache-2.0
// What a catalog is worth: a program that writes is killed at random instants, and everything that
// it acknowledged is there afterwards, whole. And a disk that is full or fails undoes what it
// refused, whole. The writer is a child of its own, because what is tested is its death.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <format>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include "base/ids.hpp"
#include "base/unique_fd.hpp"
#include "catalog/open_catalog.hpp"
#include "catalog/sql_rows.hpp"
#include "catalog/sqlite_connection.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;

constexpr int rounds = 20;

NewUpload upload_of(std::string_view content) {
  return {.digest = Sha256::of(as_bytes(content)),
          .bytes = content.size(),
          .file_name = "a.jpg",
          .uploader = "",
          .tags = {}};
}
AssetId id_of(std::string_view content) {
  return AssetId::of(Sha256::of(as_bytes(content)));
}

/// One line, whole: a write of at most PIPE_BUF bytes is.
void say(int fd, const std::string& line) {
  const std::string text = line + "\n";
  if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) _exit(3);
}

/// Uploads for ever; each fourth is deleted again. "+content" and "-content" are acknowledgements.
void keep_uploading(Catalog& catalog, int fd, const std::string& name) {
  for (int i = 0;; ++i) {
    const std::string content = name + "." + std::to_string(i);
    if (!catalog.record_published(upload_of(content), 0)) _exit(4);
    say(fd, "+" + content);
    if (i % 4 != 3) continue;
    say(fd, "?" + content);  // from here to the acknowledgement it may be either
    if (!catalog.delete_uploads(id_of(content), "", 1h)) _exit(5);
    say(fd, "-" + content);
  }
}

/// Inspects for ever, and says which assets it has finished.
void keep_inspecting(Catalog& catalog, int fd) {
  for (;;) {
    const auto jobs = catalog.claim_jobs(Lane::metadata, 1, 60s);
    if (!jobs) _exit(6);
    if (jobs->empty()) continue;
    const JobLease lease{jobs->front().id, jobs->front().fence};
    const auto id = *AssetId::parse(jobs->front().asset_id);
    const auto asset = catalog.begin_inspection(lease, id);
    if (!asset || !*asset) continue;
    MediaInfo media;
    media.media_type = "image/png";
    if (catalog.finish_inspection(lease, id, media, {})) say(fd, "=" + id.text());
  }
}

[[noreturn]] void write_until_killed(const std::string& url, int fd, int round) {
  const SystemClock clock;
  auto catalog = open_catalog({.url = url}, clock);
  if (!catalog || !(*catalog)->end_all_leases()) _exit(2);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back(
        [&, i] { keep_uploading(**catalog, fd, std::to_string(round) + "." + std::to_string(i)); });
  keep_inspecting(**catalog, fd);
  _exit(0);
}

/// Starts the writer, kills it that long after its first acknowledgement; what it said.
std::string run_and_kill(const std::string& url, int round, std::chrono::microseconds life) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    ::close(ends[0]);
    write_until_killed(url, ends[1], round);
  }
  ::close(ends[1]);
  const UniqueFd reader(ends[0]);
  std::string said;
  std::array<char, 65'536> buffer{};
  const auto read_some = [&] {
    const ssize_t got = ::read(reader.get(), buffer.data(), buffer.size());
    if (got > 0) said.append(buffer.data(), static_cast<std::size_t>(got));
    return got > 0;
  };
  std::jthread killer;
  if (read_some())
    killer = std::jthread([&] {
      std::this_thread::sleep_for(life);
      kill(child, SIGKILL);
    });
  while (read_some()) {
  }
  if (killer.joinable()) killer.join();
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  return said;
}

std::int64_t number(SqliteConnection& db, std::string_view sql) {
  const auto found = query_one(db, sql, {}, read_integer);
  EXPECT_TRUE(found) << describe(found.error());
  return found && *found ? **found : -1;
}

/// What holds between the rows at every instant.
void check_rows(const std::string& path) {
  const auto db = SqliteConnection::open(path, {}).value();
  EXPECT_EQ(*query_one(*db, "PRAGMA integrity_check", {}, read_text).value(), "ok");
  EXPECT_EQ(number(*db,
                   "SELECT COUNT(*) FROM asset a WHERE events <> (SELECT COUNT(*) FROM event "
                   "e WHERE e.asset_no = a.asset_no)"),
            0)
      << "each step has its event";
  EXPECT_EQ(number(*db,
                   "SELECT COUNT(*) FROM asset a WHERE state IN ('INGESTED', 'DEDUP_CHECK') "
                   "AND NOT EXISTS (SELECT 1 FROM job j WHERE j.key = 'inspect:' || a.id)"),
            0)
      << "what is not inspected has its job";
  EXPECT_EQ(number(*db,
                   "SELECT COUNT(*) FROM asset a WHERE state = 'DELETED' "
                   "AND NOT EXISTS (SELECT 1 FROM job j WHERE j.key = 'expire:' || a.id)"),
            0)
      << "what is deleted has its job";
  EXPECT_EQ(number(*db,
                   "SELECT COUNT(*) FROM asset a WHERE (state = 'DELETED') = EXISTS "
                   "(SELECT 1 FROM upload u WHERE u.asset_no = a.asset_no)"),
            0)
      << "what is not deleted has an upload, and nothing else has";
}

class CatalogCrash : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("calotype-crash-" + new_id(SystemClock().now()));
  const std::string path_ = (folder_ / "catalog.db").string();
};

TEST_F(CatalogCrash, WhatWasAcknowledgedIsThereAfterEveryKill) {
  const auto seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::minstd_rand random(seed);
  std::map<std::string, char> expected;
  std::size_t acknowledged = 0;
  for (int round = 0; round < rounds; ++round) {
    std::istringstream lines(
        run_and_kill("sqlite:" + path_, round, std::chrono::microseconds(random() % 80'000)));
    std::vector<std::string> inspected;
    for (std::string line; std::getline(lines, line); ++acknowledged) {
      if (line[0] == '=') {
        inspected.push_back(line.substr(1));
      } else {
        expected[line.substr(1)] = line[0];
      }
    }
    check_rows(path_);
    const SystemClock clock;
    const auto catalog = open_catalog({.url = "sqlite:" + path_}, clock).value();
    for (const auto& [content, what] : expected) {
      const auto asset = catalog->find_asset(id_of(content)).value();
      ASSERT_TRUE(asset) << content;
      if (what == '?') continue;
      EXPECT_EQ(asset->state == AssetState::deleted, what == '-') << content;
    }
    for (const std::string& id : inspected) {
      const auto state = catalog->find_asset(*AssetId::parse(id)).value()->state;
      EXPECT_TRUE(state == AssetState::metadata_ready || state == AssetState::deleted) << id;
    }
  }
  std::cout << acknowledged << " acknowledgements over " << rounds << " kills\n";
  EXPECT_GT(acknowledged, 100U);
}

/// Runs in a child, which says how many uploads it recorded and what refused the next.
template <class Prepare>
void fill_up(const std::string& path, int fd, Prepare prepare) {
  const SystemClock clock;
  const auto catalog = open_catalog({.url = "sqlite:" + path}, clock);
  if (!catalog) _exit(2);
  prepare();
  std::atomic<int> kept = 0;
  std::atomic<int> refused = 0;
  std::atomic<ErrorCode> code = ErrorCode::internal;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&, i] {
        for (int j = 0; j < 20'000 && refused == 0; ++j) {
          const auto outcome = (*catalog)->record_published(
              upload_of(std::to_string(i) + "." + std::to_string(j)), 0);
          if (outcome) {
            ++kept;
          } else {
            code = outcome.error().code;
            ++refused;
          }
        }
      });
  }
  std::size_t there = 0;
  std::string cursor;
  do {
    const auto page = (*catalog)->list_assets({}, cursor, 1'000);
    if (!page) _exit(7);
    there += page->rows.size();
    cursor = page->next;
  } while (!cursor.empty());
  std::ostringstream line;
  line << kept << ' ' << there << ' ' << refused << ' ' << to_string(code);
  say(fd, line.str());
  _exit(0);  // the catalog's own end would meet the full disk again
}

struct FillUp {
  int exit = 0;
  int kept = 0;
  int there = 0;
  int refused = 0;
  std::string code;
};

template <class Child>
FillUp in_child(Child child_does) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    ::close(ends[0]);
    child_does(ends[1]);
    _exit(0);
  }
  ::close(ends[1]);
  const UniqueFd reader(ends[0]);
  std::array<char, 256> buffer{};
  const ssize_t got = ::read(reader.get(), buffer.data(), buffer.size() - 1);
  int status = 0;
  waitpid(child, &status, 0);
  FillUp outcome{.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1, .code = {}};
  std::istringstream(
      std::string(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)))) >>
      outcome.kept >> outcome.there >> outcome.refused >> outcome.code;
  return outcome;
}

TEST_F(CatalogCrash, FullDiskKeepsWhatWasAcknowledgedAndNothingElse) {
  constexpr int no_mount = 77;
  const auto outcome = in_child([&](int fd) {
    // Its own small file system, seen by the child only; a user namespace where it is not root.
    const auto [user, group] = std::pair{geteuid(), getegid()};
    if (unshare(CLONE_NEWNS | (user == 0 ? 0 : CLONE_NEWUSER)) != 0) _exit(no_mount);
    if (user != 0) {  // who is nobody there makes no files
      std::ofstream("/proc/self/setgroups") << "deny";
      std::ofstream("/proc/self/uid_map") << std::format("{0} {0} 1", user);
      std::ofstream("/proc/self/gid_map") << std::format("{0} {0} 1", group);
    }
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", folder_.c_str(), "tmpfs", 0, "size=8m") != 0)
      _exit(no_mount);
    fill_up(path_, fd, [] {});
  });
  if (outcome.exit == no_mount)
    GTEST_SKIP() << "a small file system cannot be mounted here; the page limit's test stands in";
  ASSERT_EQ(outcome.exit, 0);
  EXPECT_GT(outcome.refused, 0);
  EXPECT_EQ(outcome.code, "INSUFFICIENT_STORAGE");
  EXPECT_GT(outcome.kept, 100);
  EXPECT_EQ(outcome.there, outcome.kept);
}

TEST_F(CatalogCrash, FailingDiskKeepsWhatWasAcknowledgedAndNothingElse) {
  const auto outcome = in_child([&](int fd) {
    fill_up(path_, fd, [] {
      // From here on a file cannot grow past this; the commit's write fails, not the statement.
      signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{2 << 20, 2 << 20};
      if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(8);
    });
  });
  ASSERT_EQ(outcome.exit, 0);
  EXPECT_GT(outcome.refused, 0);
  EXPECT_EQ(outcome.code, "CATALOG_FAILED");
  EXPECT_EQ(outcome.there, outcome.kept);
  check_rows(path_);
}

}  // namespace
}  // namespace calotype
