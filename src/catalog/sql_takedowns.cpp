// SPDX-License-Identifier: Apache-2.0
// Takedowns. One transaction holds each asset, deletes it and writes the bar; an upload that holds
// the asset before is deleted by it, one that comes to hold it afterwards finds the bar.
#include "catalog/sql_takedowns.hpp"

#include <algorithm>
#include <format>

#include "base/ids.hpp"
#include "catalog/sql_catalog.hpp"
#include "catalog/sql_near_duplicates.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

Result<VariantKey> read_key_of(const AssetId& id, const Row& row) {
  Columns columns(row);
  std::string recipe = columns.text();
  return VariantKey{id, std::move(recipe), columns.text()};
}

/// The asset with its stored variants; deleted, where it is not.
Result<TakenAsset> take_asset(Transaction& tx, const AssetId& id,
                              std::chrono::milliseconds purge_after) {
  TRY(auto head, hold_head(tx, id, Hold::update));
  if (!head) return fail(ErrorCode::asset_not_found, std::format("No asset is {}.", id.text()));
  TRY(auto variants,
      query_all(tx.db,
                "SELECT recipe, version FROM variant WHERE asset_no = $1 AND blob_key IS NOT NULL "
                "ORDER BY recipe, version",
                {head->no}, [&](const Row& row) { return read_key_of(id, row); }));
  if (head->state != AssetState::deleted) TRY_VOID(delete_asset(tx, *head, purge_after));
  TRY_VOID(forget_merge(tx, head->no));  // its URLs lead nowhere any more
  return TakenAsset{.id = id, .digest = head->digest, .variants = std::move(variants)};
}

/// Their bytes are of the same picture, and their URLs have led to it.
Result<std::vector<AssetId>> merged_into_it(Connection& db, const AssetId& id) {
  return query_all(db,
                   "SELECT a.id FROM asset b JOIN merged m ON m.into_no = b.asset_no "
                   "JOIN asset a ON a.asset_no = m.from_no WHERE b.id = $1 ORDER BY a.id",
                   {id.text()}, read_asset_id);
}

std::string variants_column(const TakenAsset& taken) {
  std::vector<std::string> names;
  for (const VariantKey& key : taken.variants) names.push_back(name_of(key));
  return to_column(names);
}

Result<TakenAsset> read_taken(const Row& row) {
  Columns columns(row);
  const auto id = AssetId::parse(columns.view());
  const auto digest = Digest::from_bytes(columns.bytes());
  if (!id || !digest) return bad_row("an asset's name");
  TakenAsset taken{.id = *id, .digest = *digest, .variants = {}};
  TRY(const auto names, parse_column(columns.view()));
  for (const std::string& name : names) {
    auto key = parse_variant_name(name);
    if (!key) return bad_row("a variant's name");
    taken.variants.push_back(*std::move(key));
  }
  return taken;
}

Result<TakedownRow> read_takedown(const Row& row) {
  Columns columns(row);
  TakedownRow takedown{
      .id = columns.text(), .reason = columns.text(), .by = columns.text(), .assets = {}};
  takedown.created_at = columns.time();
  return takedown;
}

Result<void> load_taken(Connection& db, TakedownRow& takedown) {
  TRY(takedown.assets,
      query_all(db,
                "SELECT asset_id, digest, variants FROM takedown_asset WHERE takedown_id = $1 "
                "ORDER BY asset_id",
                {takedown.id}, read_taken));
  return {};
}

}  // namespace

Result<bool> holds_bar(Connection& db, const AssetId& id) {
  TRY(const auto bar, query_one(db, "SELECT 1 FROM takedown_asset WHERE asset_id = $1 LIMIT 1",
                                {id.text()}, read_integer));
  return bar.has_value();
}

std::unexpected<Error> is_kept_out() {
  return fail(ErrorCode::asset_barred, "This content was taken down, and is not accepted again.");
}

Result<TakedownRow> SqlCatalog::take_down(const NewTakedown& order,
                                          std::chrono::milliseconds purge_after) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<TakedownRow> {
    TakedownRow takedown{.id = new_id(tx.now),
                         .reason = order.reason,
                         .by = order.by,
                         .created_at = tx.now,
                         .assets = {}};
    TRY_VOID(tx.db.execute(
        "INSERT INTO takedown (id, reason, taken_by, created_at) VALUES ($1, $2, $3, $4)",
        {takedown.id, takedown.reason, takedown.by, takedown.created_at}));
    std::vector<AssetId> ids = order.assets;
    std::ranges::sort(ids);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const AssetId id = ids[i];
      TRY(TakenAsset taken, take_asset(tx, id, purge_after));
      TRY(const auto merged, merged_into_it(tx.db, id));  // which it holds still by now
      std::ranges::copy_if(merged, std::back_inserter(ids),
                           [&](const AssetId& from) { return !std::ranges::contains(ids, from); });
      TRY_VOID(tx.db.execute(
          "INSERT INTO takedown_asset (takedown_id, asset_id, digest, variants) "
          "VALUES ($1, $2, $3, $4)",
          {takedown.id, id.text(), ByteSpan(taken.digest.bytes), variants_column(taken)}));
      takedown.assets.push_back(std::move(taken));
    }
    return takedown;
  });
}

Result<std::optional<TakedownRow>> SqlCatalog::find_takedown(std::string_view id) {
  return read([&](Connection& db) -> Result<std::optional<TakedownRow>> {
    TRY(auto takedown,
        query_one(db, "SELECT id, reason, taken_by, created_at FROM takedown WHERE id = $1", {id},
                  read_takedown));
    if (takedown) TRY_VOID(load_taken(db, *takedown));
    return takedown;
  });
}

Result<Page<TakedownRow>> SqlCatalog::list_takedowns(std::string_view cursor, std::size_t limit) {
  const auto is_id = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!std::ranges::all_of(cursor, is_id))
    return fail(ErrorCode::bad_request, "The cursor is not one that a listing has given.");
  return read([&](Connection& db) -> Result<Page<TakedownRow>> {
    Page<TakedownRow> page;
    TRY(page.rows, query_all(db,
                             "SELECT id, reason, taken_by, created_at FROM takedown "
                             "WHERE $1 = '' OR id < $1 ORDER BY id DESC LIMIT $2",
                             {cursor, limit + 1}, read_takedown));
    if (page.rows.size() > limit) {
      page.rows.pop_back();
      page.next = page.rows.back().id;
    }
    for (TakedownRow& takedown : page.rows) TRY_VOID(load_taken(db, takedown));
    return page;
  });
}

Result<bool> SqlCatalog::lift_takedown(std::string_view id) {
  return write(Durability::durable, [&](Transaction& tx) -> Result<bool> {
    TRY_VOID(tx.db.execute("DELETE FROM takedown_asset WHERE takedown_id = $1", {id}));
    TRY(const auto lifted, tx.db.execute("DELETE FROM takedown WHERE id = $1", {id}));
    return lifted > 0;
  });
}

Result<void> SqlCatalog::require_not_barred(const AssetId& id) {
  TRY(const bool is_barred, read([&](Connection& db) { return holds_bar(db, id); }));
  return is_barred ? Result<void>(is_kept_out()) : Result<void>{};
}

}  // namespace calotype
