// SPDX-License-Identifier: Apache-2.0
// Which blobs rows promise, which are quarantined, and how the derived ones are made again.
#include "catalog/sql_integrity.hpp"

#include <format>

#include "catalog/sql_catalog.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

constexpr std::string_view upkeep_name = "verify";

struct NumberedPromise {
  std::string cursor;
  PromisedBlob blob;
};

/// asset_no, id, digest, bytes
Result<NumberedPromise> read_original(const Row& row) {
  Columns columns(row);
  std::string cursor = std::to_string(columns.integer());
  const auto id = AssetId::parse(columns.view());
  const auto digest = Digest::from_bytes(columns.bytes());
  if (!id || !digest) return bad_row("an asset's name");
  return NumberedPromise{std::move(cursor),
                         {.blob_key = original_key(*digest),
                          .role = BlobRole::original,
                          .bytes = columns.integer<std::uint64_t>(),
                          .asset_id = *id}};
}

/// asset_no, id, proof_key, proof_bytes
Result<NumberedPromise> read_proof_promise(const Row& row) {
  Columns columns(row);
  std::string cursor = std::to_string(columns.integer());
  const auto id = AssetId::parse(columns.view());
  if (!id) return bad_row("an asset's id");
  std::string key = columns.text();
  return NumberedPromise{std::move(cursor),
                         {.blob_key = std::move(key),
                          .role = BlobRole::proof,
                          .bytes = columns.integer<std::uint64_t>(),
                          .asset_id = *id}};
}

/// id, blob_key, bytes, recipe, version; the key is the cursor
Result<NumberedPromise> read_variant_promise(const Row& row) {
  Columns columns(row);
  const auto id = AssetId::parse(columns.view());
  if (!id) return bad_row("an asset's id");
  std::string key = columns.text();
  const auto bytes = columns.integer<std::uint64_t>();
  std::string recipe = columns.text();
  return NumberedPromise{key,
                         {.blob_key = key,
                          .role = BlobRole::variant,
                          .bytes = bytes,
                          .asset_id = *id,
                          .variant = VariantKey{*id, std::move(recipe), columns.text()}}};
}

Result<QuarantineRow> read_quarantine(const Row& row) {
  Columns columns(row);
  QuarantineRow found;
  found.blob_key = columns.text();
  found.asset_id = columns.text();
  found.reason = columns.text();
  found.found_at = columns.time();
  return found;
}

Result<std::optional<NumberedPromise>> promise_of_original(Connection& db, const AssetId& id,
                                                           const std::string& key) {
  TRY(auto found, query_one(db, "SELECT asset_no, id, digest, bytes FROM asset WHERE id = $1",
                            {id.text()}, read_original));
  if (!found || found->blob.blob_key != key) return std::nullopt;
  TRY(const auto deleted, query_one(db, "SELECT 1 FROM asset WHERE id = $1 AND state = 'DELETED'",
                                    {id.text()}, read_integer));
  if (!deleted) return found;
  TRY(const auto purge, query_one(db, "SELECT 1 FROM job WHERE key = $1",
                                  {asset_job_key(JobKind::expire, id)}, read_integer));
  if (!purge) return std::nullopt;
  found->blob.is_going = true;
  return found;
}

Result<std::optional<NumberedPromise>> promise_of(Connection& db, const std::string& key) {
  if (const auto id = asset_of_original(key)) return promise_of_original(db, *id, key);
  TRY(auto proof, query_one(db,
                            "SELECT m.asset_no, a.id, m.proof_key, m.proof_bytes FROM media m "
                            "JOIN asset a USING (asset_no) WHERE m.proof_key = $1",
                            {key}, read_proof_promise));
  if (proof) return proof;
  TRY(auto variant,
      query_one(db,
                "SELECT a.id, v.blob_key, v.bytes, v.recipe, v.version FROM variant v "
                "JOIN asset a USING (asset_no) WHERE v.blob_key = $1",
                {key}, read_variant_promise));
  if (variant) return variant;
  TRY(const auto garbage,
      query_one(db, "SELECT 1 FROM garbage WHERE blob_key = $1", {key}, read_integer));
  if (!garbage) return std::nullopt;
  return NumberedPromise{{},
                         {.blob_key = key,
                          .role = BlobRole::variant,
                          .asset_id = AssetId::of(Digest{}),
                          .is_going = true}};
}

