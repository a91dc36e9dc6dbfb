// SPDX-License-Identifier: Apache-2.0
#include "catalog/sql_tables.hpp"

#include <algorithm>
#include <cstring>
#include <format>
#include <ranges>

#include "asset/state.hpp"
#include "catalog/id_batches.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

constexpr std::array asset_cells = {TableColumn{"asset_no"},
                                    TableColumn{"id", CellType::text},
                                    TableColumn{"digest", CellType::bytes},
                                    TableColumn{"bytes"},
                                    TableColumn{"state", CellType::text},
                                    TableColumn{"purge_epoch"},
                                    TableColumn{"purging"},
                                    TableColumn{"events"},
                                    TableColumn{"created_at"},
                                    TableColumn{"updated_at"},
                                    TableColumn{"failure_code", CellType::text},
                                    TableColumn{"failure_message", CellType::text},
                                    TableColumn{"focal_x"},
                                    TableColumn{"focal_y"}};
constexpr std::array media_cells = {TableColumn{"asset_no"},
                                    TableColumn{"media_type", CellType::text},
                                    TableColumn{"renderable"},
                                    TableColumn{"width"},
                                    TableColumn{"height"},
                                    TableColumn{"orientation"},
                                    TableColumn{"bits_per_channel"},
                                    TableColumn{"channels"},
                                    TableColumn{"has_alpha"},
                                    TableColumn{"pages"},
                                    TableColumn{"color_space", CellType::text},
                                    TableColumn{"icc_profile", CellType::text},
                                    TableColumn{"placeholder", CellType::text},
                                    TableColumn{"proof_key", CellType::text},
                                    TableColumn{"proof_bytes"},
                                    TableColumn{"proof_width"},
                                    TableColumn{"proof_height"},
                                    TableColumn{"metadata_json", CellType::text},
                                    TableColumn{"has_gain_map"}};
constexpr std::array upload_cells = {TableColumn{"asset_no"},
                                     TableColumn{"id", CellType::text},
                                     TableColumn{"file_name", CellType::text},
                                     TableColumn{"uploader", CellType::text},
                                     TableColumn{"tags", CellType::text},
                                     TableColumn{"created_at"},
                                     TableColumn{"collection", CellType::text},
                                     TableColumn{"fields", CellType::text}};
constexpr std::array listing_cells = {TableColumn{"asset_no"},
                                      TableColumn{"created_at"},
                                      TableColumn{"taken_at"},
                                      TableColumn{"bytes"},
                                      TableColumn{"width"},
                                      TableColumn{"height"},
                                      TableColumn{"name", CellType::text}};
constexpr std::array label_cells = {TableColumn{"kind", CellType::text},
                                    TableColumn{"value", CellType::text}, TableColumn{"created_at"},
                                    TableColumn{"asset_no"}};
constexpr std::array event_cells = {TableColumn{"asset_no"},
                                    TableColumn{"seq"},
                                    TableColumn{"from_state", CellType::text},
                                    TableColumn{"to_state", CellType::text},
                                    TableColumn{"because", CellType::text},
                                    TableColumn{"at"}};
constexpr std::array variant_cells = {TableColumn{"asset_no"},
                                      TableColumn{"recipe", CellType::text},
                                      TableColumn{"version", CellType::text},
                                      TableColumn{"fence"},
                                      TableColumn{"lease_until"},
                                      TableColumn{"blob_key", CellType::text},
                                      TableColumn{"digest", CellType::bytes},
                                      TableColumn{"bytes"},
                                      TableColumn{"width"},
                                      TableColumn{"height"},
                                      TableColumn{"media_type", CellType::text},
                                      TableColumn{"created_at"},
                                      TableColumn{"last_access_at"},
                                      TableColumn{"accesses"}};
constexpr std::array job_cells = {TableColumn{"id", CellType::text},
                                  TableColumn{"kind", CellType::text},
                                  TableColumn{"lane", CellType::text},
                                  TableColumn{"key", CellType::text},
                                  TableColumn{"asset_id", CellType::text},
                                  TableColumn{"state", CellType::text},
                                  TableColumn{"attempts"},
                                  TableColumn{"fence"},
                                  TableColumn{"run_after"},
                                  TableColumn{"due_at"},
                                  TableColumn{"last_error", CellType::text},
                                  TableColumn{"created_at"}};
