// SPDX-License-Identifier: Apache-2.0
// What SQLite alone has to be held to: who waits for whom, what a full or failing disk undoes, and
// how long the WAL gets.
#include "catalog/sqlite_database.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <latch>

#include "base/ids.hpp"
#include "catalog/migrations.hpp"
#include "catalog/open_catalog.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;

class SqliteDatabaseTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static std::filesystem::path make_folder() {
    auto folder =
        std::filesystem::temp_directory_path() / ("calotype-sqlite-" + new_id(SystemClock().now()));
    std::filesystem::create_directories(folder);
    return folder;
  }
  std::unique_ptr<SqliteDatabase> open(const SqliteDatabase::Options& options) {
    auto opened = SqliteDatabase::open(path_, options);
    EXPECT_TRUE(opened) << describe(opened.error());
    EXPECT_TRUE((*opened)->write(Durability::durable, [](Connection& db) -> Result<void> {
      return db.script("CREATE TABLE IF NOT EXISTS note (number INTEGER PRIMARY KEY, text TEXT)");
    }));
    return *std::move(opened);
  }
  static Result<void> add(SqliteDatabase& database, std::int64_t number, std::string_view text,
                          Durability durability = Durability::durable) {
    return database.write(durability, [&](Connection& db) -> Result<void> {
      TRY_VOID(db.execute("INSERT INTO note (number, text) VALUES ($1, $2)", {number, text}));
      return {};
    });
  }
  static std::int64_t count(SqliteDatabase& database) {
    std::int64_t notes = -1;
    EXPECT_TRUE(database.read([&](Connection& db) -> Result<void> {
      TRY(const auto found, query_one(db, "SELECT COUNT(*) FROM note", {}, read_integer));
      notes = *found;
      return {};
    }));
    return notes;
  }

  const std::filesystem::path folder_ = make_folder();
  const std::string path_ = (folder_ / "catalog.db").string();
};

TEST_F(SqliteDatabaseTest, ReaderThatFindsNoConnectionInTimeIsOverloaded) {
  const auto database = open({.readers = 1, .read_wait_max = 20ms});
  std::latch reading(1);
  std::latch finish(1);
  std::jthread slow([&] {
    EXPECT_TRUE(database->read([&](Connection&) -> Result<void> {
      reading.count_down();
      finish.wait();
      return {};
    }));
  });
  reading.wait();
  const auto refused = database->read([](Connection&) -> Result<void> { return {}; });
  finish.count_down();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::overloaded);
}

TEST_F(SqliteDatabaseTest, WriterThatAnotherProgramKeepsWaitingIsOverloaded) {
  const auto database = open({.readers = 1, .busy_timeout = 30ms});
  const auto other = SqliteConnection::open(path_, {}).value();
  ASSERT_TRUE(other->script("BEGIN IMMEDIATE"));
  const auto refused = add(*database, 1, "a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::overloaded);
  ASSERT_TRUE(other->script("COMMIT"));
  EXPECT_TRUE(add(*database, 1, "a"));
}

TEST_F(SqliteDatabaseTest, ReadersCannotWrite) {
  const auto database = open({.readers = 1});
  EXPECT_FALSE(database->read([](Connection& db) -> Result<void> {
    TRY_VOID(db.execute("DELETE FROM note"));
    return {};
  }));
}

TEST_F(SqliteDatabaseTest, FailingWriteUndoesItselfAndNotItsNeighbours) {
  const auto database = open({.readers = 1});
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 64; ++i)
      clients.emplace_back([&, i] {
        const auto outcome = database->write(Durability::durable, [&](Connection& db) {
          Result<void> done;
          if (auto added = db.execute("INSERT INTO note VALUES ($1, 'x')", {i}); !added)
            done = std::unexpected(added.error());
          if (i % 4 == 0) done = fail(ErrorCode::internal, "on purpose");
          return done;
        });
        if (!outcome) ++failed;
      });
  }
  EXPECT_EQ(failed, 16);
  EXPECT_EQ(count(*database), 48);
}

