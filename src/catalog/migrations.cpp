// SPDX-License-Identifier: Apache-2.0
#include "catalog/migrations.hpp"

#include <array>
#include <format>
#include <utility>

#include "catalog/sql_listing.hpp"

namespace calotype {
namespace {

struct Migration {
  std::string_view name;
  std::string_view sql;
};

constexpr std::string_view first_schema = R"sql(
-- The row of some content. Its id is made of its hash's first 130 bits, so the one unique index on
-- the id recognises duplicates, and there is no second random index to write for every upload.
-- Other tables refer to asset_no: it grows, so what an upload writes there lies together.
CREATE TABLE asset (
  asset_no {identity},
  id {text} NOT NULL UNIQUE CHECK (length(id) = 26),
  digest {bytes} NOT NULL CHECK (length(digest) = 32),
  bytes {integer} NOT NULL,
  state {text} NOT NULL CHECK (state IN ('INGESTED', 'DEDUP_CHECK', 'METADATA_READY',
                                       'VARIANTS_READY', 'METADATA_FAILED', 'DELETED')),
  purge_epoch {integer} NOT NULL,
  purging {integer} NOT NULL,
  events {integer} NOT NULL,
  created_at {integer} NOT NULL,
  updated_at {integer} NOT NULL,
  failure_code {text},
  failure_message {text},
  CHECK (purging = 0 OR state = 'DELETED')
) {table};
CREATE INDEX asset_purging ON asset (asset_no) WHERE purging = 1;
CREATE INDEX asset_failed ON asset (asset_no) WHERE state = 'METADATA_FAILED';

-- What inspection found. Apart from the asset's row, which is rewritten at every change of state.
CREATE TABLE media (
  asset_no {integer} NOT NULL PRIMARY KEY REFERENCES asset (asset_no),
  media_type {text} NOT NULL,
  renderable {integer} NOT NULL,
  width {integer} NOT NULL,
  height {integer} NOT NULL,
  orientation {integer} NOT NULL,
  bits_per_channel {integer} NOT NULL,
  channels {integer} NOT NULL,
  has_alpha {integer} NOT NULL,
  pages {integer} NOT NULL,
  color_space {text} NOT NULL,
  icc_profile {text} NOT NULL,
  placeholder {text} NOT NULL,
  proof_key {text} UNIQUE,
  proof_bytes {integer},
  proof_width {integer},
  proof_height {integer},
  metadata_json {text} NOT NULL
) {table};

CREATE TABLE upload (
  asset_no {integer} NOT NULL REFERENCES asset (asset_no),
  id {text} NOT NULL,
  file_name {text} NOT NULL,
  uploader {text} NOT NULL,
  tags {text} NOT NULL,
  created_at {integer} NOT NULL,
  PRIMARY KEY (asset_no, id)
) {keyed_table};

CREATE TABLE event (
  asset_no {integer} NOT NULL REFERENCES asset (asset_no),
  seq {integer} NOT NULL,
  from_state {text},
  to_state {text} NOT NULL,
  because {text} NOT NULL,
  at {integer} NOT NULL,
  PRIMARY KEY (asset_no, seq)
) {keyed_table};

-- A row is a lease until it has a blob, and a variant from then on.
CREATE TABLE variant (
  asset_no {integer} NOT NULL REFERENCES asset (asset_no),
  recipe {text} NOT NULL,
  version {text} NOT NULL,
  fence {integer} NOT NULL,
  lease_until {integer} NOT NULL,
  blob_key {text} UNIQUE,
  digest {bytes},
  bytes {integer},
  width {integer},
  height {integer},
  media_type {text},
  created_at {integer},
  last_access_at {integer},
  PRIMARY KEY (asset_no, recipe, version)
) {keyed_table};
CREATE INDEX variant_access ON variant (last_access_at) WHERE blob_key IS NOT NULL;

-- due_at: run_after of a ready job, the lease's end of a running one, nothing for a dead one; so
-- one range of one index is what a lane may claim, lost leases included.
CREATE TABLE job (
  id {text} NOT NULL PRIMARY KEY,
  kind {text} NOT NULL,
  lane {text} NOT NULL,
  key {text} NOT NULL UNIQUE,
  asset_id {text} NOT NULL,
  state {text} NOT NULL CHECK (state IN ('ready', 'running', 'dead')),
  attempts {integer} NOT NULL,
  fence {integer} NOT NULL,
  run_after {integer} NOT NULL,
  due_at {integer},
  last_error {text} NOT NULL,
  created_at {integer} NOT NULL,
  CHECK ((due_at IS NULL) = (state = 'dead'))
) {queue_table};
CREATE INDEX job_due ON job (lane, due_at, state);
CREATE INDEX job_dead ON job (id) WHERE state = 'dead';

CREATE TABLE garbage (
  blob_key {text} NOT NULL PRIMARY KEY
) {keyed_table};

CREATE TABLE api_key (
  id {text} NOT NULL PRIMARY KEY,
  name {text} NOT NULL,
  scopes {text} NOT NULL,
  hash {bytes} NOT NULL UNIQUE CHECK (length(hash) = 32),
  created_at {integer} NOT NULL
) {keyed_table};
)sql";

constexpr std::string_view filling_schema = R"sql(
-- One row while `calotype migrate-store` moves another catalog's rows in here; see
-- catalog_tables.hpp.
CREATE TABLE filling (
  source {text} NOT NULL PRIMARY KEY,
  started_at {integer} NOT NULL
) {table};
)sql";

