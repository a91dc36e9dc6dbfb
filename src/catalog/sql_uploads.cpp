// SPDX-License-Identifier: Apache-2.0
// How assets come into the catalog and leave it.
#include <format>

#include "base/ids.hpp"
#include "catalog/sql_catalog.hpp"
#include "catalog/sql_integrity.hpp"
#include "catalog/sql_listing.hpp"
#include "catalog/sql_near_duplicates.hpp"
#include "catalog/sql_rows.hpp"
#include "catalog/sql_takedowns.hpp"

namespace calotype {
namespace {

Result<AssetRow> load_asset(Connection& db, const AssetId& id) {
  static const std::string sql =
      std::format("SELECT {} FROM {} WHERE a.id = $1", asset_columns, asset_source);
  TRY(auto row, query_one(db, sql, {id.text()}, read_asset));
  if (!row) return bad_row("an asset that was just written");
  return *std::move(row);
}

/// The one that brings an asset is told by the asset's event; any further one is in the feed
/// itself.
enum class Place : std::uint8_t { first, further };

Result<std::string> add_upload(Transaction& tx, std::int64_t asset_no, const NewUpload& upload,
                               Place place) {
  std::string id = new_id(tx.now);
  const std::string sql = std::format(
      "INSERT INTO upload (asset_no, id, file_name, uploader, tags, created_at, collection, "
      "fields, turn) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, {})",
      place == Place::further ? tx.dialect.turn : "NULL");
  TRY_VOID(
      tx.db.execute(sql, {asset_no, id, upload.file_name, upload.uploader, to_column(upload.tags),
                          tx.now, upload.collection, upload.fields_json}));
  TRY_VOID(list_upload(tx.db, asset_no, upload));
  return id;
}

/// 130 bits are the name; that two contents share it is not a case to handle but one to stop at.
void require_same_content(const AssetHead& head, const Digest& digest) {
  require(head.digest == digest, "different content has a different asset id");
}

Result<void> begin_story(Transaction& tx, std::int64_t asset_no, const AssetId& id) {
  TRY_VOID(add_event(tx, asset_no, 1, std::nullopt, AssetState::ingested, "uploaded"));
  return add_job(tx, JobKind::inspect, asset_job_key(JobKind::inspect, id), id.text(), tx.now);
}

/// A deleted asset is held for the update that brings it back, any other for share, so that many
/// uploads of it need not wait for one another.
Result<AssetHead> hold_for_upload(Transaction& tx, const AssetId& id) {
  TRY(const auto seen, find_head(tx.db, id));
  const bool deleted = seen && seen->state == AssetState::deleted;
  TRY(auto head, hold_head(tx, id, deleted ? Hold::update : Hold::share));
  if (!head) return bad_row("an asset that exists");
  // Deleted between the two looks: held for share it cannot be brought back without a fight.
  if (!deleted && head->state == AssetState::deleted) head->purging = true;
  return *head;
}

Result<void> bring_back(Transaction& tx, AssetHead& head, const AssetId& id) {
  TRY_VOID(move_asset(tx, head, AssetState::ingested));
  TRY_VOID(forget_merge(tx, head.no));
  TRY_VOID(remove_job_by_key(tx, asset_job_key(JobKind::expire, id)));
  return add_job(tx, JobKind::inspect, asset_job_key(JobKind::inspect, id), id.text(), tx.now);
}

/// A takedown came between its publishing and its record: the bytes go as any that nobody owns.
std::unexpected<Error> refuse_published(Transaction& tx, const AssetId& id) {
  if (auto job =
          add_job(tx, JobKind::expire, asset_job_key(JobKind::expire, id), id.text(), tx.now);
      !job)
    return std::unexpected(std::move(job).error());
  tx.commit_anyway = true;
  return is_kept_out();
}

Result<std::optional<std::int64_t>> insert_asset(Transaction& tx, const AssetId& id,
                                                 const Digest& digest, std::uint64_t bytes,
                                                 AssetState state) {
  return query_one(tx.db,
                   "INSERT INTO asset (id, digest, bytes, state, purge_epoch, purging, events, "
                   "created_at, updated_at) VALUES ($1, $2, $3, $4, 0, 0, 1, $5, $6) "
                   "ON CONFLICT (id) DO NOTHING RETURNING asset_no",
                   {id.text(), ByteSpan(digest.bytes), bytes, to_string(state), tx.now, tx.now},
                   read_integer);
}

}  // namespace

/// Bytes that are quarantined are not there: whoever brings them in again mends them.
Result<Presence> SqlCatalog::presence(const Digest& digest) {
  return read([&](Connection& db) -> Result<Presence> {
    TRY(const auto head, find_head(db, AssetId::of(digest)));
    if (!head) return Presence{};
    require_same_content(*head, digest);
    if (head->state == AssetState::deleted) {
      TRY(const bool is_barred, holds_bar(db, AssetId::of(digest)));
      return is_barred ? Result<Presence>(is_kept_out()) : Presence{false, head->purge_epoch};
    }
    TRY(const bool is_damaged, holds_quarantined(db, original_key(digest)));
    return Presence{!is_damaged, head->purge_epoch};
  });
}

Result<std::optional<Recorded>> SqlCatalog::record_existing(const NewUpload& upload) {
  using Outcome = Result<std::optional<Recorded>>;
  return write(Durability::durable, [&](Transaction& tx) -> Outcome {
    const AssetId id = AssetId::of(upload.digest);
    TRY(const auto head, hold_head(tx, id, Hold::share));
    if (!head) return std::nullopt;
    if (head->state == AssetState::deleted) {
      TRY(const bool is_barred, holds_bar(tx.db, id));
      return is_barred ? Outcome(is_kept_out()) : Outcome(std::nullopt);
    }
    require_same_content(*head, upload.digest);
    TRY(const bool is_damaged, holds_quarantined(tx.db, original_key(upload.digest)));
    if (is_damaged) return std::nullopt;
    TRY(auto upload_id, add_upload(tx, head->no, upload, Place::further));
    TRY(auto asset, load_asset(tx.db, id));
    return Recorded{std::move(asset), std::move(upload_id), false};
  });
}

Result<std::optional<Recorded>> SqlCatalog::record_published(const NewUpload& upload,
                                                             std::int64_t purge_epoch) {
  using Outcome = Result<std::optional<Recorded>>;
  return write(Durability::durable, [&](Transaction& tx) -> Outcome {
    const AssetId id = AssetId::of(upload.digest);
    TRY(const auto fresh, insert_asset(tx, id, upload.digest, upload.bytes, AssetState::ingested));
    bool created = fresh.has_value();
    std::int64_t asset_no = fresh.value_or(0);
    if (created) {
      TRY_VOID(begin_story(tx, asset_no, id));
    } else {
      TRY(auto head, hold_for_upload(tx, id));
      require_same_content(head, upload.digest);
      asset_no = head.no;
      if (head.state == AssetState::deleted) {
        TRY(const bool is_barred, holds_bar(tx.db, id));
        if (is_barred) return refuse_published(tx, id);
        if (head.purging || head.purge_epoch != purge_epoch) return std::nullopt;
        TRY_VOID(bring_back(tx, head, id));
        created = true;
      }
    }
    if (created) TRY_VOID(begin_listing(tx.db, asset_no, upload.file_name));
    TRY(auto upload_id, add_upload(tx, asset_no, upload, created ? Place::first : Place::further));
    TRY(auto asset, load_asset(tx.db, id));
    return Recorded{std::move(asset), std::move(upload_id), created};
  });
}

Result<bool> SqlCatalog::delete_uploads(const AssetId& id, std::string_view upload_id,
                                        std::chrono::milliseconds purge_after) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<bool> {
    TRY(auto head, hold_asset(tx, id, Hold::update));
    if (!upload_id.empty()) {
      TRY(const auto removed, tx.db.execute("DELETE FROM upload WHERE asset_no = $1 AND id = $2",
                                            {head.no, upload_id}));
      if (removed == 0)
        return fail(ErrorCode::upload_not_found,
                    std::format("The asset has no upload {}.", upload_id));
      TRY(const auto left, query_one(tx.db, "SELECT 1 FROM upload WHERE asset_no = $1 LIMIT 1",
                                     {head.no}, read_integer));
      if (left) {
        TRY_VOID(list_anew(tx.db, head.no));
        TRY_VOID(note_change(tx, head, "an upload was deleted"));
        return false;
      }
    }
    TRY_VOID(delete_asset(tx, head, purge_after));
    return true;
  });
}