constexpr std::array garbage_cells = {TableColumn{"blob_key", CellType::text}};
constexpr std::array api_key_cells = {
    TableColumn{"id", CellType::text}, TableColumn{"name", CellType::text},
    TableColumn{"scopes", CellType::text}, TableColumn{"hash", CellType::bytes},
    TableColumn{"created_at"}};

constexpr std::array chunk_sums_cells = {TableColumn{"blob_key", CellType::text},
                                         TableColumn{"sums", CellType::bytes}};

constexpr std::array quarantine_cells = {
    TableColumn{"blob_key", CellType::text}, TableColumn{"asset_id", CellType::text},
    TableColumn{"reason", CellType::text}, TableColumn{"found_at"}};
constexpr std::array upkeep_cells = {TableColumn{"name", CellType::text}, TableColumn{"position"}};

constexpr std::array takedown_cells = {
    TableColumn{"id", CellType::text}, TableColumn{"reason", CellType::text},
    TableColumn{"taken_by", CellType::text}, TableColumn{"created_at"}};
constexpr std::array takedown_asset_cells = {
    TableColumn{"takedown_id", CellType::text}, TableColumn{"asset_id", CellType::text},
    TableColumn{"digest", CellType::bytes}, TableColumn{"variants", CellType::text}};
constexpr std::array fingerprint_cells = {
    TableColumn{"asset_no"}, TableColumn{"whole", CellType::bytes},
    TableColumn{"middle", CellType::bytes}, TableColumn{"quality"}, TableColumn{"kept_at"}};
constexpr std::array fingerprint_parts_cells = {TableColumn{"asset_no"},
                                                TableColumn{"bits", CellType::bytes}};
constexpr std::array likeness_cells = {TableColumn{"first_no"}, TableColumn{"second_no"},
                                       TableColumn{"distance"}};
constexpr std::array merged_cells = {TableColumn{"from_no"}, TableColumn{"into_no"},
                                     TableColumn{"at"}};

constexpr std::array shapes = {
    TableShape{"asset", asset_cells},
    TableShape{"media", media_cells},
    TableShape{"upload", upload_cells, 2},
    TableShape{"event", event_cells, 2},
    TableShape{"variant", variant_cells, 3},
    TableShape{"job", job_cells},
    TableShape{"garbage", garbage_cells},
    TableShape{"api_key", api_key_cells},
    TableShape{"chunk_sums", chunk_sums_cells},
    TableShape{"quarantine", quarantine_cells},
    TableShape{"upkeep", upkeep_cells},
    TableShape{"listing", listing_cells},
    TableShape{"label", label_cells, 4},
    TableShape{"takedown", takedown_cells},
    TableShape{"takedown_asset", takedown_asset_cells, 2},
    TableShape{"fingerprint", fingerprint_cells},
    TableShape{"likeness", likeness_cells, 2},
    TableShape{"merged", merged_cells},
    TableShape{"fingerprint_parts", fingerprint_parts_cells},
};

constexpr auto names = [] {
  std::array<std::string_view, shapes.size()> list;
  std::ranges::transform(shapes, list.begin(), &TableShape::name);
  return list;
}();

const TableShape& shape_of(std::string_view table) {
  const auto* const found = std::ranges::find(shapes, table, &TableShape::name);
  require(found != shapes.end(), "a table of the list");
  return *found;
}

std::string joined(std::span<const TableColumn> columns, std::string_view between) {
  std::string text;
  for (const TableColumn& column : columns)
    text.append(text.empty() ? "" : between).append(column.name);
  return text;
}

std::span<const TableColumn> key_part(const TableShape& shape) {
  return shape.columns.first(shape.key_columns);
}

const Cell& cell_of(const TableShape& shape, const Cells& row, std::string_view column) {
  const auto found = std::ranges::find(shape.columns, column, &TableColumn::name);
  require(found != shape.columns.end(), "a column of the list");
  return row[static_cast<std::size_t>(found - shape.columns.begin())];
}

Value value_of(const Cell& cell) {
  struct {
    Value operator()(std::monostate) const { return nullptr; }
    Value operator()(std::int64_t number) const { return number; }
    Value operator()(const std::string& text) const { return text; }
    Value operator()(const std::vector<std::byte>& bytes) const { return ByteSpan(bytes); }
  } visitor;
  return std::visit(visitor, cell);
}