TEST_F(SqliteDatabaseTest, FullCatalogRefusesPlainlyAndGoesOnWhenThereIsRoom) {
  const auto database = open({.readers = 1, .pages_max = 40});
  const std::string text(20'000, 'x');
  std::int64_t kept = 0;
  Result<void> added;
  while ((added = add(*database, kept, text))) ASSERT_LT(++kept, 100);
  EXPECT_EQ(added.error().code, ErrorCode::insufficient_storage);
  EXPECT_GT(kept, 0);
  EXPECT_EQ(count(*database), kept) << "what was refused is not there, the rest is";
  ASSERT_TRUE(database->write(Durability::durable, [](Connection& db) -> Result<void> {
    TRY_VOID(db.execute("DELETE FROM note WHERE number = 0"));
    return {};
  }));
  EXPECT_TRUE(add(*database, 1'000, text));
}

TEST_F(SqliteDatabaseTest, FullCatalogFailsTheWholeBatchOrNothingOfIt) {
  const auto database = open({.readers = 1, .pages_max = 40});
  const std::string text(20'000, 'x');
  std::atomic<std::int64_t> kept = 0;
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 32; ++i)
      clients.emplace_back([&, i] {
        const auto added = add(*database, i, text);
        if (added) {
          ++kept;
        } else {
          EXPECT_EQ(added.error().code, ErrorCode::insufficient_storage);
        }
      });
  }
  EXPECT_EQ(count(*database), kept);
}

TEST_F(SqliteDatabaseTest, WalStaysBoundedWhileManyWriteAndRead) {
  constexpr int checkpoint_pages = 256;
  const auto database = open({.readers = 2, .checkpoint_pages = checkpoint_pages});
  const std::string text(3'000, 'x');
  std::atomic<std::int64_t> next = 0;
  std::atomic<bool> done = false;
  std::uintmax_t longest = 0;
  std::jthread reader([&] {
    while (!done) count(*database);
  });
  {
    std::vector<std::jthread> writers;
    for (int i = 0; i < 8; ++i)
      writers.emplace_back([&] {
        for (std::int64_t number = next++; number < 8'000; number = next++)
          ASSERT_TRUE(add(*database, number, text, Durability::relaxed));
      });
    while (next < 8'000) {
      longest = std::max(longest, std::filesystem::file_size(path_ + "-wal"));
      std::this_thread::sleep_for(1ms);
    }
  }
  done = true;
  reader.join();
  EXPECT_EQ(count(*database), 8'000);
  // Without a bound it would be twice the file: over 60 MiB.
  EXPECT_LT(longest, std::uintmax_t{24} << 20);
}

TEST_F(SqliteDatabaseTest, FileThatIsNoCatalogIsSaidToBeDamaged) {
  std::ofstream(path_) << std::string(8'192, 'x');
  const auto opened = open_catalog({.url = "sqlite:" + path_}, SystemClock());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::catalog_failed);
  EXPECT_NE(opened.error().message.find("damaged"), std::string::npos);
}

TEST_F(SqliteDatabaseTest, CatalogOfANewerProgramIsRefusedAndLeftAlone) {
  const SystemClock clock;
  const CatalogSettings settings{.url = "sqlite:" + path_};
  ASSERT_TRUE(open_catalog(settings, clock));
  const auto raw = SqliteConnection::open(path_, {}).value();
  ASSERT_TRUE(raw->script("INSERT INTO schema_migration VALUES (4711, 'of tomorrow', 0)"));
  const auto opened = open_catalog(settings, clock);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::catalog_failed);
  EXPECT_NE(opened.error().message.find("4711"), std::string::npos);
}

TEST_F(SqliteDatabaseTest, UrlOfNoEngineIsBadConfiguration) {
  const auto opened = open_catalog({.url = "mysql://here"}, SystemClock());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::bad_config);
}

TEST_F(SqliteDatabaseTest, TwoProgramsMayOpenANewCatalogAtOnce) {
  const SystemClock clock;
  std::atomic<int> opened = 0;
  {
    std::vector<std::jthread> programs;
    for (int i = 0; i < 4; ++i)
      programs.emplace_back([&] {
        const auto catalog = open_catalog({.url = "sqlite:" + path_}, clock);
        EXPECT_TRUE(catalog) << describe(catalog.error());
        if (catalog) ++opened;
      });
  }
  EXPECT_EQ(opened, 4);
}

}  // namespace
}  // namespace calotype