constexpr std::string_view shared_schema = R"sql(
-- Servers ask each other's deletions by their time.
CREATE INDEX asset_deleted ON asset (updated_at) WHERE state = 'DELETED';
ALTER TABLE variant ADD COLUMN accesses {integer} NOT NULL DEFAULT 0;
)sql";

constexpr std::string_view picture_schema = R"sql(
-- The point that every crop keeps, in ten-thousandths of the upright picture's sides.
ALTER TABLE asset ADD COLUMN focal_x {integer};
ALTER TABLE asset ADD COLUMN focal_y {integer};
ALTER TABLE media ADD COLUMN has_gain_map {integer} NOT NULL DEFAULT 0;
)sql";

constexpr std::string_view secret_schema = R"sql(
-- What servers sign for one another.
CREATE TABLE secret (
  name {text} NOT NULL PRIMARY KEY,
  value {bytes} NOT NULL CHECK (length(value) = 32)
) {keyed_table};
)sql";

constexpr std::string_view integrity_schema = R"sql(
-- Blobs whose bytes are not what they were, until they are right again or nothing names them.
CREATE TABLE quarantine (
  blob_key {text} NOT NULL PRIMARY KEY,
  asset_id {text} NOT NULL,
  reason {text} NOT NULL,
  found_at {integer} NOT NULL
) {keyed_table};
CREATE INDEX quarantine_asset ON quarantine (asset_id);

-- What each chunk of a large original has to be (blobs/chunk_sums.hpp).
CREATE TABLE chunk_sums (
  blob_key {text} NOT NULL PRIMARY KEY,
  sums {bytes} NOT NULL
) {table};

-- How far an endless round of upkeep has come.
CREATE TABLE upkeep (
  name {text} NOT NULL PRIMARY KEY,
  position {integer} NOT NULL
) {keyed_table};
)sql";

constexpr std::string_view library_schema = R"sql(
ALTER TABLE upload ADD COLUMN collection {text} NOT NULL DEFAULT '';
ALTER TABLE upload ADD COLUMN fields {text} NOT NULL DEFAULT '';

-- What assets are listed by (sql_listing.hpp); a row for each that is not DELETED. By its key, and
-- not by a rowid, because SQLite goes to a key within equal values of an index, and not to a rowid.
CREATE TABLE listing (
  asset_no {integer} NOT NULL PRIMARY KEY REFERENCES asset (asset_no),
  created_at {integer} NOT NULL,
  taken_at {integer} NOT NULL,
  bytes {integer} NOT NULL,
  width {integer} NOT NULL,
  height {integer} NOT NULL,
  name {text} NOT NULL
) {keyed_table};
CREATE INDEX listing_created ON listing (created_at, asset_no);
CREATE INDEX listing_taken ON listing (taken_at, asset_no);
CREATE INDEX listing_bytes ON listing (bytes, asset_no);
CREATE INDEX listing_name ON listing (name, asset_no);
CREATE INDEX listing_width ON listing (width, asset_no) WHERE width > 0;
CREATE INDEX listing_height ON listing (height, asset_no) WHERE height > 0;

-- The words that they are found by, each in the order of creation. No foreign key: these are most
-- of the rows that an upload writes, and only the steps of sql_listing.hpp write them.
CREATE TABLE label (
  kind {text} NOT NULL,
  value {text} NOT NULL,
  created_at {integer} NOT NULL,
  asset_no {integer} NOT NULL,
  PRIMARY KEY (kind, value, created_at, asset_no)
) {keyed_table};
CREATE INDEX label_asset ON label (asset_no, kind, value);

