// SPDX-License-Identifier: Apache-2.0
// API keys, known by the hash of their secret only; and the secret that servers share.
#include <format>

#include "base/ids.hpp"
#include "catalog/sql_catalog.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {

Result<ApiKeyRow> SqlCatalog::create_key(std::string_view name, std::span<const std::string> scopes,
                                         const Digest& hash) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<ApiKeyRow> {
    ApiKeyRow key{.id = new_id(tx.now),
                  .name = std::string(name),
                  .scopes = {scopes.begin(), scopes.end()},
                  .created_at = tx.now};
    TRY_VOID(tx.db.execute(
        "INSERT INTO api_key (id, name, scopes, hash, created_at) VALUES ($1, $2, $3, $4, $5)",
        {key.id, name, to_column(scopes), ByteSpan(hash.bytes), tx.now}));
    tx.changes.push_back({.what = CatalogChange::What::keys_changed});
    return key;
  });
}

Result<std::vector<ApiKeyRow>> SqlCatalog::list_keys() {
  return read([](Connection& db) {
    return query_all(db, std::format("SELECT {} FROM api_key ORDER BY id", key_columns), {},
                     read_key);
  });
}

Result<std::optional<ApiKeyRow>> SqlCatalog::find_key(const Digest& hash) {
  return read([&](Connection& db) {
    return query_one(db, std::format("SELECT {} FROM api_key WHERE hash = $1", key_columns),
                     {ByteSpan(hash.bytes)}, read_key);
  });
}

Result<void> SqlCatalog::revoke_key(std::string_view id) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<void> {
    TRY(const auto removed, tx.db.execute("DELETE FROM api_key WHERE id = $1", {id}));
    if (removed == 0) return fail(ErrorCode::key_not_found, std::format("No key is {}.", id));
    tx.changes.push_back({.what = CatalogChange::What::keys_changed});
    return {};
  });
}

Result<SharedSecret> SqlCatalog::shared_secret() {
  constexpr std::string_view select = "SELECT value FROM secret WHERE name = 'servers'";
  const auto read_secret = [](const Row& row) -> Result<SharedSecret> {
    const auto value = Digest::from_bytes(row.bytes(0));
    if (!value) return bad_row("the servers' secret");
    return value->bytes;
  };
  TRY(const auto known,
      read([&](Connection& db) { return query_one(db, select, {}, read_secret); }));
  if (known) return *known;
  SharedSecret made{};
  random_bytes(made);
  return write(Durability::durable, [&](Transaction& tx) -> Result<SharedSecret> {
    TRY_VOID(tx.db.execute(
        "INSERT INTO secret (name, value) VALUES ('servers', $1) ON CONFLICT DO NOTHING",
        {ByteSpan(made)}));
    TRY(const auto agreed, query_one(tx.db, select, {}, read_secret));  // perhaps another's
    return agreed ? Result<SharedSecret>(*agreed) : bad_row("the servers' secret");
  });
}

}  // namespace calotype