Result<bool> SqlCatalog::begin_purge(const JobLease& lease, const AssetId& id) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<bool> {
    TRY_VOID(require_lease(tx, lease));
    TRY(const auto marked, tx.db.execute("UPDATE asset SET purge_epoch = purge_epoch + 1, "
                                         "purging = 1 WHERE id = $1 AND state = 'DELETED'",
                                         {id.text()}));
    return marked > 0;
  });
}

Result<void> SqlCatalog::finish_purge(const JobLease& lease, const AssetId& id) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY_VOID(require_lease(tx, lease));
    TRY_VOID(forget_integrity_of(tx, id));
    return end_purge(tx, id.text());
  });
}

Result<bool> SqlCatalog::adopt_orphan(const Digest& digest, std::uint64_t bytes) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<bool> {
    const AssetId id = AssetId::of(digest);
    TRY(const auto fresh, insert_asset(tx, id, digest, bytes, AssetState::deleted));
    if (fresh) {
      TRY_VOID(add_event(tx, *fresh, 1, std::nullopt, AssetState::deleted,
                         "its bytes were found without an owner"));
    } else {
      TRY(const auto head, hold_head(tx, id, Hold::update));
      if (!head || head->state != AssetState::deleted) return false;
    }
    TRY_VOID(add_job(tx, JobKind::expire, asset_job_key(JobKind::expire, id), id.text(), tx.now));
    return true;
  });
}

Result<std::vector<Deletion>> SqlCatalog::deletions_since(Timestamp since, std::size_t limit) {
  return read([&](Connection& db) {
    return query_all(db,
                     "SELECT id, updated_at FROM asset WHERE state = 'DELETED' "
                     "AND updated_at >= $1 ORDER BY updated_at DESC LIMIT $2",
                     {since, limit}, [](const Row& row) -> Result<Deletion> {
                       Columns columns(row);
                       const auto id = AssetId::parse(columns.view());
                       if (!id) return bad_row("an asset's id");
                       return Deletion{*id, columns.time()};
                     });
  });
}

}  // namespace calotype
