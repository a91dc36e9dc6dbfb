// SPDX-License-Identifier: Apache-2.0
#include "catalog/sqlite_connection.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <chrono>
#include <format>
#include <thread>

namespace calotype {
namespace {

class SqliteRow final : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool is_null(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  std::int64_t integer(int column) const override {
    return sqlite3_column_int64(statement_, column);
  }
  std::string_view text(int column) const override {
    const auto* start = sqlite3_column_text(statement_, column);
    if (start == nullptr) return {};
    return {reinterpret_cast<const char*>(start), size(column)};
  }
  ByteSpan bytes(int column) const override {
    const auto* start = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
    if (start == nullptr) return {};
    return {start, size(column)};
  }

 private:
  std::size_t size(int column) const {
    return static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  }
  sqlite3_stmt* statement_;
};

int bind_value(sqlite3_stmt* statement, int index, const Value& value) {
  struct Binder {
    sqlite3_stmt* statement;
    int index;
    int operator()(std::monostate) const { return sqlite3_bind_null(statement, index); }
    int operator()(std::int64_t number) const {
      return sqlite3_bind_int64(statement, index, number);
    }
    int operator()(std::string_view text) const {
      // A null pointer would bind NULL; empty text is not that.
      return sqlite3_bind_text64(statement, index, text.empty() ? "" : text.data(), text.size(),
                                 SQLITE_STATIC, SQLITE_UTF8);
    }
    int operator()(ByteSpan bytes) const {
      if (bytes.empty()) return sqlite3_bind_zeroblob(statement, index, 0);
      return sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), SQLITE_STATIC);
    }
  };
  return std::visit(Binder{statement, index}, value.held());
}

}  // namespace

struct SqliteConnection::Statement {
  explicit Statement(sqlite3_stmt* prepared) : handle(prepared) {
    // SQLite numbers "$1", "$2" by their first appearance, as it does with any other name.
    const int count = sqlite3_bind_parameter_count(handle);
    for (int i = 1; i <= count; ++i)
      places.push_back(sqlite3_bind_parameter_index(handle, std::format("${}", i).c_str()));
  }
  ~Statement() { sqlite3_finalize(handle); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  sqlite3_stmt* const handle;
  std::vector<int> places;  // of $1, $2, …
};

SqliteConnection::SqliteConnection(sqlite3* handle) : handle_(handle) {}

SqliteConnection::~SqliteConnection() {
  statements_.clear();
  sqlite3_close_v2(handle_);
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::string& path,
                                                                 const Options& options) {
  sqlite3* handle = nullptr;
  // Readers open for writing too: a reader of a WAL writes to its index. query_only keeps them.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (options.read_only ? 0 : SQLITE_OPEN_CREATE);
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  if (handle == nullptr) return fail(ErrorCode::catalog_failed, "The catalog cannot be opened.");
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(handle));
  if (code != SQLITE_OK) return connection->failed(code);
  TRY_VOID(connection->configure(options));
  return connection;
}

Result<void> SqliteConnection::configure(const Options& options) {
  busy_timeout_ms_ = options.busy_timeout_ms;
  sqlite3_busy_timeout(handle_, busy_timeout_ms_);
  // Savepoints keep old pages in a temporary store: memory, never a file.
  std::string settings = std::format(
      "PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON; PRAGMA cache_size = -{};"
      "PRAGMA mmap_size = {};",
      options.cache_kib, options.mmap_bytes);
  if (options.read_only) return script(settings + "PRAGMA query_only = ON;");
  // The page size takes effect only before the first page is written.
  TRY_VOID(script(settings + "PRAGMA page_size = 4096;"));
  TRY_VOID(use_wal());
  return script("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;");
}

