// SPDX-License-Identifier: Apache-2.0
// Fingerprints, likenesses and merges.
#include "catalog/sql_near_duplicates.hpp"

#include <algorithm>
#include <format>
#include <set>

#include "catalog/id_batches.hpp"
#include "catalog/sql_catalog.hpp"
#include "catalog/sql_listing.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

constexpr std::string_view is_ready = "state IN ('METADATA_READY', 'VARIANTS_READY')";

constexpr std::string_view indexed_columns = "asset_no, whole, middle, kept_at";

Result<IndexedFingerprint> read_indexed(const Row& row) {
  Columns columns(row);
  const std::int64_t asset_no = columns.integer();
  const auto whole = parse_bits(columns.bytes());
  const auto middle = parse_bits(columns.bytes());
  if (!whole || !middle) return bad_row("a fingerprint");
  return IndexedFingerprint{asset_no, *whole, *middle, columns.time()};
}

constexpr std::string_view kept_columns = "a.asset_no, a.id, f.quality, p.bits";
constexpr std::string_view kept_source =
    "asset a JOIN fingerprint f USING (asset_no) JOIN fingerprint_parts p USING (asset_no)";

Result<KeptFingerprint> read_kept(const Row& row) {
  Columns columns(row);
  const std::int64_t asset_no = columns.integer();
  const auto id = AssetId::parse(columns.view());
  if (!id) return bad_row("an asset's id");
  const auto quality = columns.integer<std::uint8_t>();
  auto fingerprint = parse_fingerprint(columns.bytes(), quality);
  if (!fingerprint) return bad_row("a fingerprint");
  return KeptFingerprint{asset_no, *id, *std::move(fingerprint)};
}

Result<NumberedAssetId> read_numbered_id(const Row& row) {
  Columns columns(row);
  const std::int64_t asset_no = columns.integer();
  const auto id = AssetId::parse(columns.view());
  if (!id) return bad_row("an asset's id");
  return NumberedAssetId{asset_no, *id};
}

Result<void> forget_likenesses_of(Transaction& tx, std::int64_t asset_no) {
  TRY_VOID(tx.db.execute("DELETE FROM likeness WHERE first_no = $1", {asset_no}));
  TRY_VOID(tx.db.execute("DELETE FROM likeness WHERE second_no = $1", {asset_no}));
  return {};
}

/// Held for update, and inspected.
Result<AssetHead> hold_inspected(Transaction& tx, const AssetId& id) {
  TRY(const AssetHead head, hold_asset(tx, id, Hold::update));
  switch (head.state) {
    case AssetState::ingested:
    case AssetState::dedup_check:
      return fail(ErrorCode::asset_processing, "The asset is being inspected. Ask again.");
    case AssetState::metadata_failed:
      return fail(ErrorCode::illegal_transition,
                  std::format("{} could not be inspected, and is merged with nothing.", id.text()));
    case AssetState::metadata_ready:
    case AssetState::variants_ready:
    case AssetState::deleted:
      break;
  }
  return head;
}

Result<Likeness> read_likeness(const Row& row) {
  Columns columns(row);
  const std::int64_t first = columns.integer();
  const std::int64_t second = columns.integer();
  return Likeness{first, second, columns.integer<unsigned>()};
}

Result<void> add_fingerprint(Transaction& tx, std::int64_t asset_no,
                             const std::optional<Fingerprint>& fingerprint) {
  if (!fingerprint) {
    TRY_VOID(
        tx.db.execute("INSERT INTO fingerprint (asset_no, quality, kept_at) VALUES ($1, 0, $2)",
                      {asset_no, tx.now}));
    return {};
  }
  TRY_VOID(
      tx.db.execute("INSERT INTO fingerprint (asset_no, whole, middle, quality, kept_at) "
                    "VALUES ($1, $2, $3, $4, $5)",
                    {asset_no, as_bytes(to_bytes(fingerprint->whole)),
                     as_bytes(to_bytes(fingerprint->middle)), fingerprint->quality, tx.now}));
  TRY_VOID(tx.db.execute("INSERT INTO fingerprint_parts (asset_no, bits) VALUES ($1, $2)",
                         {asset_no, as_bytes(to_bytes(*fingerprint))}));
  return {};
}

}  // namespace

Result<void> forget_likeness(Transaction& tx, std::int64_t asset_no) {
  TRY_VOID(tx.db.execute("DELETE FROM fingerprint WHERE asset_no = $1", {asset_no}));
  TRY_VOID(tx.db.execute("DELETE FROM fingerprint_parts WHERE asset_no = $1", {asset_no}));
  return forget_likenesses_of(tx, asset_no);
}

