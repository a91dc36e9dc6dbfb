// SPDX-License-Identifier: Apache-2.0
// What PostgreSQL alone has to be held to: what is repeated and what is not, what happens when
// connections break at the worst moments, and that nothing waits for ever.
#include "catalog/pg_database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "catalog/sql_rows.hpp"
#include "catalog/test_catalog_place.hpp"
#include "catalog/test_cutting_proxy.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class PgDatabaseTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!place_.exists()) GTEST_SKIP() << "the suite has not started postgresql";
    const auto db = place_.connect();
    ASSERT_TRUE(db->script("CREATE TABLE note (number BIGINT PRIMARY KEY, text TEXT NOT NULL)"));
  }
  std::unique_ptr<PgDatabase> open(PgDatabase::Options options = {}) const {
    if (options.url.empty()) options.url = place_.url();
    auto opened = PgDatabase::open(options);
    EXPECT_TRUE(opened) << describe(opened.error());
    return *std::move(opened);
  }
  static Result<void> add(Database& database, std::int64_t number, std::string_view text = "x") {
    return database.write(Durability::durable, [&](Connection& db) -> Result<void> {
      TRY_VOID(db.execute("INSERT INTO note (number, text) VALUES ($1, $2)", {number, text}));
      return {};
    });
  }
  static std::int64_t count(Database& database) {
    std::int64_t notes = -1;
    const auto done = database.read([&](Connection& db) -> Result<void> {
      TRY(const auto found, query_one(db, "SELECT COUNT(*) FROM note", {}, read_integer));
      notes = *found;
      return {};
    });
    EXPECT_TRUE(done) << describe(done.error());
    return notes;
  }
  static std::string text_of(Connection& db, std::string_view sql) {
    const auto found = query_one(db, sql, {}, read_text);
    EXPECT_TRUE(found) << describe(found.error());
    return found && *found ? **found : "";
  }
  /// The server's port, and the URL with another in its place.
  std::uint16_t port() const {
    const std::string url = CatalogTestPlace::server("CALOTYPE_TEST_POSTGRES");
    return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  }
  std::string url_at(std::uint16_t other) const {
    std::string url = place_.url();
    const std::string from = ":" + std::to_string(port()) + "/";
    return url.replace(url.find(from), from.size(), ":" + std::to_string(other) + "/");
  }
  void end_all_sessions() const {
    place_.on_server("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
                     place_.url().substr(place_.url().rfind('/') + 1) +
                     "' AND pid <> pg_backend_pid()");
  }

  const CatalogTestPlace place_{"postgresql"};
};

TEST_F(PgDatabaseTest, ValuesComeBackAsTheyWentIn) {
  const auto database = open();
  const std::string text = "ä \"quoted\" \\ %s 漢";
  const std::array<std::byte, 4> raw{std::byte{0}, std::byte{255}, std::byte{'\''}, std::byte{92}};
  EXPECT_TRUE(database->read([&](Connection& db) -> Result<void> {
    TRY_VOID(db.execute("SELECT $1, $2, $3, $4, $5, '' || $6",
                        {INT64_MIN, INT64_MAX, text, ByteSpan(raw), nullptr, ""},
                        [&](const Row& row) -> Result<void> {
                          EXPECT_EQ(row.integer(0), INT64_MIN);
                          EXPECT_EQ(row.integer(1), INT64_MAX);
                          EXPECT_EQ(row.text(2), text);
                          EXPECT_TRUE(std::ranges::equal(row.bytes(3), raw));
                          EXPECT_TRUE(row.is_null(4));
                          EXPECT_FALSE(row.is_null(5));
                          EXPECT_EQ(row.text(5), "");
                          return {};
                        }));
    return {};
  }));
}

TEST_F(PgDatabaseTest, BytesThatAreNoTextAreRefusedAsTheCallersFault) {
  const auto database = open();
  for (const std::string_view text : {std::string_view("a\0b", 3), std::string_view("\xff")}) {
    const auto refused = add(*database, 1, text);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::bad_request);
  }
  EXPECT_EQ(count(*database), 0);
}

TEST_F(PgDatabaseTest, DurableCommitsWaitForTheDiskAndRelaxedOnesDoNot) {
  const auto database = open();
  for (const auto& [durability, setting] :
       {std::pair{Durability::durable, "on"}, std::pair{Durability::relaxed, "off"}})
    EXPECT_TRUE(database->write(durability, [&](Connection& db) -> Result<void> {
      EXPECT_EQ(text_of(db, "SELECT current_setting('synchronous_commit')"), setting);
      EXPECT_EQ(text_of(db, "SELECT current_setting('transaction_isolation')"), "read committed");
      return {};
    }));
}

