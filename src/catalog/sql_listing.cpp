// SPDX-License-Identifier: Apache-2.0
#include "catalog/sql_listing.hpp"

#include <algorithm>
#include <bit>
#include <format>

#include "catalog/labels.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

constexpr std::size_t assets_at_once = 250;

/// Up to so many labels are one statement, repeated labels filling it up, so that there are few
/// texts to prepare.
std::string insert_labels_sql(std::size_t count) {
  std::string rows;
  for (std::size_t i = 0; i < count; ++i)
    rows += std::format("{}(${}, ${})", i == 0 ? "" : ", ", 2 * i + 2, 2 * i + 3);
  return std::format(
      "INSERT INTO label (kind, value, created_at, asset_no) "
      "SELECT column1, column2, created_at, asset_no FROM listing, (VALUES {}) AS said "
      "WHERE asset_no = $1 ON CONFLICT DO NOTHING",
      rows);
}

Result<void> add_labels(Connection& db, std::int64_t asset_no, const std::vector<Label>& labels) {
  if (labels.empty()) return {};
  const std::size_t count = std::bit_ceil(labels.size());
  std::vector<Value> values{asset_no};
  for (std::size_t i = 0; i < count; ++i) {
    const Label& label = labels[std::min(i, labels.size() - 1)];
    values.emplace_back(label.kind);
    values.emplace_back(label.value);
  }
  TRY_VOID(db.execute(insert_labels_sql(count), Values(values)));
  return {};
}

struct Said {
  std::string file_name;
  std::string collection;
  std::vector<std::string> tags;
};

Result<Said> read_said(const Row& row) {
  Columns columns(row);
  Said said{.file_name = columns.text(), .collection = columns.text(), .tags = {}};
  TRY(said.tags, parse_column(columns.view()));
  return said;
}

/// As much of it as lists are made of.
Result<MediaInfo> read_listed_media(const Row& row) {
  Columns columns(row);
  MediaInfo media;
  media.media_type = columns.text();
  media.width = columns.integer<std::uint32_t>();
  media.height = columns.integer<std::uint32_t>();
  media.metadata_json = columns.text();
  return media;
}

/// The next ones after `position`, which moves on; false where there are none left.
Result<bool> list_some(Connection& db, std::int64_t& position) {
  TRY(const auto assets,
      query_all(db,
                "SELECT asset_no FROM asset WHERE asset_no > $1 AND state <> 'DELETED' "
                "ORDER BY asset_no LIMIT $2",
                {position, assets_at_once}, read_integer));
  for (const std::int64_t asset_no : assets) TRY_VOID(list_anew(db, asset_no));
  if (!assets.empty()) position = assets.back();
  return !assets.empty();
}

}  // namespace

Result<void> begin_listing(Connection& db, std::int64_t asset_no, std::string_view file_name) {
  TRY_VOID(
      db.execute("INSERT INTO listing (asset_no, created_at, taken_at, bytes, width, height, name) "
                 "SELECT asset_no, created_at, $2, bytes, 0, 0, $3 FROM asset WHERE asset_no = $1",
                 {asset_no, undated, folded_text(file_name)}));
  return {};
}

Result<void> list_upload(Connection& db, std::int64_t asset_no, const NewUpload& upload) {
  return add_labels(db, asset_no,
                    labels_of_upload(upload.file_name, upload.collection, upload.tags));
}

Result<void> list_media(Connection& db, std::int64_t asset_no, const MediaInfo& media) {
  const PhotoFacts facts = photo_facts(media.metadata_json);
  TRY_VOID(db.execute(
      "UPDATE listing SET width = $2, height = $3, taken_at = $4 WHERE asset_no = $1",
      {asset_no, media.width, media.height, facts.taken_at ? Value(*facts.taken_at) : undated}));
  TRY_VOID(db.execute("DELETE FROM label WHERE asset_no = $1 AND kind IN ('type', 'camera')",
                      {asset_no}));
  return add_labels(db, asset_no, labels_of_media(media.media_type, facts));
}

Result<void> list_anew(Connection& db, std::int64_t asset_no) {
  TRY_VOID(end_listing(db, asset_no));
  TRY(const auto uploads,
      query_all(db,
                "SELECT file_name, collection, tags FROM upload WHERE asset_no = $1 ORDER BY id",
                {asset_no}, read_said));
  TRY_VOID(begin_listing(db, asset_no, uploads.empty() ? "" : uploads.front().file_name));
  for (const Said& said : uploads)
    TRY_VOID(
        add_labels(db, asset_no, labels_of_upload(said.file_name, said.collection, said.tags)));
  TRY(const auto media,
      query_one(db,
                "SELECT media_type, width, height, metadata_json FROM media WHERE asset_no = $1",
                {asset_no}, read_listed_media));
  return media ? list_media(db, asset_no, *media) : Result<void>{};
}

Result<void> end_listing(Connection& db, std::int64_t asset_no) {
  TRY_VOID(db.execute("DELETE FROM label WHERE asset_no = $1", {asset_no}));
  TRY_VOID(db.execute("DELETE FROM listing WHERE asset_no = $1", {asset_no}));
  return {};
}

/// How far it has come stands in `upkeep`, from the migration that made the tables until the end.
Result<void> list_what_is_there(Database& database) {
  bool more = true;
  const Database::Body next = [&](Connection& db) -> Result<void> {
    // Two programs that open the catalog take turns, as they do with its schema.
    const std::string_view lock = database.dialect().lock_schema;
    if (!lock.empty()) TRY_VOID(db.execute(lock));
    TRY(auto position,
        query_one(db, "SELECT position FROM upkeep WHERE name = 'listing'", {}, read_integer));
    more = position.has_value();
    if (!position) return {};
    TRY(more, list_some(db, *position));
    TRY_VOID(more
                 ? db.execute("UPDATE upkeep SET position = $1 WHERE name = 'listing'", {*position})
                 : db.execute("DELETE FROM upkeep WHERE name = 'listing'"));
    return {};
  };
  while (more) TRY_VOID(database.write(Durability::durable, next));
  return {};
}

}  // namespace calotype
