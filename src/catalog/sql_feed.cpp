// SPDX-License-Identifier: Apache-2.0
// The feed: events by the turn of their transaction (Dialect::turn), as far as every earlier turn
// is over (Dialect::turns_over); and with them further uploads of assets that were here already,
// which are told as changes of no state, in the place before their asset's events of that turn.
#include <format>

#include "catalog/sql_catalog.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

Result<FeedPlace> read_place(const Row& row) {
  return FeedPlace{row.integer(0), row.integer(1), row.integer(2)};
}

/// turn, asset_no, seq, id, from_state, to_state, at
Result<FeedEvent> read_feed_event(const Row& row) {
  TRY(const FeedPlace place, read_place(row));
  const auto id = AssetId::parse(row.text(3));
  const auto from = parse_asset_state(row.text(4));
  const auto to = parse_asset_state(row.text(5));
  if (!id || !to) return bad_row("an event");
  return FeedEvent{place, *id, from, *to, Timestamp{std::chrono::milliseconds{row.integer(6)}}};
}

}  // namespace

Result<FeedPlace> SqlCatalog::feed_end() {
  return read([&](Connection& db) -> Result<FeedPlace> {
    const std::string sql = std::format(
        "SELECT turn, asset_no, seq FROM (SELECT turn, asset_no, seq FROM event WHERE turn < {0} "
        "ORDER BY turn DESC, asset_no DESC, seq DESC LIMIT 1) AS events UNION ALL "
        "SELECT turn, asset_no, 0 FROM (SELECT turn, asset_no FROM upload "
        "WHERE turn IS NOT NULL AND turn < {0} ORDER BY turn DESC, asset_no DESC LIMIT 1) "
        "AS uploads ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT 1",
        database_->dialect().turns_over);
    TRY(const auto last, query_one(db, sql, {}, read_place));
    return last.value_or(FeedPlace{});
  });
}

Result<std::vector<FeedEvent>> SqlCatalog::events_after(const FeedPlace& place, std::size_t limit) {
  return read([&](Connection& db) {
    const std::string sql = std::format(
        "SELECT * FROM (SELECT e.turn, e.asset_no, e.seq, a.id, e.from_state, e.to_state, e.at "
        "FROM event e JOIN asset a USING (asset_no) "
        "WHERE (e.turn, e.asset_no, e.seq) > ($1, $2, $3) AND e.turn < {0} "
        "ORDER BY e.turn, e.asset_no, e.seq LIMIT $4) AS events UNION ALL "
        "SELECT u.turn, u.asset_no, 0, a.id, a.state, a.state, u.at FROM "
        "(SELECT turn, asset_no, MAX(created_at) AS at FROM upload "
        "WHERE turn IS NOT NULL AND (turn, asset_no) > ($1, $2) AND turn < {0} "
        "GROUP BY turn, asset_no ORDER BY turn, asset_no LIMIT $4) AS u "
        "JOIN asset a USING (asset_no) ORDER BY 1, 2, 3 LIMIT $4",
        database_->dialect().turns_over);
    return query_all(db, sql, {place.turn, place.asset_no, place.seq, limit}, read_feed_event);
  });
}

}  // namespace calotype