TEST_F(PgDatabaseTest, FailingBodyLeavesNothingBehind) {
  const auto database = open({.pool_size = 1});
  const auto failed = database->write(Durability::durable, [](Connection& db) -> Result<void> {
    TRY_VOID(db.execute("INSERT INTO note VALUES (1, 'x')"));
    return fail(ErrorCode::lease_lost, "on purpose");
  });
  EXPECT_EQ(failed.error().code, ErrorCode::lease_lost);
  const auto refused = database->write(Durability::durable, [](Connection& db) -> Result<void> {
    TRY_VOID(db.execute("INSERT INTO note VALUES (2, NULL)"));
    return {};
  });
  EXPECT_EQ(refused.error().code, ErrorCode::catalog_failed);
  EXPECT_TRUE(add(*database, 3)) << "on the same connection";
  EXPECT_EQ(count(*database), 1);
}

TEST_F(PgDatabaseTest, TransactionsThatDeadlockBothSucceed) {
  const auto database = open();
  ASSERT_TRUE(add(*database, 1));
  ASSERT_TRUE(add(*database, 2));
  std::latch both(2);
  std::atomic<int> runs = 0;
  const auto cross = [&](std::int64_t first, std::int64_t second) {
    bool met = false;
    return database->write(Durability::durable, [&](Connection& db) -> Result<void> {
      ++runs;
      const auto* sql = "UPDATE note SET text = text || 'y' WHERE number = $1";
      TRY_VOID(db.execute(sql, {first}));
      if (!std::exchange(met, true)) both.arrive_and_wait();
      TRY_VOID(db.execute(sql, {second}));
      return {};
    });
  };
  std::jthread other([&] { EXPECT_TRUE(cross(2, 1)); });
  EXPECT_TRUE(cross(1, 2));
  other.join();
  EXPECT_EQ(runs, 3) << "one of them again";
  EXPECT_TRUE(database->read([](Connection& db) -> Result<void> {
    EXPECT_EQ(text_of(db, "SELECT string_agg(text, ' ') FROM note"), "xyy xyy");
    return {};
  }));
}

TEST_F(PgDatabaseTest, ConnectionsThatDiedMeanwhileAreReplacedUnnoticed) {
  const auto database = open({.pool_size = 4});
  ASSERT_TRUE(add(*database, 1));
  end_all_sessions();
  EXPECT_TRUE(add(*database, 2));
  end_all_sessions();
  EXPECT_EQ(count(*database), 2);
}

TEST_F(PgDatabaseTest, TransactionWhoseServerDiesInTheMiddleIsRunAgain) {
  const auto database = open();
  int runs = 0;
  const auto done = database->write(Durability::durable, [&](Connection& db) -> Result<void> {
    TRY_VOID(db.execute("INSERT INTO note VALUES ($1, 'x')", {7}));
    if (++runs == 1) TRY_VOID(db.execute("SELECT pg_terminate_backend(pg_backend_pid())"));
    return {};
  });
  EXPECT_TRUE(done) << describe(done.error());
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(count(*database), 1);
}

TEST_F(PgDatabaseTest, CommitThatDidNotArriveIsRunAgain) {
  PgCuttingProxy proxy(port());
  const auto database = open({.url = url_at(proxy.port())});
  ASSERT_TRUE(add(*database, 1));
  proxy.cut_next(PgCuttingProxy::Cut::before_commit);
  const auto done = add(*database, 2);
  EXPECT_TRUE(done) << describe(done.error());
  EXPECT_TRUE(proxy.has_cut());
  EXPECT_EQ(count(*database), 2);
}

TEST_F(PgDatabaseTest, CommitWhoseAnswerWasLostIsAskedForAndNotRunAgain) {
  PgCuttingProxy proxy(port());
  const auto database = open({.url = url_at(proxy.port())});
  int runs = 0;
  const auto insert = [&](Connection& db) -> Result<void> {
    ++runs;
    TRY_VOID(db.execute("INSERT INTO note VALUES ($1, 'x')", {runs}));
    return {};
  };
  proxy.cut_next(PgCuttingProxy::Cut::after_commit);
  const auto done = database->write(Durability::durable, insert);
  EXPECT_TRUE(done) << describe(done.error());
  EXPECT_TRUE(proxy.has_cut());
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(count(*database), 1);
}

