// SPDX-License-Identifier: Apache-2.0
// Variants and the leases to make them. A row without a blob is a lease; its fence only grows, and
// what is stored has to come under the newest. Leases that end leave no row, whatever recipes are
// asked for; so a new row's fence begins at the time, above those of its predecessors.
#include <algorithm>
#include <bit>
#include <format>
#include <random>

#include "catalog/sql_catalog.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

constexpr std::size_t touch_batch = 256;

constexpr std::string_view this_variant =
    "asset_no = (SELECT asset_no FROM asset WHERE id = $1) AND recipe = $2 AND version = $3";

const std::string& select_variant() {
  static const std::string sql = std::format(
      "SELECT {} FROM variant v JOIN asset a USING (asset_no) WHERE a.id = $1 "
      "AND v.recipe = $2 AND v.version = $3 AND v.blob_key IS NOT NULL",
      variant_columns);
  return sql;
}

Result<std::optional<VariantRow>> load_variant(Connection& db, const VariantKey& key) {
  return query_one(db, select_variant(), {key.asset_id.text(), key.recipe, key.version},
                   read_variant);
}

/// Milliseconds, then bits at random for rows that come and go within one millisecond.
std::int64_t first_fence(Timestamp now) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return (std::int64_t{now.time_since_epoch().count()} << 20) |
         static_cast<std::int64_t>(random() & 0xfffff);
}

/// Whether it has passed popular_at, or twice, four times, eight times as much: a variant that was
/// popular before anybody looked, or lost its better version, has its turn all the same.
bool becomes_popular(std::uint64_t before, std::uint64_t after, std::uint64_t popular_at) {
  return popular_at > 0 &&
         std::bit_width(before / popular_at) != std::bit_width(after / popular_at);
}

Result<void> note_accesses(Transaction& tx, std::span<const VariantCatalog::Access> accesses,
                           std::uint64_t popular_at) {
  static const std::string sql = std::format(
      "UPDATE variant SET accesses = accesses + $5, "
      "last_access_at = CASE WHEN last_access_at < $4 THEN $4 ELSE last_access_at END "
      "WHERE {} AND blob_key IS NOT NULL RETURNING accesses",
      this_variant);
  for (const auto& [key, at, count, can_improve] : accesses) {
    TRY(const auto sum,
        query_one(tx.db, sql, {key.asset_id.text(), key.recipe, key.version, at, count},
                  read_integer));
    if (!sum || !can_improve) continue;
    const auto after = static_cast<std::uint64_t>(*sum);
    if (becomes_popular(after - std::min(after, count), after, popular_at))
      TRY_VOID(add_job(tx, JobKind::render, render_job_key(key), key.asset_id.text(), tx.now));
  }
  return {};
}

Result<void> record_stored(Transaction& tx, const VariantLease& lease, const VariantRow& row) {
  // Whatever the answer, a blob that is not recorded here is garbage from now on.
  const auto refuse = [&](std::unexpected<Error> error) -> Result<void> {
    TRY_VOID(add_garbage(tx, row.blob_key));
    tx.commit_anyway = true;
    return error;
  };
  TRY(auto head, hold_head(tx, lease.key.asset_id, Hold::update));
  const bool ready = head && (head->state == AssetState::metadata_ready ||
                              head->state == AssetState::variants_ready);
  if (!ready) return refuse(fail(ErrorCode::asset_not_found, "The asset is gone."));
  TRY(const auto stored,
      tx.db.execute("UPDATE variant SET blob_key = $1, digest = $2, bytes = $3, width = $4, "
                    "height = $5, media_type = $6, created_at = $7, last_access_at = $8, "
                    "lease_until = 0 WHERE asset_no = $9 AND recipe = $10 AND version = $11 "
                    "AND fence = $12 AND blob_key IS NULL",
                    {row.blob_key, ByteSpan(row.digest.bytes), row.bytes, row.width, row.height,
                     row.media_type, row.created_at, row.last_access_at, head->no, lease.key.recipe,
                     lease.key.version, lease.fence}));
  if (stored == 0) {
    // Said twice, it is as true as said once, and what is stored must not become garbage.
    TRY(const auto there, load_variant(tx.db, lease.key));
    if (there && there->blob_key == row.blob_key) return {};
    return refuse(fail(ErrorCode::lease_lost, "Somebody else makes this variant now."));
  }
  if (head->state == AssetState::metadata_ready)
    TRY_VOID(move_asset(tx, *head, AssetState::variants_ready));
  return {};
}