DROP INDEX asset_failed;
CREATE INDEX asset_state ON asset (state, created_at, asset_no);

-- What was taken down, with the variants that were stored then. While the row of an asset stands
-- here, its bytes are kept out.
CREATE TABLE takedown (
  id {text} NOT NULL PRIMARY KEY,
  reason {text} NOT NULL,
  taken_by {text} NOT NULL,
  created_at {integer} NOT NULL
) {keyed_table};
CREATE TABLE takedown_asset (
  takedown_id {text} NOT NULL REFERENCES takedown (id),
  asset_id {text} NOT NULL,
  digest {bytes} NOT NULL CHECK (length(digest) = 32),
  variants {text} NOT NULL,
  PRIMARY KEY (takedown_id, asset_id)
) {keyed_table};
CREATE INDEX takedown_bar ON takedown_asset (asset_id);

-- What is there already has to be listed; see list_what_is_there.
INSERT INTO upkeep (name, position) VALUES ('listing', 0);
)sql";

constexpr std::string_view resumable_schema = R"sql(
-- Uploads that come in parts. lease_until is 0 while nobody writes; wanted says that somebody else
-- would like to.
CREATE TABLE resumable_upload (
  id {text} NOT NULL PRIMARY KEY,
  state {text} NOT NULL CHECK (state IN ('receiving', 'finished', 'ended')),
  is_partial {integer} NOT NULL,
  received {integer} NOT NULL,
  total {integer},
  hash_state {bytes} NOT NULL,
  expected {bytes} CHECK (length(expected) = 32),
  file_name {text} NOT NULL,
  uploader {text} NOT NULL,
  tags {text} NOT NULL,
  collection {text} NOT NULL,
  fields {text} NOT NULL,
  metadata {text} NOT NULL,
  joined_from {text} NOT NULL,
  asset_id {text},
  fence {integer} NOT NULL,
  lease_until {integer} NOT NULL,
  wanted {integer} NOT NULL,
  created_at {integer} NOT NULL,
  expires_at {integer} NOT NULL,
  CHECK ((asset_id IS NOT NULL) = (state = 'finished')),
  CHECK (total IS NULL OR received <= total)
) {queue_table};
CREATE INDEX resumable_upload_expiry ON resumable_upload (expires_at);

-- What the store made of them; a folder keeps one file an upload, and names none.
CREATE TABLE resumable_part (
  upload_id {text} NOT NULL REFERENCES resumable_upload (id),
  seq {integer} NOT NULL,
  name {text} NOT NULL,
  PRIMARY KEY (upload_id, seq)
) {keyed_table};
)sql";

constexpr std::string_view feed_schema = R"sql(
-- The order of all events, by their transaction's turn (feed_catalog.hpp). What is older than this
-- column has none, and is in no feed.
ALTER TABLE event ADD COLUMN turn {integer};
CREATE INDEX event_turn ON event (turn, asset_no, seq);
)sql";

constexpr std::string_view likeness_schema = R"sql(
-- What assets look like. No bits where there is nothing to compare by. Apart from media, for they
-- are kept before an inspection ends; and what every server reads of all of them apart from the
-- rest.
CREATE TABLE fingerprint (
  asset_no {integer} NOT NULL PRIMARY KEY REFERENCES asset (asset_no),
  whole {bytes} CHECK (length(whole) = 32),
  middle {bytes} CHECK (length(middle) = 32),
  quality {integer} NOT NULL,
  kept_at {integer} NOT NULL
) {table};
CREATE INDEX fingerprint_kept ON fingerprint (kept_at);
CREATE TABLE fingerprint_parts (
  asset_no {integer} NOT NULL PRIMARY KEY REFERENCES asset (asset_no),
  bits {bytes} NOT NULL
) {table};

-- Which look the same.
CREATE TABLE likeness (
  first_no {integer} NOT NULL REFERENCES asset (asset_no),
  second_no {integer} NOT NULL REFERENCES asset (asset_no),
  distance {integer} NOT NULL,
  PRIMARY KEY (first_no, second_no),
  CHECK (first_no < second_no)
) {keyed_table};
CREATE INDEX likeness_second ON likeness (second_no);

-- Where URLs of a deleted asset lead to.
CREATE TABLE merged (
  from_no {integer} NOT NULL PRIMARY KEY REFERENCES asset (asset_no),
  into_no {integer} NOT NULL REFERENCES asset (asset_no),
  at {integer} NOT NULL
) {table};
CREATE INDEX merged_into ON merged (into_no);
)sql";

