// SPDX-License-Identifier: Apache-2.0
// One SQLite connection: prepared statements kept by their text, result codes turned into errors.
// The .cpp is the only file that includes sqlite3.h.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "catalog/database.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace calotype {

class SqliteConnection final : public Connection {
 public:
  struct Options {
    bool read_only = false;
    int busy_timeout_ms = 5'000;  // for another process
    int cache_kib = 16 * 1024;
    std::int64_t mmap_bytes = 0;
  };
  /// Makes the file where there is none (unless read_only), in WAL mode with foreign keys on.
  static Result<std::unique_ptr<SqliteConnection>> open(const std::string& path,
                                                        const Options& options);
  ~SqliteConnection() override;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  using Connection::execute;
  Result<std::int64_t> execute(std::string_view sql, Values values, const OnRow& on_row) override;
  Result<void> script(const std::string& sql) override;

  /// False once SQLite has ended the transaction by itself (disk full, I/O error).
  bool in_transaction() const;

  /// Negative where another checkpoint is under way.
  struct Checkpoint {
    int log_pages = 0;     // in the WAL
    int copied_pages = 0;  // of those, in the database file
  };
  /// Copies the WAL into the database file as far as no reader needs the old pages; waits for
  /// nobody.
  Result<Checkpoint> checkpoint();
  /// The same to the end, waiting so long for readers of old pages (nobody can write meanwhile), so
  /// that the next commit begins the WAL anew. Nothing has happened where they take longer.
  Result<Checkpoint> checkpoint_whole(int wait_ms);
  /// Called after each commit with the number of pages in the WAL. Turns SQLite's own automatic
  /// checkpoints off.
  void on_commit(std::function<void(int)> notify);

 private:
  struct Statement;
  explicit SqliteConnection(sqlite3* handle);
  Result<void> configure(const Options& options);
  Result<void> use_wal();
  Result<Statement*> prepare(std::string_view sql);
  Result<void> bind(const Statement& statement, Values values);
  Result<std::int64_t> step(sqlite3_stmt* statement, const OnRow& on_row);
  std::unexpected<Error> failed(int code) const;
  Result<Checkpoint> run_checkpoint(int mode);

  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  sqlite3* const handle_;
  int busy_timeout_ms_ = 0;
  std::unordered_map<std::string, std::unique_ptr<Statement>, TextHash, std::equal_to<>>
      statements_;
  std::function<void(int)> on_commit_;
};

/// The version of the library, for the log.
std::string sqlite_version();

}  // namespace calotype