Cells read_cells(const Row& row, std::span<const TableColumn> columns) {
  Cells cells;
  cells.reserve(columns.size());
  for (int at = 0; const TableColumn& column : columns) {
    if (row.is_null(at)) {
      cells.emplace_back();
    } else if (column.type == CellType::integer) {
      cells.emplace_back(row.integer(at));
    } else if (column.type == CellType::text) {
      cells.emplace_back(std::string(row.text(at)));
    } else {
      const ByteSpan raw = row.bytes(at);
      cells.emplace_back(std::vector<std::byte>(raw.begin(), raw.end()));
    }
    ++at;
  }
  return cells;
}

std::string insert_sql(const TableShape& shape, std::size_t rows) {
  const std::size_t width = shape.columns.size();
  std::string sql =
      std::format("INSERT INTO {} ({}) VALUES ", shape.name, joined(shape.columns, ", "));
  for (std::size_t row = 0; row < rows; ++row)
    sql += std::format("{}({})", row == 0 ? "" : ", ", placeholders(1 + row * width, width));
  return sql;
}

Result<void> insert_rows(Connection& db, const std::string& sql, std::span<const Cells> rows) {
  std::vector<Value> values;
  for (const Cells& row : rows)
    for (const Cell& cell : row) values.push_back(value_of(cell));
  TRY_VOID(db.execute(sql, Values(values)));
  return {};
}

Result<void> remove_rows(Connection& db) {
  for (const std::string_view table : std::views::reverse(names))
    TRY_VOID(db.execute(std::format("DELETE FROM {}", table)));
  return {};
}

}  // namespace

void RowsDigest::add(const Cells& row) {
  Sha256 hash;
  const auto number = [&](std::uint64_t value) {
    hash.update(std::as_bytes(std::span(&value, 1)));
  };
  for (const Cell& cell : row) {
    number(cell.index());
    if (const auto* whole = std::get_if<std::int64_t>(&cell)) {
      number(static_cast<std::uint64_t>(*whole));
    } else if (const auto* text = std::get_if<std::string>(&cell)) {
      number(text->size());
      hash.update(as_bytes(*text));
    } else if (const auto* bytes = std::get_if<std::vector<std::byte>>(&cell)) {
      number(bytes->size());
      hash.update(*bytes);
    }
  }
  const Digest digest = hash.finish();
  std::array<std::uint64_t, 4> words{};
  std::memcpy(words.data(), digest.bytes.data(), sizeof(words));
  for (std::size_t i = 0; i < words.size(); ++i) sum[i] += words[i];
  ++rows;
}

std::span<const TableShape> catalog_tables() {
  return shapes;
}

std::span<const std::string_view> SqlTables::tables() const {
  return names;
}

Result<std::uint64_t> SqlTables::count(std::string_view table) {
  std::uint64_t rows = 0;
  TRY_VOID(database_->read([&](Connection& db) -> Result<void> {
    TRY(const auto number,
        query_one(db, std::format("SELECT COUNT(*) FROM {}", shape_of(table).name), {},
                  read_integer));
    rows = static_cast<std::uint64_t>(number.value_or(0));
    return {};
  }));
  return rows;
}

Result<std::vector<Cells>> SqlTables::rows_after(std::string_view table, const Cells& after,
                                                 std::size_t limit) {
  const TableShape& shape = shape_of(table);
  const std::string key = joined(key_part(shape), ", ");
  const std::string where =
      after.empty() ? "" : std::format(" WHERE ({}) > ({})", key, placeholders(1, after.size()));
  const std::string sql = std::format("SELECT {} FROM {}{} ORDER BY {} LIMIT {}",
                                      joined(shape.columns, ", "), shape.name, where, key, limit);
  std::vector<Value> values;
  for (const Cell& cell : after) values.push_back(value_of(cell));
  std::vector<Cells> rows;
  TRY_VOID(database_->read([&](Connection& db) -> Result<void> {
    TRY(rows, query_all(db, sql, Values(values), [&](const Row& row) -> Result<Cells> {
          return read_cells(row, shape.columns);
        }));
    return {};
  }));
  return rows;
}

