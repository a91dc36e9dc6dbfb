// SPDX-License-Identifier: Apache-2.0
// SQLite as the catalog's engine. It has one writer at a time and one fsync a commit, so writes
// that arrive together share both: one transaction for all of them, each within a savepoint of its
// own, so that one that fails undoes itself only. A batch without a durable write is committed
// without an fsync; the next durable commit syncs the whole WAL, and with it what came before.
//
// Checkpoints (the WAL into the file) run on a thread of their own, beside the writers. Their tail,
// which the writers would otherwise for ever stay ahead of, is done between two transactions, so
// that the WAL starts anew. Where readers follow one another so closely that one of them always
// needs the old pages, a WAL that has become several times as long waits for them, briefly.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "async/group_commit.hpp"
#include "catalog/sqlite_connection.hpp"

namespace calotype {

class SqliteDatabase final : public Database {
 public:
  struct Options {
    std::size_t readers = 4;
    std::chrono::milliseconds read_wait_max{5'000};
    std::chrono::milliseconds busy_timeout{5'000};
    std::int64_t pages_max = 0;   // of 4 KiB; 0: no limit but the disk's
    int checkpoint_pages = 4096;  // in the WAL, before a checkpoint begins
  };
  static Result<std::unique_ptr<SqliteDatabase>> open(const std::string& path,
                                                      const Options& options);
  ~SqliteDatabase() override;

  Result<void> write(Durability durability, const Body& body) override;
  Result<void> read(const Body& body) override;
  const Dialect& dialect() const override;

 private:
  struct Write;
  explicit SqliteDatabase(const Options& options);
  Result<void> connect(const std::string& path);
  void flush(std::span<Write* const> batch);
  Result<void> run_batch(std::span<Write* const> batch);
  Result<void> run_one(Write& write);
  Result<void> set_durability(Durability durability);
  Result<std::unique_ptr<SqliteConnection>> borrow();
  void give_back(std::unique_ptr<SqliteConnection> reader);
  void note_wal_pages(int pages);
  void finish_checkpoint();
  void keep_wal_short();

  const Options options_;
  std::unique_ptr<SqliteConnection> writer_;  // under group_'s exclusion
  Durability durability_ = Durability::durable;
  int wal_pages_ = 0;      // after the last commit
  int wait_at_pages_ = 0;  // of the WAL: the next time that readers are waited for
  GroupCommit<Write> group_;

  std::mutex readers_mutex_;
  std::condition_variable reader_free_;
  std::vector<std::unique_ptr<SqliteConnection>> readers_;

  std::unique_ptr<SqliteConnection> checkpointer_;  // its thread's only
  std::mutex checkpoint_mutex_;                     // of the three below
  std::condition_variable checkpoint_due_;
  bool wal_long_ = false;   // a checkpoint should begin
  bool tail_left_ = false;  // the writer should do what is left
  bool stopping_ = false;
  std::thread checkpoint_thread_;
};

}  // namespace calotype
