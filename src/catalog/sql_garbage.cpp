// SPDX-License-Identifier: Apache-2.0
// Who owns which blob.
#include "catalog/sql_catalog.hpp"
#include "catalog/sql_integrity.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

Result<bool> is_owned(Connection& db, std::string_view blob_key) {
  if (const auto id = asset_of_original(blob_key)) {
    TRY(const auto owner, query_one(db, "SELECT 1 FROM asset WHERE id = $1 AND state <> 'DELETED'",
                                    {id->text()}, read_integer));
    return owner.has_value();
  }
  for (const std::string_view sql :
       {"SELECT 1 FROM variant WHERE blob_key = $1", "SELECT 1 FROM media WHERE proof_key = $1",
        "SELECT 1 FROM garbage WHERE blob_key = $1"}) {
    TRY(const auto owner, query_one(db, sql, {blob_key}, read_integer));
    if (owner) return true;
  }
  return false;
}

}  // namespace

Result<std::vector<std::string>> SqlCatalog::garbage(std::size_t limit) {
  return read([&](Connection& db) {
    return query_all(db, "SELECT blob_key FROM garbage ORDER BY blob_key LIMIT $1", {limit},
                     read_text);
  });
}

Result<void> SqlCatalog::forget_garbage(std::span<const std::string> blob_keys) {
  return write(Durability::relaxed, [&](Transaction& tx) -> Result<void> {
    for (const std::string& key : blob_keys) {
      TRY_VOID(tx.db.execute("DELETE FROM garbage WHERE blob_key = $1", {key}));
      TRY_VOID(tx.db.execute("DELETE FROM quarantine WHERE blob_key = $1", {key}));
    }
    return {};
  });
}

Result<std::vector<std::string>> SqlCatalog::owned(std::span<const std::string> blob_keys) {
  return read([&](Connection& db) -> Result<std::vector<std::string>> {
    std::vector<std::string> found;
    for (const std::string& key : blob_keys) {
      TRY(const bool has_owner, is_owned(db, key));
      if (has_owner) found.push_back(key);
    }
    return found;
  });
}

}  // namespace calotype