/// Of several that make one catalog at once SQLite refuses all but one here without having waited:
/// each holds what another needs. So they let go and try again.
Result<void> SqliteConnection::use_wal() {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(busy_timeout_ms_);
  for (;;) {
    auto done = script("PRAGMA journal_mode = WAL;");
    if (done || done.error().code != ErrorCode::overloaded ||
        std::chrono::steady_clock::now() >= deadline)
      return done;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::unexpected<Error> SqliteConnection::failed(int code) const {
  const int system_error = sqlite3_system_errno(handle_);
  std::string detail =
      std::format("SQLite {} ({}): {}", code, sqlite3_errstr(code), sqlite3_errmsg(handle_));
  const int primary = code & 0xff;
  const bool io = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN;
  if (primary == SQLITE_FULL || (io && (system_error == ENOSPC || system_error == EDQUOT)))
    return fail(ErrorCode::insufficient_storage, "There is no room left for the catalog.",
                std::move(detail));
  if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED)
    return fail(ErrorCode::overloaded, "The catalog is held by another program.",
                std::move(detail));
  if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
    return fail(ErrorCode::catalog_failed, "The catalog's file is damaged.", std::move(detail));
  if (io && system_error != 0) detail += std::format(", errno {}", system_error);
  return fail(ErrorCode::catalog_failed, "The catalog failed.", std::move(detail));
}

Result<SqliteConnection::Statement*> SqliteConnection::prepare(std::string_view sql) {
  if (const auto place = statements_.find(sql); place != statements_.end())
    return place->second.get();
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) return failed(code);
  auto statement = std::make_unique<Statement>(prepared);
  return statements_.emplace(std::string(sql), std::move(statement)).first->second.get();
}

Result<void> SqliteConnection::bind(const Statement& statement, Values values) {
  require(values.size() == statement.places.size(), "a statement gets the parameters it names");
  std::size_t i = 0;
  for (const Value& value : values)
    if (const int code = bind_value(statement.handle, statement.places[i++], value);
        code != SQLITE_OK)
      return failed(code);
  return {};
}

Result<std::int64_t> SqliteConnection::step(sqlite3_stmt* statement, const OnRow& on_row) {
  for (;;) {
    const int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) return sqlite3_changes64(handle_);
    if (code != SQLITE_ROW) return failed(code);
    if (on_row) TRY_VOID(on_row(SqliteRow(statement)));
  }
}

Result<std::int64_t> SqliteConnection::execute(std::string_view sql, Values values,
                                               const OnRow& on_row) {
  TRY(Statement* const statement, prepare(sql));
  const auto bound = bind(*statement, values);
  auto outcome = bound ? step(statement->handle, on_row)
                       : Result<std::int64_t>(std::unexpected(bound.error()));
  // Repeats the step's error, which is known; the bindings borrow memory that is about to go.
  sqlite3_reset(statement->handle);
  sqlite3_clear_bindings(statement->handle);
  return outcome;
}

Result<void> SqliteConnection::script(const std::string& sql) {
  if (const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
      code != SQLITE_OK)
    return failed(code);
  return {};
}

bool SqliteConnection::in_transaction() const {
  return sqlite3_get_autocommit(handle_) == 0;
}

Result<SqliteConnection::Checkpoint> SqliteConnection::checkpoint() {
  return run_checkpoint(SQLITE_CHECKPOINT_PASSIVE);
}

Result<SqliteConnection::Checkpoint> SqliteConnection::checkpoint_whole(int wait_ms) {
  // SQLite's own wait is for a reader's slot, which a successor may have taken meanwhile; asking
  // again sees that the successor reads newer pages.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{wait_ms};
  for (;;) {
    TRY(const Checkpoint done, checkpoint());
    if (done.log_pages >= 0 && done.copied_pages == done.log_pages) break;
    if (std::chrono::steady_clock::now() > deadline) return done;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  // All is copied: new readers do without the WAL, and the last of the old ones end.
  sqlite3_busy_timeout(handle_, wait_ms);
  auto done = run_checkpoint(SQLITE_CHECKPOINT_RESTART);
  sqlite3_busy_timeout(handle_, busy_timeout_ms_);
  return done;
}

Result<SqliteConnection::Checkpoint> SqliteConnection::run_checkpoint(int mode) {
  Checkpoint done;
  const int code =
      sqlite3_wal_checkpoint_v2(handle_, nullptr, mode, &done.log_pages, &done.copied_pages);
  // Busy: readers that need the old pages, or another checkpoint; the next one goes on from there.
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) return failed(code);
  return done;
}

void SqliteConnection::on_commit(std::function<void(int)> notify) {
  on_commit_ = std::move(notify);
  sqlite3_wal_hook(
      handle_,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteConnection*>(self)->on_commit_(pages);
        return SQLITE_OK;
      },
      this);
}

std::string sqlite_version() {
  return sqlite3_libversion();
}

}  // namespace calotype
