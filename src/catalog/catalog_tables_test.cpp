// SPDX-License-Identifier: Apache-2.0
// A catalog as tables: the list of them is the schema's, and what is read out of one engine and put
// into another is the same catalog.
#include <algorithm>
#include <map>

#include "catalog/catalog_fixture.hpp"
#include "catalog/integrity_catalog.hpp"
#include "catalog/library_catalog.hpp"
#include "catalog/near_duplicate_catalog.hpp"
#include "catalog/sql_tables.hpp"
#include "catalog/sqlite_connection.hpp"

namespace calotype {
namespace {

class CatalogTablesTest : public CatalogFixture {
 protected:
  std::string path(const std::string& name) const {
    const std::filesystem::path own(place_->url().substr(std::string_view("sqlite:").size()));
    return (own.parent_path() / name).string();
  }
  std::unique_ptr<CatalogTables> tables(const std::string& name) {
    auto opened = open_tables({.url = "sqlite:" + path(name)}, clock_);
    EXPECT_TRUE(opened) << describe(opened.error());
    return *std::move(opened);
  }

  /// Something in every table: two assets with variants and history, one deleted, jobs, a key.
  void fill() {
    for (const auto* content : {"first", "second", "third", "merged"}) {
      record(content);
      inspect(content);
    }
    store(key_of("first"));
    store(key_of("first", "w=20&fm=webp"));
    const auto claimed = catalog_->claim_variant(key_of("second"), 60s);  // a lease, not a variant
    ASSERT_TRUE(claimed);
    store(key_of("third"));
    ASSERT_TRUE(catalog_->delete_uploads(id_of("third"), "", 60s));
    record("fourth");
    ASSERT_TRUE(catalog_->create_key("reader", std::vector<std::string>{"read"},
                                     Sha256::of(as_bytes("secret"))));
    IntegrityCatalog& integrity = catalog_->integrity();
    ASSERT_TRUE(integrity.quarantine({.blob_key = "raw/x", .asset_id = id_of("first")}, "damaged"));
    ASSERT_TRUE(integrity.keep_chunk_sums("raw/x", as_bytes("1234")));
    ASSERT_TRUE(integrity.set_verify_position(3));
    record("fifth");
    ASSERT_TRUE(catalog_->library().take_down(
        {.assets = {id_of("fifth")}, .reason = "asked for", .by = ""}, 60s));
    NearDuplicateCatalog& near = catalog_->near_duplicates();
    const Fingerprint fingerprint{.whole = {1, 2, 3, 4}, .crops = {}, .quality = 90};
    const auto first = near.keep_fingerprint(id_of("first"), fingerprint).value().value();
    const auto second = near.keep_fingerprint(id_of("second"), std::nullopt).value().value();
    ASSERT_TRUE(near.record_likenesses(std::array{Likeness{first, second, 7}}));
    ASSERT_TRUE(near.merge_assets(id_of("merged"), id_of("first"), 60s));
  }

  static RowsDigest digest_of(CatalogTables& tables, std::string_view table, std::size_t page) {
    RowsDigest digest;
    Cells after;
    for (;;) {
      const auto rows = tables.rows_after(table, after, page);
      EXPECT_TRUE(rows) << describe(rows.error());
      if (!rows || rows->empty()) return digest;
      for (const Cells& row : *rows) digest.add(row);
      after = tables.key_of(table, rows->back());
    }
  }