TEST_F(PgDatabaseTest, CommitThatIsStillUnderWayIsWaitedForAndNotRunAgain) {
  const auto db = place_.connect();
  ASSERT_TRUE(db->script(
      "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS "
      "$$BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END$$;"
      "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED "
      "FOR EACH ROW EXECUTE FUNCTION linger()"));
  PgCuttingProxy proxy(port());
  const auto database = open({.url = url_at(proxy.port())});
  int runs = 0;
  proxy.cut_next(PgCuttingProxy::Cut::while_committing);
  const auto done = database->write(Durability::durable, [&](Connection& tx) -> Result<void> {
    TRY_VOID(tx.execute("INSERT INTO note VALUES ($1, 'x')", {++runs}));
    return {};
  });
  EXPECT_TRUE(done) << describe(done.error());
  EXPECT_TRUE(proxy.has_cut());
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(count(*database), 1);
}

TEST_F(PgDatabaseTest, CommitThatNobodyCanSpeakForIsSaidToBeUnknown) {
  PgCuttingProxy proxy(port());
  const auto database =
      open({.url = url_at(proxy.port()), .transaction_timeout = 500ms, .settle_max = 500ms});
  proxy.cut_next(PgCuttingProxy::Cut::after_commit, true);
  const auto began = std::chrono::steady_clock::now();
  const auto unknown = add(*database, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind(), ErrorKind::upstream);
  EXPECT_THAT(unknown.error().message, HasSubstr("look before you do it again"));
  EXPECT_EQ(count(*open()), 1) << "as it happens, it was kept";
}

TEST_F(PgDatabaseTest, NothingWaitsForALockForEver) {
  const auto database = open({.transaction_timeout = 300ms});
  ASSERT_TRUE(add(*database, 1));
  const auto holder = place_.connect();
  ASSERT_TRUE(holder->script("BEGIN; UPDATE note SET text = 'held'"));
  const auto began = std::chrono::steady_clock::now();
  const auto refused = database->write(Durability::durable, [](Connection& db) -> Result<void> {
    TRY_VOID(db.execute("UPDATE note SET text = 'mine'"));
    return {};
  });
  EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::timeout);
  ASSERT_TRUE(holder->script("COMMIT"));
  EXPECT_EQ(count(*database), 1);
  EXPECT_TRUE(add(*database, 2));
}

