// SPDX-License-Identifier: Apache-2.0
// Reading assets, and the steps of their inspection.
#include <format>

#include "catalog/sql_catalog.hpp"
#include "catalog/sql_listing.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

std::string select_assets(std::string_view where) {
  return std::format("SELECT {} FROM {} WHERE {}", asset_columns, asset_source, where);
}

/// A cursor is the asset_no of the last row of the page before: it never changes, and newer assets
/// come before it.
Result<std::int64_t> parse_cursor(std::string_view cursor) {
  if (cursor.empty()) return INT64_MAX;
  std::int64_t value = 0;
  for (const char digit : cursor) {
    if (digit < '0' || digit > '9' || value > INT64_MAX / 10 - 1)
      return fail(ErrorCode::bad_request, "The cursor is not one that a listing has given.");
    value = value * 10 + (digit - '0');
  }
  return value;
}

Result<void> add_media(Transaction& tx, std::int64_t no, const MediaInfo& media,
                       const std::optional<Proof>& proof) {
  const Value none(nullptr);
  TRY_VOID(tx.db.execute(
      "INSERT INTO media (asset_no, media_type, renderable, width, height, orientation, "
      "bits_per_channel, channels, has_alpha, pages, color_space, icc_profile, placeholder, "
      "proof_key, proof_bytes, proof_width, proof_height, metadata_json, has_gain_map) VALUES "
      "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
      {no, media.media_type, media.renderable, media.width, media.height, media.orientation,
       media.bits_per_channel, media.channels, media.has_alpha, media.pages, media.color_space,
       media.icc_profile, media.placeholder, proof ? Value(proof->blob_key) : none,
       proof ? Value(proof->bytes) : none, proof ? Value(proof->width) : none,
       proof ? Value(proof->height) : none, media.metadata_json, media.has_gain_map}));
  return {};
}

}  // namespace

Result<std::optional<AssetRow>> SqlCatalog::find_asset(const AssetId& id) {
  return read([&](Connection& db) {
    static const std::string sql = select_assets("a.id = $1");
    return query_one(db, sql, {id.text()}, read_asset);
  });
}

Result<Page<AssetRow>> SqlCatalog::list_assets(const AssetFilter& filter, std::string_view cursor,
                                               std::size_t limit) {
  TRY(const std::int64_t before, parse_cursor(cursor));
  return read_lagging([&](Connection& db) -> Result<Page<AssetRow>> {
    // The state stands in the text, not in a parameter, so that its partial index can serve.
    const std::string which = filter.state
                                  ? std::format("a.state = '{}'", to_string(*filter.state))
                                  : std::format("a.state <> '{}'", to_string(AssetState::deleted));
    TRY(auto assets,
        query_all(db,
                  select_assets(std::format("a.asset_no < $1 AND {} ORDER BY a.asset_no DESC "
                                            "LIMIT $2",
                                            which)),
                  {before, limit + 1}, read_numbered_asset));
    Page<AssetRow> page;
    if (assets.size() > limit) {
      assets.pop_back();
      if (!assets.empty()) page.next = std::to_string(assets.back().no);
    }
    for (NumberedAsset& asset : assets) page.rows.push_back(std::move(asset.row));
    return page;
  });
}

Result<std::vector<UploadRow>> SqlCatalog::uploads_of(const AssetId& id) {
  return read_lagging([&](Connection& db) {
    static const std::string sql = std::format(
        "SELECT {} FROM upload u JOIN asset a USING (asset_no) WHERE a.id = $1 ORDER BY u.id",
        upload_columns);
    return query_all(db, sql, {id.text()}, read_upload);
  });
}

Result<std::vector<EventRow>> SqlCatalog::events_of(const AssetId& id) {
  return read_lagging([&](Connection& db) {
    static const std::string sql = std::format(
        "SELECT {} FROM event e JOIN asset a USING (asset_no) WHERE a.id = $1 ORDER BY e.seq",
        event_columns);
    return query_all(db, sql, {id.text()}, read_event);
  });
}

Result<std::optional<AssetRow>> SqlCatalog::begin_inspection(const JobLease& lease,
                                                             const AssetId& id) {
  using Outcome = Result<std::optional<AssetRow>>;
  return write(Durability::relaxed, [&](Transaction& tx) -> Outcome {
    TRY(auto head, hold_head(tx, id, Hold::update));
    // A deleted asset has taken its job with it, so there is no lease to hold.
    if (!head || head->state == AssetState::deleted) {
      TRY_VOID(remove_job(tx, lease.job_id));
      return std::nullopt;
    }
    TRY_VOID(require_lease(tx, lease));
    const bool wanted =
        head->state == AssetState::ingested || head->state == AssetState::dedup_check;
    if (!wanted) {
      TRY_VOID(remove_job(tx, lease.job_id));
      return std::nullopt;
    }
    if (head->state == AssetState::ingested)
      TRY_VOID(move_asset(tx, *head, AssetState::dedup_check));
    return query_one(tx.db, select_assets("a.id = $1"), {id.text()}, read_asset);
  });
}

Result<void> SqlCatalog::finish_inspection(const JobLease& lease, const AssetId& id,
                                           const MediaInfo& media,
                                           const std::optional<Proof>& proof) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY(auto head, hold_head(tx, id, Hold::update));
    if (!head || head->state == AssetState::deleted) {
      // Its job went with the asset; the proof has to go too.
      if (proof) TRY_VOID(add_garbage(tx, proof->blob_key));
      return remove_job(tx, lease.job_id);
    }
    TRY_VOID(require_lease(tx, lease));
    TRY_VOID(remove_media(tx, head->no));
    TRY_VOID(add_media(tx, head->no, media, proof));
    TRY_VOID(list_media(tx.db, head->no, media));
    TRY_VOID(move_asset(tx, *head, AssetState::metadata_ready));
    return remove_job(tx, lease.job_id);
  });
}

Result<void> SqlCatalog::fail_inspection(const JobLease& lease, const AssetId& id,
                                         const Error& reason) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY(auto head, hold_head(tx, id, Hold::update));
    if (!head || head->state == AssetState::deleted) return remove_job(tx, lease.job_id);
    TRY_VOID(require_lease(tx, lease));
    TRY_VOID(move_asset(tx, *head, AssetState::metadata_failed, &reason));
    return remove_job(tx, lease.job_id);
  });
}

Result<void> SqlCatalog::set_focal_point(const AssetId& id,
                                         const std::optional<FocalPoint>& point) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY(const auto head, hold_asset(tx, id, Hold::update));
    const Value none(nullptr);
    TRY_VOID(tx.db.execute("UPDATE asset SET focal_x = $1, focal_y = $2 WHERE asset_no = $3",
                           {point ? Value(std::int64_t{point->x}) : none,
                            point ? Value(std::int64_t{point->y}) : none, head.no}));
    return note_change(tx, head, point ? "focal point set" : "focal point removed");
  });
}

Result<void> SqlCatalog::retry_inspection(const AssetId& id) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY(auto head, hold_asset(tx, id, Hold::update));
    TRY_VOID(move_asset(tx, head, AssetState::ingested));
    const std::string key = asset_job_key(JobKind::inspect, id);
    TRY_VOID(remove_job_by_key(tx, key));
    return add_job(tx, JobKind::inspect, key, id.text(), tx.now);
  });
}

}  // namespace calotype
