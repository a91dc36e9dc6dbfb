// SPDX-License-Identifier: Apache-2.0
// What the catalog needs of a database, and no more, so that one SQL text serves every engine:
// parameters are $1, $2, …; values are integers, text, bytes and null (truth is 0 or 1, time is
// milliseconds since the epoch); statements keep to the SQL that SQLite and PostgreSQL share
// (RETURNING, ON CONFLICT). What they do not share stands in Dialect.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/error.hpp"

namespace calotype {

/// A parameter. Text and bytes are borrowed until the call that takes them returns.
class Value {
 public:
  Value(std::nullptr_t) {}
  Value(std::integral auto number) : held_(static_cast<std::int64_t>(number)) {}
  Value(std::string_view text) : held_(text) {}
  Value(const std::string& text) : held_(std::string_view(text)) {}
  Value(const char* text) : held_(std::string_view(text)) {}
  Value(ByteSpan bytes) : held_(bytes) {}
  Value(Timestamp time) : held_(std::int64_t{time.time_since_epoch().count()}) {}

  using Held = std::variant<std::monostate, std::int64_t, std::string_view, ByteSpan>;
  const Held& held() const { return held_; }

 private:
  Held held_;
};

/// Borrowed, like what the values borrow, for one call.
class Values {
 public:
  Values(std::initializer_list<Value> list) : values_(list.begin(), list.size()) {}
  explicit Values(std::span<const Value> values) : values_(values) {}
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  std::size_t size() const { return values_.size(); }

 private:
  std::span<const Value> values_;
};

/// One row of a result; columns count from 0. Views live until the callback returns.
class Row {
 public:
  virtual ~Row() = default;
  virtual bool is_null(int column) const = 0;
  virtual std::int64_t integer(int column) const = 0;  // 0 where null
  virtual std::string_view text(int column) const = 0;
  virtual ByteSpan bytes(int column) const = 0;
};

/// Reads a row's columns one after another.
class Columns {
 public:
  explicit Columns(const Row& row) : row_(row) {}

  bool null() const { return row_.is_null(next_); }
  void skip(int count) { next_ += count; }
  template <std::integral Number = std::int64_t>
  Number integer() {
    return static_cast<Number>(row_.integer(next_++));
  }
  bool flag() { return integer() != 0; }
  Timestamp time() { return Timestamp{std::chrono::milliseconds{integer()}}; }
  std::string_view view() { return row_.text(next_++); }
  std::string text() { return std::string(view()); }
  ByteSpan bytes() { return row_.bytes(next_++); }

 private:
  const Row& row_;
  int next_ = 0;
};

/// Used by one thread at a time. Errors: catalog_failed, insufficient_storage, overloaded (somebody
/// else holds the database).
class Connection {
 public:
  virtual ~Connection() = default;
  using OnRow = std::function<Result<void>(const Row&)>;
  /// One statement, prepared once for each connection. How many rows it changed.
  virtual Result<std::int64_t> execute(std::string_view sql, Values values,
                                       const OnRow& on_row) = 0;
  /// Several statements without parameters, for schemas.
  virtual Result<void> script(const std::string& sql) = 0;

  Result<std::int64_t> execute(std::string_view sql, Values values = {}) {
    return execute(sql, values, nullptr);
  }
};

/// Each row through `read`, which gives Result<T>.
template <class Read>
auto query_all(Connection& db, std::string_view sql, Values values, Read read)
    -> Result<std::vector<typename std::invoke_result_t<Read, const Row&>::value_type>> {
  std::vector<typename std::invoke_result_t<Read, const Row&>::value_type> rows;
  TRY_VOID(db.execute(sql, values, [&](const Row& row) -> Result<void> {
    TRY(auto value, read(row));
    rows.push_back(std::move(value));
    return {};
  }));
  return rows;
}

/// The first row, or nothing.
template <class Read>
auto query_one(Connection& db, std::string_view sql, Values values, Read read)
    -> Result<std::optional<typename std::invoke_result_t<Read, const Row&>::value_type>> {
  std::optional<typename std::invoke_result_t<Read, const Row&>::value_type> first;
  TRY_VOID(db.execute(sql, values, [&](const Row& row) -> Result<void> {
    if (first) return {};
    TRY(auto value, read(row));
    first = std::move(value);
    return {};
  }));
  return first;
}

/// Where the engines' SQL differs. Schemas name the types as {identity}, {integer}, {bytes}, {text}
/// and end tables in {table}, {keyed_table} or {queue_table}.
struct Dialect {
  std::string_view identity;     // a number that the engine gives, growing
  std::string_view integer;      // 64 bits
  std::string_view bytes;        // raw bytes
  std::string_view text;         // ordered by its bytes
  std::string_view table;        // after the columns
  std::string_view keyed_table;  // the same, for a table that is stored in its primary key's order
  std::string_view queue_table;  // the same, for one whose rows come and go
  // After a SELECT in a write, until its transaction ends:
  std::string_view for_update;   // nobody else changes the rows or holds them for share or update
  std::string_view for_share;    // nobody changes them
  std::string_view skip_locked;  // as for_update, passing over what somebody else holds
  // The order in which transactions show: a number that grows from one to the next, and the one
  // below which all are over.
  std::string_view turn;
  std::string_view turns_over;
  // Whole statements, empty where there is no need:
  std::string_view lock_schema;    // one migration at a time, until its transaction ends
  std::string_view notify;         // tells other programs the word $1 with the commit
  std::string_view after_filling;  // a script: new assets are numbered behind those moved in
};

/// That no program serves from a shared database, for as long as this lives. None begins to
/// meanwhile.
class SoleUse {
 public:
  virtual ~SoleUse() = default;
  /// Whether it has held until now; catalog_failed.
  virtual Result<void> check() = 0;
};

enum class Durability : std::uint8_t { relaxed, durable };

/// An engine, open. Safe from any thread.
class Database {
 public:
  virtual ~Database() = default;
  using Body = std::function<Result<void>(Connection&)>;

  /// Runs the body in a transaction and commits it where it succeeds; where it fails, nothing of it
  /// has happened. Each statement sees what was committed before it began; where others must keep
  /// still from one statement to the next, the first one says so (Dialect::for_update). The body
  /// runs while the caller waits, perhaps on another thread, and again where the engine has undone
  /// it: it touches nothing but the database and its own result.
  virtual Result<void> write(Durability durability, const Body& body) = 0;
  /// Runs the body on a connection that cannot write; sees every write that has returned.
  /// overloaded where no connection becomes free in time. May run more than once, as write.
  virtual Result<void> read(const Body& body) = 0;
  /// The same where some seconds of delay do no harm, and nothing is decided by what is read.
  virtual Result<void> read_lagging(const Body& body) { return read(body); }
  virtual const Dialect& dialect() const = 0;

  /// Words between the programs that share the database. A word told here is heard soon, or lost;
  /// one told by Dialect::notify is heard if and only if its transaction is committed.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): who overrides it keeps it
  virtual void tell(std::string word) { (void)word; }
  /// Called with each word that was told, one's own included, on a thread of the engine's; with
  /// nothing where some may have been lost. Null ends it: on return no call is under way.
  using Hear = std::function<void(std::optional<std::string_view> word)>;
  // NOLINTNEXTLINE(performance-unnecessary-value-param): likewise
  virtual void listen(Hear hear) { (void)hear; }
};

}  // namespace calotype