Cells SqlTables::key_of(std::string_view table, const Cells& row) const {
  const auto columns = static_cast<std::ptrdiff_t>(shape_of(table).key_columns);
  return {row.begin(), row.begin() + columns};
}

Result<Cells> SqlTables::last_key(std::string_view table) {
  const TableShape& shape = shape_of(table);
  const auto columns = key_part(shape);
  const std::string sql =
      std::format("SELECT {} FROM {} ORDER BY {} DESC LIMIT 1", joined(columns, ", "), shape.name,
                  joined(columns, " DESC, "));
  Cells key;
  TRY_VOID(database_->read([&](Connection& db) -> Result<void> {
    TRY(auto found, query_one(db, sql, {}, [&](const Row& row) -> Result<Cells> {
          return read_cells(row, columns);
        }));
    if (found) key = *std::move(found);
    return {};
  }));
  return key;
}

Result<void> SqlTables::insert(std::string_view table, std::span<const Cells> rows) {
  constexpr std::size_t rows_together = 64;  // one statement, one round trip
  const TableShape& shape = shape_of(table);
  const std::string many = insert_sql(shape, rows_together);
  const std::string one = insert_sql(shape, 1);
  return database_->write(Durability::durable, [&](Connection& db) -> Result<void> {
    auto left = rows;
    for (; left.size() >= rows_together; left = left.subspan(rows_together))
      TRY_VOID(insert_rows(db, many, left.first(rows_together)));
    for (; !left.empty(); left = left.subspan(1)) TRY_VOID(insert_rows(db, one, left.first(1)));
    return {};
  });
}

bool SqlTables::names_blobs(std::string_view table) const {
  return table == "asset" || table == "media" || table == "variant";
}

NamedBlob SqlTables::blob_of(std::string_view table, const Cells& row) const {
  const TableShape& shape = shape_of(table);
  if (table == "asset") {
    const auto& state = std::get<std::string>(cell_of(shape, row, "state"));
    if (state == to_string(AssetState::deleted)) return {};
    const auto digest =
        Digest::from_bytes(std::get<std::vector<std::byte>>(cell_of(shape, row, "digest")));
    require(digest.has_value(), "the schema lets whole digests in only");
    return *digest;
  }
  if (!names_blobs(table)) return {};
  const Cell& key = cell_of(shape, row, table == "media" ? "proof_key" : "blob_key");
  if (const auto* name = std::get_if<std::string>(&key)) return *name;
  return {};
}

Result<bool> SqlTables::is_empty() {
  bool empty = true;
  TRY_VOID(database_->read([&](Connection& db) -> Result<void> {
    empty = true;
    for (const std::string_view sql :
         {"SELECT 1 FROM asset LIMIT 1", "SELECT 1 FROM api_key LIMIT 1",
          "SELECT 1 FROM job WHERE key NOT IN ('scrub', 'verify', 'fingerprints') LIMIT 1"}) {
      TRY(const auto row, query_one(db, sql, {}, read_integer));
      empty = empty && !row;
    }
    return {};
  }));
  return empty;
}

Result<std::optional<std::string>> SqlTables::filled_from() {
  return read_filling(*database_);
}

Result<void> SqlTables::begin_filling(std::string_view source) {
  return database_->write(Durability::durable, [&](Connection& db) -> Result<void> {
    TRY_VOID(remove_rows(db));
    TRY_VOID(db.execute("INSERT INTO filling (source, started_at) VALUES ($1, $2)",
                        {source, clock_.now()}));
    return {};
  });
}

Result<void> SqlTables::remove_all_rows() {
  return database_->write(Durability::durable, remove_rows);
}

Result<void> SqlTables::end_filling() {
  return database_->write(Durability::durable, [&](Connection& db) -> Result<void> {
    const std::string numbering(database_->dialect().after_filling);
    if (!numbering.empty()) TRY_VOID(db.script(numbering));
    TRY_VOID(db.execute("DELETE FROM filling"));
    return {};
  });
}

Result<std::optional<std::string>> read_filling(Database& database) {
  std::optional<std::string> source;
  TRY_VOID(database.read([&](Connection& db) -> Result<void> {
    TRY(source, query_one(db, "SELECT source FROM filling", {}, read_text));
    return {};
  }));
  return source;
}

}  // namespace calotype