TEST_F(PgDatabaseTest, StatementThatTakesTooLongIsCancelledAtTheServer) {
  const auto database = open({.transaction_timeout = 300ms});
  const auto refused = database->read([](Connection& db) -> Result<void> {
    TRY_VOID(db.execute("SELECT pg_sleep(60)"));
    return {};
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::timeout);
  const auto watcher = place_.connect();
  std::string running = "?";
  for (int i = 0; i < 100 && running != "0"; ++i) {
    running = text_of(*watcher,
                      "SELECT COUNT(*)::text FROM pg_stat_activity WHERE datname = "
                      "current_database() AND state = 'active' AND query LIKE 'SELECT pg_sleep%'");
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_EQ(running, "0");
}

TEST_F(PgDatabaseTest, WhoFindsNoFreeConnectionInTimeIsOverloadedAndSoIsNobodyElse) {
  Metrics metrics;
  const auto database = open({.pool_size = 2, .pool_wait_max = 100ms, .metrics = &metrics});
  std::latch holding(2);
  std::latch finish(1);
  std::vector<std::jthread> holders;
  for (int i = 0; i < 2; ++i)
    holders.emplace_back([&] {
      EXPECT_TRUE(database->read([&](Connection&) -> Result<void> {
        holding.count_down();
        finish.wait();
        return {};
      }));
    });
  holding.wait();
  EXPECT_THAT(metrics.exposition(),
              HasSubstr("catalog_connections{server=\"primary\",state=\"active\"} 2"));
  const auto refused = add(*database, 1);
  finish.count_down();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::overloaded);
  EXPECT_THAT(refused.error().message, HasSubstr("All 2 connections"));
  holders.clear();
  EXPECT_TRUE(add(*database, 1));
  EXPECT_THAT(
      metrics.exposition(),
      testing::AllOf(HasSubstr("catalog_connections{server=\"primary\",state=\"active\"} 0"),
                     HasSubstr("catalog_connections{server=\"primary\",state=\"idle\"} 2"),
                     HasSubstr("catalog_pool_waits_total{server=\"primary\"} 1"),
                     HasSubstr("catalog_connections_max{server=\"primary\"} 2")));
}

TEST_F(PgDatabaseTest, PreparedStatementsThatGoMissingAreDoneWithout) {
  const auto database = open({.pool_size = 1});
  for (std::int64_t i = 0; i < 6; ++i) {
    ASSERT_TRUE(add(*database, i)) << i;
    EXPECT_EQ(count(*database), i + 1);
    // As a pooler does that gives the next transaction another server.
    const auto forgotten = database->write(Durability::relaxed, [](Connection& db) -> Result<void> {
      return db.script("DEALLOCATE ALL");
    });
    EXPECT_TRUE(forgotten);
  }
}

TEST_F(PgDatabaseTest, StatementsThatSomebodyElseHasPreparedThereAreUsed) {
  const auto database = open({.pool_size = 1});
  ASSERT_TRUE(add(*database, 1));
  // The same names on the same session, unknown to a connection that is new to it: what a pooler
  // without knowledge of prepared statements makes.
  const auto direct = place_.connect();
  direct->begin_reading();
  ASSERT_EQ(text_of(*direct, "SELECT 'a'"), "a");
  direct->forget_statements();
  direct->begin_reading();
  EXPECT_FALSE(query_one(*direct, "SELECT 'a'", {}, read_text));
  EXPECT_EQ(direct->failure(), PgFailure::again);
  EXPECT_EQ(text_of(*direct, "SELECT 'a'"), "a");
}

TEST_F(PgDatabaseTest, TimeIsTheServersWhateverThisMachineSays) {
  const auto database = open();
  const auto server_now = [&] {
    std::int64_t ms = 0;
    EXPECT_TRUE(database->read([&](Connection& db) -> Result<void> {
      TRY(const auto now,
          query_one(db, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint", {},
                    read_integer));
      ms = *now;
      return {};
    }));
    return Timestamp{std::chrono::milliseconds{ms}};
  };
  for (int i = 0; i < 3; ++i) {
    const auto before = server_now();
    const auto here = database->clock().now();
    const auto after = server_now();
    EXPECT_GE(here, before - 30ms);
    EXPECT_LE(here, after + 30ms);
    ASSERT_TRUE(add(*database, i));
  }
}

TEST_F(PgDatabaseTest, ServerThatIsNotThereIsSaidSoAtOnce) {
  PgCuttingProxy free_port(1);  // nobody listens behind it: it accepts and closes
  const auto opened = PgDatabase::open({.url = url_at(1)});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::catalog_failed);
  EXPECT_THAT(opened.error().message, HasSubstr("No PostgreSQL can be reached at 127.0.0.1:1"));
  const auto closed = PgDatabase::open({.url = url_at(free_port.port())});
  ASSERT_FALSE(closed);
  EXPECT_THAT(closed.error().message, HasSubstr("No PostgreSQL can be reached"));
}

TEST_F(PgDatabaseTest, WhatOnlyTheOperatorCanMendSaysHow) {
  std::string url = place_.url();
  const auto password_at = url.find(':', url.find("//")) + 1;
  std::string wrong = url;
  wrong.replace(password_at, url.find('@') - password_at, "guess");
  const auto refused = PgDatabase::open({.url = wrong});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::bad_config);
  EXPECT_THAT(refused.error().message, HasSubstr("the password is wrong"));
  EXPECT_THAT(describe(refused.error()), testing::Not(HasSubstr("guess")));

  const auto missing = PgDatabase::open({.url = url.substr(0, url.rfind('/')) + "/nowhere"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::bad_config);
  EXPECT_THAT(missing.error().message, HasSubstr("has no database “nowhere”"));

  const auto nonsense = PgDatabase::open({.url = "postgresql://u:se%cret@h:x/y?z"});
  ASSERT_FALSE(nonsense);
  EXPECT_EQ(nonsense.error().code, ErrorCode::bad_config);
  EXPECT_THAT(describe(nonsense.error()), testing::Not(HasSubstr("cret")));
}

TEST_F(PgDatabaseTest, EveryoneComesBackAfterAnOutage) {
  auto proxy = std::make_unique<PgCuttingProxy>(port());
  const auto database = open({.url = url_at(proxy->port())});
  proxy->cut_next(PgCuttingProxy::Cut::before_commit, true);
  std::jthread returns([&] {
    std::this_thread::sleep_for(700ms);
    proxy->let_in();
  });
  const auto done = add(*database, 1);
  EXPECT_TRUE(done) << describe(done.error());
  EXPECT_EQ(count(*database), 1);
}

}  // namespace
}  // namespace calotype