constexpr std::string_view further_uploads_schema = R"sql(
-- The turn of an upload that brought no new asset: it is told in the feed too, and is no event of
-- its own, so that known content costs no further row. An asset's first upload has none.
ALTER TABLE upload ADD COLUMN turn {integer};
CREATE INDEX upload_turn ON upload (turn, asset_no) WHERE turn IS NOT NULL;
)sql";

constexpr std::string_view listing_source_schema = R"sql(
-- What is found by a size or a date is put in the order of creation without a look at its row.
DROP INDEX listing_taken;
DROP INDEX listing_bytes;
DROP INDEX listing_width;
DROP INDEX listing_height;
CREATE INDEX listing_taken ON listing (taken_at, asset_no, created_at);
CREATE INDEX listing_bytes ON listing (bytes, asset_no, created_at);
CREATE INDEX listing_width ON listing (width, asset_no, created_at) WHERE width > 0;
CREATE INDEX listing_height ON listing (height, asset_no, created_at) WHERE height > 0;
)sql";

constexpr std::array migrations = {
    Migration{"assets, variants, jobs, garbage, keys", first_schema},
    Migration{"a mark on what is being filled", filling_schema},
    Migration{"deletions by time, counts of accesses", shared_schema},
    Migration{"focal points, gain maps", picture_schema},
    Migration{"a secret that servers share", secret_schema},
    Migration{"quarantine, sums of chunks", integrity_schema},
    Migration{"listings, labels, collections, takedowns", library_schema},
    Migration{"the order of all events", feed_schema},
    Migration{"uploads that come in parts", resumable_schema},
    Migration{"fingerprints, likenesses, merges", likeness_schema},
    Migration{"further uploads in the order of events", further_uploads_schema},
    Migration{"listings' indexes with the time of creation", listing_source_schema},
};

constexpr std::string_view ledger = R"sql(
CREATE TABLE IF NOT EXISTS schema_migration (
  number {integer} NOT NULL PRIMARY KEY,
  name {text} NOT NULL,
  applied_at {integer} NOT NULL
) {table};
)sql";

std::string in_dialect(std::string_view sql, const Dialect& dialect) {
  std::string text(sql);
  for (const auto& [token, words] :
       {std::pair{"{identity}", dialect.identity}, std::pair{"{integer}", dialect.integer},
        std::pair{"{bytes}", dialect.bytes}, std::pair{"{text}", dialect.text},
        std::pair{"{table}", dialect.table}, std::pair{"{keyed_table}", dialect.keyed_table},
        std::pair{"{queue_table}", dialect.queue_table}}) {
    const std::string_view name = token;
    for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += words.size())
      text.replace(at, name.size(), words);
  }
  return text;
}

/// Applies the next step, if there is one: true.
Result<bool> step(Connection& db, const Dialect& dialect, Timestamp now, int version) {
  TRY(const auto number,
      query_one(db, "SELECT COALESCE(MAX(number), 0) FROM schema_migration", {},
                [](const Row& row) -> Result<std::int64_t> { return row.integer(0); }));
  const std::int64_t applied = number.value_or(0);
  if (applied > schema_version())
    return fail(ErrorCode::catalog_failed,
                std::format("The catalog has schema {}, and this program knows {}: it was used by "
                            "a newer program.",
                            applied, schema_version()));
  if (applied >= version) return false;
  const Migration& migration = migrations.at(static_cast<std::size_t>(applied));
  TRY_VOID(db.script(in_dialect(migration.sql, dialect)));
  TRY_VOID(db.execute("INSERT INTO schema_migration (number, name, applied_at) VALUES ($1, $2, $3)",
                      {applied + 1, migration.name, now}));
  return true;
}

}  // namespace

int schema_version() {
  return static_cast<int>(migrations.size());
}

Result<void> migrate(Database& database, Timestamp now, int version) {
  const Dialect& dialect = database.dialect();
  bool more = true;
  const Database::Body next = [&](Connection& db) -> Result<void> {
    if (!dialect.lock_schema.empty()) TRY_VOID(db.execute(dialect.lock_schema));
    TRY_VOID(db.script(in_dialect(ledger, dialect)));
    TRY(more, step(db, dialect, now, version));
    return {};
  };
  // Two programs that open a new catalog take turns: by the lock, or because a write has the
  // database to itself.
  while (more) TRY_VOID(database.write(Durability::durable, next));
  return version == schema_version() ? list_what_is_there(database) : Result<void>{};
}

}  // namespace calotype