Result<VariantKey> read_expired(const Row& row) {
  Columns columns(row);
  const auto id = AssetId::parse(columns.view());
  if (!id) return bad_row("an asset's id");
  std::string recipe = columns.text();
  return VariantKey{*id, std::move(recipe), columns.text()};
}

/// False where somebody wanted or dropped it meanwhile.
Result<bool> expire_variant(Transaction& tx, const VariantKey& variant, Timestamp before) {
  TRY(auto head, hold_head(tx, variant.asset_id, Hold::update));
  if (!head) return false;
  TRY(const auto blob_key,
      query_one(tx.db,
                "DELETE FROM variant WHERE asset_no = $1 AND recipe = $2 AND version = $3 "
                "AND blob_key IS NOT NULL AND last_access_at < $4 RETURNING blob_key",
                {head->no, variant.recipe, variant.version, before}, read_text));
  if (!blob_key) return false;
  TRY_VOID(add_garbage(tx, *blob_key));
  TRY_VOID(note_variants_gone(tx, *head));
  return true;
}

}  // namespace

Result<std::optional<VariantRow>> SqlCatalog::find_variant(const VariantKey& key) {
  return read([&](Connection& db) { return load_variant(db, key); });
}

Result<std::vector<VariantRow>> SqlCatalog::variants_of(const AssetId& id) {
  return read_lagging([&](Connection& db) {
    static const std::string sql = std::format(
        "SELECT {} FROM variant v JOIN asset a USING (asset_no) WHERE a.id = $1 "
        "AND v.blob_key IS NOT NULL ORDER BY v.recipe, v.version",
        variant_columns);
    return query_all(db, sql, {id.text()}, read_variant);
  });
}

Result<std::variant<VariantRow, VariantLease, VariantCatalog::Busy>> SqlCatalog::claim_variant(
    const VariantKey& key, std::chrono::milliseconds lease) {
  using Outcome = Result<std::variant<VariantRow, VariantLease, Busy>>;
  return write(Durability::relaxed, [&](Transaction& tx) -> Outcome {
    TRY(const auto head, hold_asset(tx, key.asset_id, Hold::share));
    if (head.state != AssetState::metadata_ready && head.state != AssetState::variants_ready)
      return fail(ErrorCode::asset_not_found, "The asset has no metadata any more.");
    TRY(auto stored, load_variant(tx.db, key));
    if (stored) return *std::move(stored);
    TRY(const auto fence,
        query_one(tx.db,
                  "INSERT INTO variant (asset_no, recipe, version, fence, lease_until) "
                  "VALUES ($1, $2, $3, $7, $4) ON CONFLICT (asset_no, recipe, version) DO UPDATE "
                  "SET fence = variant.fence + 1, lease_until = $5 "
                  "WHERE variant.blob_key IS NULL AND variant.lease_until <= $6 RETURNING fence",
                  {head.no, key.recipe, key.version, tx.now + lease, tx.now + lease, tx.now,
                   first_fence(tx.now)},
                  read_integer));
    if (fence) return VariantLease{key, *fence};
    // Stored by another program between the two statements.
    TRY(stored, load_variant(tx.db, key));
    if (stored) return *std::move(stored);
    TRY(const auto until,
        query_one(tx.db, std::format("SELECT lease_until FROM variant WHERE {}", this_variant),
                  {key.asset_id.text(), key.recipe, key.version}, read_integer));
    return Busy{Timestamp{std::chrono::milliseconds{until.value_or(0)}}};
  });
}

