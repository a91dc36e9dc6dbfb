// SPDX-License-Identifier: Apache-2.0
#include "catalog/sqlite_database.hpp"

#include <format>

#include "base/log.hpp"

namespace calotype {
namespace {

constexpr std::size_t batch_max = 256;
constexpr std::int64_t reader_mmap_bytes = 0x7fff0000;  // SQLite as it is built maps no more
/// A tail as short as this is copied between two transactions in about a millisecond.
constexpr int tail_pages_max = 256;
constexpr int checkpoint_passes_max = 4;
/// A WAL this many times as long as wanted is worth making writers wait for readers.
constexpr int wal_growth_max = 3;
constexpr int reader_wait_ms = 500;

constexpr Dialect sqlite_dialect{
    .identity = "INTEGER PRIMARY KEY",
    .integer = "INTEGER",
    .bytes = "BLOB",
    .text = "TEXT",
    .table = "STRICT",
    .keyed_table = "STRICT, WITHOUT ROWID",
    .queue_table = "STRICT, WITHOUT ROWID",
    // One writer: there is nobody else to keep still, or to tell.
    .for_update = "",
    .for_share = "",
    .skip_locked = "",
    .turn =
        "(SELECT 1 + MAX(COALESCE((SELECT MAX(turn) FROM event), 0), COALESCE((SELECT turn "
        "FROM upload WHERE turn IS NOT NULL ORDER BY turn DESC LIMIT 1), 0)))",
    .turns_over = "9223372036854775807",
    .lock_schema = "",
    .notify = "",
    .after_filling = "",  // a rowid is the greatest and one
};

}  // namespace

struct SqliteDatabase::Write {
  Durability durability;
  const Body& body;
  Result<void> outcome{};
};

SqliteDatabase::SqliteDatabase(const Options& options)
    : options_(options),
      group_(batch_max, [this](std::span<Write* const> batch) { flush(batch); }) {}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const std::string& path,
                                                             const Options& options) {
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(options));
  TRY_VOID(database->connect(path));
  return database;
}

Result<void> SqliteDatabase::connect(const std::string& path) {
  const int busy_ms = static_cast<int>(options_.busy_timeout.count());
  TRY(writer_, SqliteConnection::open(path, {.read_only = false,
                                             .busy_timeout_ms = busy_ms,
                                             .cache_kib = 64 * 1024,
                                             .mmap_bytes = 0}));
  if (options_.pages_max > 0)
    TRY_VOID(writer_->script(std::format("PRAGMA max_page_count = {}", options_.pages_max)));
  for (std::size_t i = 0; i < options_.readers; ++i) {
    TRY(auto reader, SqliteConnection::open(path, {.read_only = true,
                                                   .busy_timeout_ms = busy_ms,
                                                   .cache_kib = 4 * 1024,
                                                   .mmap_bytes = reader_mmap_bytes}));
    readers_.push_back(std::move(reader));
  }
  TRY(checkpointer_,
      SqliteConnection::open(
          path,
          {.read_only = false, .busy_timeout_ms = busy_ms, .cache_kib = 1024, .mmap_bytes = 0}));
  writer_->on_commit([this](int pages) { note_wal_pages(pages); });
  checkpoint_thread_ = std::thread([this] { keep_wal_short(); });
  return {};
}

SqliteDatabase::~SqliteDatabase() {
  {
    const std::lock_guard lock(checkpoint_mutex_);
    stopping_ = true;
  }
  checkpoint_due_.notify_all();
  if (checkpoint_thread_.joinable()) checkpoint_thread_.join();
}

const Dialect& SqliteDatabase::dialect() const {
  return sqlite_dialect;
}

Result<void> SqliteDatabase::write(Durability durability, const Body& body) {
  Write write{.durability = durability, .body = body};
  group_.run(write);
  return std::move(write.outcome);
}

void SqliteDatabase::flush(std::span<Write* const> batch) {
  if (const auto committed = run_batch(batch); !committed) {
    // Those that failed by themselves keep their own reason.
    for (Write* write : batch)
      if (write->outcome) write->outcome = std::unexpected(committed.error());
    if (writer_->in_transaction()) (void)writer_->execute("ROLLBACK");
  }
  finish_checkpoint();
}