  static void move(CatalogTables& from, CatalogTables& to) {
    for (const auto table : from.tables()) {
      const auto rows = from.rows_after(table, {}, 1000);
      ASSERT_TRUE(rows) << describe(rows.error());
      EXPECT_FALSE(rows->empty()) << table << " is not tested";
      const auto done = to.insert(table, *rows);
      ASSERT_TRUE(done) << table << ": " << describe(done.error());
      EXPECT_EQ(to.last_key(table).value(), to.key_of(table, rows->back()));
    }
  }
};

TEST_P(CatalogTablesTest, TheListHasEveryTableAndColumnOfTheSchema) {
  auto db = SqliteConnection::open(
      path("catalog.db"),
      {.read_only = true, .busy_timeout_ms = 1000, .cache_kib = 1024, .mmap_bytes = 0});
  ASSERT_TRUE(db);
  std::map<std::string, std::map<std::string, std::string>> schema;
  ASSERT_TRUE((*db)->execute(
      "SELECT t.name, c.name, c.type FROM sqlite_schema t JOIN pragma_table_info(t.name) c "
      "WHERE t.type = 'table' AND t.name NOT IN ('schema_migration', 'filling', 'secret', "
      "'resumable_upload', 'resumable_part') "
      "AND c.name <> 'turn'",  // an engine's own order means nothing to another
      {}, [&](const Row& row) -> Result<void> {
        schema[std::string(row.text(0))][std::string(row.text(1))] = row.text(2);
        return {};
      }));
  std::map<std::string, std::map<std::string, std::string>> list;
  for (const TableShape& shape : catalog_tables())
    for (const TableColumn& column : shape.columns)
      list[std::string(shape.name)][std::string(column.name)] =
          column.type == CellType::integer ? "INTEGER"
          : column.type == CellType::text  ? "TEXT"
                                           : "BLOB";
  EXPECT_EQ(list, schema);
}

TEST_P(CatalogTablesTest, EveryRowArrivesAndTheCatalogGoesOn) {
  fill();
  const auto before = catalog_->list_assets({}, "", 100).value();
  const auto story_before = story("first");
  catalog_.reset();
  {
    auto from = tables("catalog.db");
    auto to = tables("moved.db");
    EXPECT_TRUE(to->is_empty().value());
    EXPECT_FALSE(from->is_empty().value());
    ASSERT_TRUE(to->begin_filling("here"));
    move(*from, *to);
    for (const auto table : from->tables()) {
      const RowsDigest digest = digest_of(*to, table, 1000);
      EXPECT_EQ(digest, digest_of(*from, table, 2)) << table << ", read by pages";
      EXPECT_EQ(digest.rows, to->count(table).value());
    }
    ASSERT_TRUE(to->end_filling());
  }
  std::filesystem::rename(path("moved.db"), path("catalog.db"));
  open();
  const auto after = catalog_->list_assets({}, "", 100).value();
  ASSERT_EQ(after.rows.size(), before.rows.size());
  for (std::size_t i = 0; i < after.rows.size(); ++i)
    EXPECT_EQ(after.rows[i].id, before.rows[i].id);
  EXPECT_EQ(story("first"), story_before);
  EXPECT_TRUE(catalog_->find_variant(key_of("first")).value());
  record("sixth");  // numbered behind the rows that came
  EXPECT_EQ(catalog_->list_assets({}, "", 1).value().rows.front().id, id_of("sixth"));
}

TEST_P(CatalogTablesTest, WhatIsBeingFilledIsNotServed) {
  catalog_.reset();
  auto to = tables("catalog.db");
  ASSERT_TRUE(to->begin_filling("the old place"));
  EXPECT_EQ(to->filled_from().value(), "the old place");
  to.reset();
  const auto refused = open_catalog({.url = "sqlite:" + path("catalog.db")}, clock_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("the old place"), std::string::npos);
  ASSERT_TRUE(tables("catalog.db")->end_filling());
  open();
}

TEST_P(CatalogTablesTest, RowsNameTheirBlobs) {
  fill();
  catalog_.reset();
  auto from = tables("catalog.db");
  std::size_t originals = 0;
  std::size_t others = 0;
  for (const auto table : from->tables()) {
    const auto rows = from->rows_after(table, {}, 1000).value();
    for (const Cells& row : rows) {
      const NamedBlob named = from->blob_of(table, row);
      originals += std::holds_alternative<Digest>(named);
      others += std::holds_alternative<std::string>(named);
      EXPECT_TRUE(named.index() == 0 || from->names_blobs(table)) << table;
    }
  }
  EXPECT_EQ(originals, 3U);  // the deleted one is on its way out
  EXPECT_EQ(others, 4U);     // two proofs, two variants; the deleted one's are garbage
}

TEST(RowsDigestTest, SeesEveryDifferenceButTheOrder) {
  const Cells one{std::int64_t{1}, std::string("a"), std::monostate{}};
  const Cells other{std::int64_t{1}, std::string("a"), std::string()};
  RowsDigest forward;
  forward.add(one);
  forward.add(other);
  RowsDigest backward;
  backward.add(other);
  backward.add(one);
  EXPECT_EQ(forward, backward);
  RowsDigest twice;
  twice.add(one);
  twice.add(one);
  EXPECT_NE(forward, twice);  // an empty text is not nothing
}

INSTANTIATE_TEST_SUITE_P(Engines, CatalogTablesTest, testing::Values(std::string("sqlite")),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace calotype