Result<void> SqlCatalog::store_variant(const VariantLease& lease, const VariantRow& row) {
  return write(Durability::relaxed, [&](Transaction& tx) { return record_stored(tx, lease, row); });
}

Result<void> SqlCatalog::store_better_variant(const VariantLease& lease, const VariantRow& row) {
  return write(Durability::relaxed, [&](Transaction& tx) -> Result<void> {
    TRY_VOID(record_stored(tx, lease, row));
    tx.changes.push_back(
        {.what = CatalogChange::What::variant_improved, .asset = lease.key.asset_id});
    return {};
  });
}

Result<void> SqlCatalog::release_variant(const VariantLease& lease) {
  return write(Durability::relaxed, [&](Transaction& tx) -> Result<void> {
    static const std::string sql = std::format(
        "DELETE FROM variant WHERE {} AND fence = $4 AND blob_key IS NULL", this_variant);
    TRY_VOID(tx.db.execute(
        sql, {lease.key.asset_id.text(), lease.key.recipe, lease.key.version, lease.fence}));
    return {};
  });
}

Result<void> SqlCatalog::extend_variant(const VariantLease& lease, std::chrono::milliseconds by) {
  return write(Durability::relaxed, [&](Transaction& tx) -> Result<void> {
    static const std::string sql = std::format(
        "UPDATE variant SET lease_until = $5 WHERE {} AND fence = $4 AND blob_key IS NULL",
        this_variant);
    TRY(const auto extended, tx.db.execute(sql, {lease.key.asset_id.text(), lease.key.recipe,
                                                 lease.key.version, lease.fence, tx.now + by}));
    if (extended == 0) return fail(ErrorCode::lease_lost, "Somebody else makes this variant now.");
    return {};
  });
}

Result<void> SqlCatalog::touch_variants(std::span<const Access> accesses,
                                        std::uint64_t popular_at) {
  // In one order everywhere, or two programs that note the same variants would wait for each other.
  std::vector<Access> ordered(accesses.begin(), accesses.end());
  std::ranges::sort(ordered, {}, &Access::key);
  std::span<const Access> rest(ordered);
  while (!rest.empty()) {
    const auto batch = rest.first(std::min(touch_batch, rest.size()));
    rest = rest.subspan(batch.size());
    TRY_VOID(write(Durability::relaxed,
                   [&](Transaction& tx) { return note_accesses(tx, batch, popular_at); }));
  }
  return {};
}

Result<std::size_t> SqlCatalog::expire_variants(Timestamp before, std::size_t limit) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<std::size_t> {
    TRY(const auto expired,
        query_all(tx.db,
                  "SELECT a.id, v.recipe, v.version FROM variant v "
                  "JOIN asset a USING (asset_no) WHERE v.blob_key IS NOT NULL "
                  "AND v.last_access_at < $1 ORDER BY v.last_access_at LIMIT $2",
                  {before, limit}, read_expired));
    std::size_t removed = 0;
    for (const VariantKey& variant : expired) {
      TRY(const bool gone, expire_variant(tx, variant, before));
      removed += gone ? 1 : 0;
    }
    // Leases whose holders died without a restart.
    TRY_VOID(
        tx.db.execute("DELETE FROM variant WHERE blob_key IS NULL AND lease_until < $1", {before}));
    return removed;
  });
}

Result<void> SqlCatalog::drop_variant(const VariantKey& key) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY(auto head, hold_head(tx, key.asset_id, Hold::update));
    if (!head) return {};
    TRY(const auto stored, load_variant(tx.db, key));
    if (!stored) return {};
    TRY_VOID(add_garbage(tx, stored->blob_key));
    TRY_VOID(tx.db.execute(std::format("DELETE FROM variant WHERE {}", this_variant),
                           {key.asset_id.text(), key.recipe, key.version}));
    return note_variants_gone(tx, *head);
  });
}

}  // namespace calotype