Result<void> forget_merge(Transaction& tx, std::int64_t asset_no) {
  TRY_VOID(tx.db.execute("DELETE FROM merged WHERE from_no = $1", {asset_no}));
  return {};
}

Result<std::optional<std::int64_t>> SqlCatalog::keep_fingerprint(
    const AssetId& id, const std::optional<Fingerprint>& fingerprint) {
  using Outcome = Result<std::optional<std::int64_t>>;
  return write(Durability::relaxed, [&](Transaction& tx) -> Outcome {
    TRY(const auto head, hold_head(tx, id, Hold::update));
    if (!head || head->state == AssetState::deleted) return std::nullopt;
    TRY_VOID(forget_likeness(tx, head->no));
    TRY_VOID(add_fingerprint(tx, head->no, fingerprint));
    return head->no;
  });
}

Result<std::optional<KeptFingerprint>> SqlCatalog::fingerprint_of(const AssetId& id) {
  return read([&](Connection& db) {
    static const std::string sql =
        std::format("SELECT {} FROM {} WHERE a.id = $1", kept_columns, kept_source);
    return query_one(db, sql, {id.text()}, read_kept);
  });
}

Result<std::vector<KeptFingerprint>> SqlCatalog::fingerprints_of(
    std::span<const std::int64_t> asset_nos) {
  return read([&](Connection& db) -> Result<std::vector<KeptFingerprint>> {
    static const std::string sql =
        std::format("SELECT {} FROM {} WHERE a.asset_no = $1", kept_columns, kept_source);
    std::vector<KeptFingerprint> found;
    for (const std::int64_t asset_no : asset_nos) {
      TRY(auto one, query_one(db, sql, {asset_no}, read_kept));
      if (one) found.push_back(*std::move(one));
    }
    return found;
  });
}

Result<std::vector<IndexedFingerprint>> SqlCatalog::fingerprints_after(std::int64_t asset_no,
                                                                       std::size_t limit) {
  return read([&](Connection& db) {
    static const std::string sql = std::format(
        "SELECT {} FROM fingerprint WHERE asset_no > $1 AND quality >= $2 "
        "ORDER BY asset_no LIMIT $3",
        indexed_columns);
    return query_all(db, sql, {asset_no, fingerprint_quality_min, limit}, read_indexed);
  });
}

Result<std::vector<IndexedFingerprint>> SqlCatalog::fingerprints_since(Timestamp moment) {
  return read([&](Connection& db) {
    static const std::string sql = std::format(
        "SELECT {} FROM fingerprint WHERE kept_at >= $1 AND quality >= $2", indexed_columns);
    return query_all(db, sql, {moment, fingerprint_quality_min}, read_indexed);
  });
}

Result<NearDuplicateCatalog::FingerprintCount> SqlCatalog::count_fingerprints() {
  return read([&](Connection& db) -> Result<FingerprintCount> {
    TRY(const auto counted,
        query_one(db,
                  "SELECT COUNT(*), COALESCE(MAX(kept_at), 0) FROM fingerprint WHERE quality >= $1",
                  {fingerprint_quality_min}, [](const Row& row) -> Result<FingerprintCount> {
                    Columns columns(row);
                    const auto count = columns.integer<std::uint64_t>();
                    return FingerprintCount{count, columns.time()};
                  }));
    return counted.value_or(FingerprintCount{});
  });
}

Result<std::vector<NumberedAssetId>> SqlCatalog::without_fingerprint(std::int64_t asset_no,
                                                                     std::size_t limit) {
  return read([&](Connection& db) {
    static const std::string sql = std::format(
        "SELECT m.asset_no, a.id FROM media m JOIN asset a USING (asset_no) "
        "LEFT JOIN fingerprint f USING (asset_no) WHERE m.asset_no > $1 AND m.renderable = 1 "
        "AND m.pages = 1 AND f.kept_at IS NULL AND a.{} ORDER BY m.asset_no LIMIT $2",
        is_ready);
    return query_all(db, sql, {asset_no, limit}, read_numbered_id);
  });
}

Result<void> SqlCatalog::record_likenesses(std::span<const Likeness> likenesses) {
  return write(Durability::relaxed, [&](Transaction& tx) -> Result<void> {
    for (const Likeness& each : likenesses)
      TRY_VOID(
          tx.db.execute("INSERT INTO likeness (first_no, second_no, distance) VALUES ($1, $2, $3) "
                        "ON CONFLICT (first_no, second_no) DO UPDATE SET "
                        "distance = excluded.distance",
                        {each.first, each.second, each.distance}));
    return {};
  });
}