Result<std::int64_t> parse_number(std::string_view cursor) {
  std::int64_t number = 0;
  for (const char digit : cursor) {
    if (digit < '0' || digit > '9' || number > INT64_MAX / 10 - 1)
      return fail(ErrorCode::bad_request, "The cursor is none of this list's.");
    number = number * 10 + (digit - '0');
  }
  return number;
}

Result<std::vector<NumberedPromise>> page_of(Connection& db, BlobRole role, std::string_view cursor,
                                             std::size_t limit) {
  if (role == BlobRole::variant)
    return query_all(db,
                     "SELECT a.id, v.blob_key, v.bytes, v.recipe, v.version FROM variant v "
                     "JOIN asset a USING (asset_no) WHERE v.blob_key > $1 "
                     "ORDER BY v.blob_key LIMIT $2",
                     {cursor, limit}, read_variant_promise);
  TRY(const std::int64_t after, parse_number(cursor));
  if (role == BlobRole::proof)
    return query_all(db,
                     "SELECT m.asset_no, a.id, m.proof_key, m.proof_bytes FROM media m "
                     "JOIN asset a USING (asset_no) WHERE m.asset_no > $1 "
                     "AND m.proof_key IS NOT NULL ORDER BY m.asset_no LIMIT $2",
                     {after, limit}, read_proof_promise);
  return query_all(db,
                   "SELECT asset_no, id, digest, bytes FROM asset WHERE asset_no > $1 "
                   "AND state <> 'DELETED' ORDER BY asset_no LIMIT $2",
                   {after, limit}, read_original);
}

}  // namespace

std::string original_key(const Digest& digest) {
  const std::string hex = digest.hex();
  return std::format("raw/{}/{}/{}", hex.substr(0, 2), hex.substr(2, 2), hex);
}

std::optional<AssetId> asset_of_original(std::string_view blob_key) {
  if (!blob_key.starts_with("raw/")) return std::nullopt;
  const auto digest = Digest::from_hex(blob_key.substr(blob_key.rfind('/') + 1));
  if (!digest) return std::nullopt;
  return AssetId::of(*digest);
}

Result<bool> holds_quarantined(Connection& db, std::string_view blob_key) {
  TRY(const auto found,
      query_one(db, "SELECT 1 FROM quarantine WHERE blob_key = $1", {blob_key}, read_integer));
  return found.has_value();
}

Result<void> forget_integrity_of(Transaction& tx, const AssetId& id) {
  TRY(const auto head, find_head(tx.db, id));
  if (!head) return {};
  const std::string key = original_key(head->digest);
  TRY_VOID(tx.db.execute("DELETE FROM quarantine WHERE blob_key = $1", {key}));
  TRY_VOID(tx.db.execute("DELETE FROM chunk_sums WHERE blob_key = $1", {key}));
  return {};
}

Result<void> SqlCatalog::quarantine(const PromisedBlob& blob, std::string_view reason) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY_VOID(
        tx.db.execute("INSERT INTO quarantine (blob_key, asset_id, reason, found_at) "
                      "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                      {blob.blob_key, blob.asset_id.text(), reason, tx.now}));
    return {};
  });
}

Result<bool> SqlCatalog::is_quarantined(std::string_view blob_key) {
  return read([&](Connection& db) { return holds_quarantined(db, blob_key); });
}

Result<std::vector<QuarantineRow>> SqlCatalog::quarantined(std::string_view after,
                                                           std::size_t limit) {
  return read([&](Connection& db) {
    return query_all(db,
                     "SELECT blob_key, asset_id, reason, found_at FROM quarantine "
                     "WHERE blob_key > $1 ORDER BY blob_key LIMIT $2",
                     {after, limit}, read_quarantine);
  });
}

Result<std::vector<QuarantineRow>> SqlCatalog::quarantined_of(const AssetId& id) {
  return read([&](Connection& db) {
    return query_all(db,
                     "SELECT blob_key, asset_id, reason, found_at FROM quarantine "
                     "WHERE asset_id = $1 ORDER BY blob_key",
                     {id.text()}, read_quarantine);
  });
}

Result<std::uint64_t> SqlCatalog::count_quarantined() {
  return read([&](Connection& db) -> Result<std::uint64_t> {
    TRY(const auto count, query_one(db, "SELECT COUNT(*) FROM quarantine", {}, read_integer));
    return static_cast<std::uint64_t>(count.value_or(0));
  });
}

