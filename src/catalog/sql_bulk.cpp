// SPDX-License-Identifier: Apache-2.0
// The same for many assets: some hundred a transaction, in the order of their ids, so that two such
// transactions do not wait for each other.
#include <algorithm>
#include <format>
#include <numeric>

#include "catalog/sql_catalog.hpp"
#include "catalog/sql_listing.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

constexpr std::size_t assets_at_once = 128;

/// The asset's own error, which leaves the others alone; not the database's.
bool is_of_the_asset(const Error& error) {
  return error.kind() == ErrorKind::not_found || error.kind() == ErrorKind::invalid_input;
}

struct Tagged {
  std::string upload_id;
  std::vector<std::string> tags;
  std::string collection;
};

Result<Tagged> read_tagged(const Row& row) {
  Columns columns(row);
  Tagged tagged{.upload_id = columns.text(), .tags = {}, .collection = {}};
  TRY(tagged.tags, parse_column(columns.view()));
  tagged.collection = columns.text();
  return tagged;
}

Result<void> apply(const Retagging& change, Tagged& tagged) {
  std::erase_if(tagged.tags, [&](const std::string& tag) {
    return std::ranges::contains(change.remove_tags, tag);
  });
  for (const std::string& tag : change.add_tags)
    if (!std::ranges::contains(tagged.tags, tag)) tagged.tags.push_back(tag);
  if (tagged.tags.size() > tags_max)
    return fail(ErrorCode::bad_request,
                std::format("An upload of it would have more than {} tags.", tags_max));
  if (change.collection) tagged.collection = *change.collection;
  return {};
}

Result<void> retag_asset(Transaction& tx, const AssetHead& head, const Retagging& change) {
  TRY(auto uploads, query_all(tx.db, "SELECT id, tags, collection FROM upload WHERE asset_no = $1",
                              {head.no}, read_tagged));
  for (Tagged& tagged : uploads) TRY_VOID(apply(change, tagged));
  for (const Tagged& tagged : uploads)
    TRY_VOID(tx.db.execute(
        "UPDATE upload SET tags = $3, collection = $4 WHERE asset_no = $1 AND id = $2",
        {head.no, tagged.upload_id, to_column(tagged.tags), tagged.collection}));
  TRY_VOID(list_anew(tx.db, head.no));
  const bool is_retagged = !change.add_tags.empty() || !change.remove_tags.empty();
  return note_change(tx, head,
                     !change.collection ? "retagged"
                     : is_retagged      ? "retagged, moved"
                                        : "moved");
}

}  // namespace

Result<LibraryCatalog::Outcomes> SqlCatalog::change_each(std::span<const AssetId> ids,
                                                         const AssetStep& step) {
  std::vector<std::size_t> order(ids.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t at) -> const AssetId& { return ids[at]; });
  Outcomes outcomes(ids.size());
  for (std::size_t first = 0; first < order.size(); first += assets_at_once) {
    const auto together =
        std::span(order).subspan(first, std::min(assets_at_once, order.size() - first));
    TRY_VOID(write(Durability::durable, [&](Transaction& tx) -> Result<void> {
      for (const std::size_t at : together) {
        outcomes[at] = step(tx, ids[at]);
        if (!outcomes[at] && !is_of_the_asset(outcomes[at].error())) return outcomes[at];
      }
      return {};
    }));
  }
  return outcomes;
}

Result<LibraryCatalog::Outcomes> SqlCatalog::delete_assets(std::span<const AssetId> ids,
                                                           std::chrono::milliseconds purge_after) {
  return change_each(ids, [&](Transaction& tx, const AssetId& id) -> Result<void> {
    TRY(auto head, hold_asset(tx, id, Hold::update));
    return delete_asset(tx, head, purge_after);
  });
}

Result<LibraryCatalog::Outcomes> SqlCatalog::retag(std::span<const AssetId> ids,
                                                   const Retagging& change) {
  return change_each(ids, [&](Transaction& tx, const AssetId& id) -> Result<void> {
    TRY(const auto head, hold_asset(tx, id, Hold::update));
    return retag_asset(tx, head, change);
  });
}

}  // namespace calotype