Result<std::vector<Likeness>> SqlCatalog::likenesses_of(std::span<const std::int64_t> asset_nos) {
  return read([&](Connection& db) -> Result<std::vector<Likeness>> {
    std::set<std::pair<std::int64_t, std::int64_t>> known;
    std::vector<Likeness> found;
    const auto look = [&](std::string_view end, const std::vector<Value>& batch) -> Result<void> {
      const std::string sql = std::format(
          "SELECT l.first_no, l.second_no, l.distance FROM likeness l "
          "JOIN asset a ON a.asset_no = l.first_no JOIN asset b ON b.asset_no = l.second_no "
          "WHERE l.{1} IN ({2}) AND a.{0} AND b.{0}",
          is_ready, end, placeholders(1, batch.size()));
      TRY(const auto rows, query_all(db, sql, Values(batch), read_likeness));
      for (const Likeness& each : rows)
        if (known.emplace(each.first, each.second).second) found.push_back(each);
      return {};
    };
    const auto both = [&](const std::vector<Value>& batch) -> Result<void> {
      TRY_VOID(look("first_no", batch));
      return look("second_no", batch);
    };
    TRY_VOID(for_each_batch(asset_nos, both));
    return found;
  });
}

Result<std::vector<std::int64_t>> SqlCatalog::looked_like_after(std::int64_t asset_no,
                                                                std::size_t limit) {
  return read([&](Connection& db) -> Result<std::vector<std::int64_t>> {
    std::vector<std::int64_t> found;
    // One by one along the key: an asset that thousands look like costs no more than another.
    while (found.size() < limit) {
      TRY(const auto next, query_one(db,
                                     "SELECT first_no FROM likeness WHERE first_no > $1 "
                                     "ORDER BY first_no LIMIT 1",
                                     {found.empty() ? asset_no : found.back()}, read_integer));
      if (!next) break;
      found.push_back(*next);
    }
    return found;
  });
}

Result<std::vector<NumberedAssetId>> SqlCatalog::ids_of(std::span<const std::int64_t> asset_nos) {
  return read([&](Connection& db) -> Result<std::vector<NumberedAssetId>> {
    static const std::string sql =
        std::format("SELECT asset_no, id FROM asset WHERE asset_no = $1 AND {}", is_ready);
    std::vector<NumberedAssetId> found;
    for (const std::int64_t asset_no : asset_nos) {
      TRY(auto one, query_one(db, sql, {asset_no}, read_numbered_id));
      if (one) found.push_back(*std::move(one));
    }
    return found;
  });
}

Result<void> SqlCatalog::merge_assets(const AssetId& from, const AssetId& into,
                                      std::chrono::milliseconds purge_after) {
  if (from == into) return fail(ErrorCode::bad_request, "An asset cannot be merged into itself.");
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    // In one order, so that two merges of the same pair do not wait for each other.
    TRY_VOID(hold_head(tx, std::min(from, into), Hold::update));
    TRY(const AssetHead kept, hold_inspected(tx, into));
    TRY(AssetHead gone, hold_inspected(tx, from));
    TRY_VOID(
        tx.db.execute("UPDATE upload SET asset_no = $1 WHERE asset_no = $2", {kept.no, gone.no}));
    TRY_VOID(
        tx.db.execute("UPDATE merged SET into_no = $1 WHERE into_no = $2", {kept.no, gone.no}));
    TRY_VOID(
        tx.db.execute("INSERT INTO merged (from_no, into_no, at) VALUES ($1, $2, $3) "
                      "ON CONFLICT (from_no) DO UPDATE SET into_no = excluded.into_no, "
                      "at = excluded.at",
                      {gone.no, kept.no, tx.now}));
    TRY_VOID(list_anew(tx.db, kept.no));
    TRY_VOID(note_change(tx, kept, std::format("{} was merged into it", from.text())));
    return delete_asset(tx, gone, purge_after, std::format("merged into {}", into.text()));
  });
}

Result<std::optional<AssetId>> SqlCatalog::merged_into(const AssetId& id) {
  return read([&](Connection& db) {
    return query_one(db,
                     "SELECT b.id FROM asset a JOIN merged m ON m.from_no = a.asset_no "
                     "JOIN asset b ON b.asset_no = m.into_no WHERE a.id = $1 "
                     "AND a.state = 'DELETED' AND b.state <> 'DELETED'",
                     {id.text()}, read_asset_id);
  });
}

}  // namespace calotype