Result<void> SqlCatalog::release(std::string_view blob_key) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY_VOID(tx.db.execute("DELETE FROM quarantine WHERE blob_key = $1", {blob_key}));
    return {};
  });
}

Result<std::vector<PromisedBlob>> SqlCatalog::promised(std::span<const std::string> blob_keys) {
  return read([&](Connection& db) -> Result<std::vector<PromisedBlob>> {
    std::vector<PromisedBlob> found;
    for (const std::string& key : blob_keys) {
      TRY(auto one, promise_of(db, key));
      if (one) found.push_back(std::move(one->blob));
    }
    return found;
  });
}

Result<IntegrityCatalog::Promises> SqlCatalog::promises(BlobRole role, std::string_view cursor,
                                                        std::size_t limit) {
  return read([&](Connection& db) -> Result<Promises> {
    TRY(auto rows, page_of(db, role, cursor, limit));
    Promises page;
    if (rows.size() == limit) page.next = rows.back().cursor;
    for (NumberedPromise& row : rows) page.blobs.push_back(std::move(row.blob));
    return page;
  });
}

Result<void> SqlCatalog::drop_proof(const AssetId& id, std::string_view proof_key) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY(const auto head, hold_head(tx, id, Hold::update));
    if (!head) return {};
    TRY(const auto dropped,
        tx.db.execute("UPDATE media SET proof_key = NULL, proof_bytes = NULL, proof_width = NULL, "
                      "proof_height = NULL WHERE asset_no = $1 AND proof_key = $2",
                      {head->no, proof_key}));
    if (dropped == 0) return {};
    TRY_VOID(add_garbage(tx, proof_key));
    return add_job(tx, JobKind::verify, asset_job_key(JobKind::verify, id), id.text(), tx.now);
  });
}

Result<void> SqlCatalog::adopt_proof(const AssetId& id, const Proof& proof) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY(const auto head, hold_head(tx, id, Hold::update));
    const bool is_ready = head && (head->state == AssetState::metadata_ready ||
                                   head->state == AssetState::variants_ready);
    if (!is_ready) return add_garbage(tx, proof.blob_key);
    TRY(const auto adopted,
        tx.db.execute("UPDATE media SET proof_key = $1, proof_bytes = $2, proof_width = $3, "
                      "proof_height = $4 WHERE asset_no = $5 AND proof_key IS NULL",
                      {proof.blob_key, proof.bytes, proof.width, proof.height, head->no}));
    return adopted > 0 ? Result<void>{} : add_garbage(tx, proof.blob_key);
  });
}

Result<std::optional<std::vector<std::byte>>> SqlCatalog::chunk_sums(std::string_view blob_key) {
  return read([&](Connection& db) {
    return query_one(db, "SELECT sums FROM chunk_sums WHERE blob_key = $1", {blob_key},
                     [](const Row& row) -> Result<std::vector<std::byte>> {
                       const ByteSpan bytes = row.bytes(0);
                       return std::vector<std::byte>(bytes.begin(), bytes.end());
                     });
  });
}

Result<void> SqlCatalog::keep_chunk_sums(std::string_view blob_key, ByteSpan column) {
  return write(Durability::relaxed, [&](Transaction& tx) -> Result<void> {
    TRY_VOID(
        tx.db.execute("INSERT INTO chunk_sums (blob_key, sums) VALUES ($1, $2) "
                      "ON CONFLICT (blob_key) DO UPDATE SET sums = excluded.sums",
                      {blob_key, column}));
    return {};
  });
}

Result<std::int64_t> SqlCatalog::verify_position() {
  return read([&](Connection& db) -> Result<std::int64_t> {
    TRY(const auto position,
        query_one(db, "SELECT position FROM upkeep WHERE name = $1", {upkeep_name}, read_integer));
    return position.value_or(0);
  });
}

Result<void> SqlCatalog::set_verify_position(std::int64_t position) {
  return write(Durability::relaxed, [&](Transaction& tx) -> Result<void> {
    TRY_VOID(
        tx.db.execute("INSERT INTO upkeep (name, position) VALUES ($1, $2) "
                      "ON CONFLICT (name) DO UPDATE SET position = excluded.position",
                      {upkeep_name, position}));
    return {};
  });
}

}  // namespace calotype