/// Between two transactions: what the checkpoint beside them has left, or all of it where that one
/// cannot keep up.
void SqliteDatabase::finish_checkpoint() {
  bool due = false;
  {
    const std::lock_guard lock(checkpoint_mutex_);
    due = std::exchange(tail_left_, false);
  }
  const int limit = options_.checkpoint_pages * wal_growth_max;
  if (wal_pages_ < limit) wait_at_pages_ = limit;
  const bool wait = wal_pages_ >= wait_at_pages_;
  if (!due && !wait) return;
  // Readers that take longer are not waited for at every commit, but after so much more growth.
  if (wait) wait_at_pages_ = wal_pages_ + options_.checkpoint_pages;
  const auto done = wait ? writer_->checkpoint_whole(reader_wait_ms) : writer_->checkpoint();
  if (!done) log::warn("catalog checkpoint failed", {{"error", done.error()}});
}

Result<void> SqliteDatabase::run_batch(std::span<Write* const> batch) {
  bool durable = false;
  for (const Write* write : batch) durable |= write->durability == Durability::durable;
  TRY_VOID(set_durability(durable ? Durability::durable : Durability::relaxed));
  TRY_VOID(writer_->execute("BEGIN IMMEDIATE"));
  for (Write* write : batch) TRY_VOID(run_one(*write));
  TRY_VOID(writer_->execute("COMMIT"));
  return {};
}

/// An error here is the whole batch's; the write's own failure goes into its outcome.
Result<void> SqliteDatabase::run_one(Write& write) {
  TRY_VOID(writer_->execute("SAVEPOINT one"));
  write.outcome = write.body(*writer_);
  if (!writer_->in_transaction()) {
    // A full disk or a failed read or write: SQLite has undone the whole transaction.
    require(!write.outcome, "a transaction ends by an error only");
    return std::unexpected(write.outcome.error());
  }
  if (!write.outcome) TRY_VOID(writer_->execute("ROLLBACK TO one"));
  TRY_VOID(writer_->execute("RELEASE one"));
  return {};
}

/// In WAL mode FULL syncs the WAL at every commit, NORMAL at checkpoints only.
Result<void> SqliteDatabase::set_durability(Durability durability) {
  if (durability == durability_) return {};
  TRY_VOID(writer_->script(durability == Durability::durable ? "PRAGMA synchronous = FULL"
                                                             : "PRAGMA synchronous = NORMAL"));
  durability_ = durability;
  return {};
}

Result<void> SqliteDatabase::read(const Body& body) {
  TRY(auto reader, borrow());
  auto outcome = body(*reader);
  give_back(std::move(reader));
  return outcome;
}

Result<std::unique_ptr<SqliteConnection>> SqliteDatabase::borrow() {
  std::unique_lock lock(readers_mutex_);
  if (!reader_free_.wait_for(lock, options_.read_wait_max, [&] { return !readers_.empty(); }))
    return fail(ErrorCode::overloaded, "The catalog has too many readers.");
  auto reader = std::move(readers_.back());
  readers_.pop_back();
  return reader;
}

void SqliteDatabase::give_back(std::unique_ptr<SqliteConnection> reader) {
  {
    const std::lock_guard lock(readers_mutex_);
    readers_.push_back(std::move(reader));
  }
  reader_free_.notify_one();
}

void SqliteDatabase::note_wal_pages(int pages) {
  wal_pages_ = pages;
  if (pages < options_.checkpoint_pages) return;
  {
    const std::lock_guard lock(checkpoint_mutex_);
    if (wal_long_ || tail_left_) return;
    wal_long_ = true;
  }
  checkpoint_due_.notify_one();
}

void SqliteDatabase::keep_wal_short() {
  std::unique_lock lock(checkpoint_mutex_);
  for (;;) {
    checkpoint_due_.wait(lock, [&] { return wal_long_ || stopping_; });
    if (stopping_) return;
    lock.unlock();
    // Each pass leaves what was written meanwhile, which gets shorter until the writer can do it.
    for (int pass = 0; pass < checkpoint_passes_max; ++pass) {
      const auto done = checkpointer_->checkpoint();
      if (!done) log::warn("catalog checkpoint failed", {{"error", done.error()}});
      if (!done || done->log_pages - done->copied_pages < tail_pages_max) break;
    }
    lock.lock();
    wal_long_ = false;
    tail_left_ = true;
  }
}

}  // namespace calotype
