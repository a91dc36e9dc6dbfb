// SPDX-License-Identifier: Apache-2.0
// The events of all assets in one order, for whoever follows what happens. The order is the same
// for every program on the catalog, and what has been read of it is never added to: an event shows
// once no transaction that could come before it is under way. So a place in it is all that a
// follower has to remember to lose nothing and see nothing twice.
#pragma once

#include "catalog/rows.hpp"

namespace calotype {

/// Behind one event and before the next. Of this catalog: rows that were moved to another one are
/// not in that one's feed.
struct FeedPlace {
  std::int64_t turn = 0;  // of its transaction
  std::int64_t asset_no = 0;
  std::int64_t seq = 0;
  auto operator<=>(const FeedPlace&) const = default;
};

struct FeedEvent {
  FeedPlace place;  // behind it
  AssetId asset_id;
  std::optional<AssetState> from;  // the same as `to`: something else of it has changed
  AssetState to = AssetState::ingested;
  Timestamp at{};
};

class FeedCatalog {
 public:
  virtual ~FeedCatalog() = default;

  /// Behind everything that there is.
  virtual Result<FeedPlace> feed_end() = 0;
  virtual Result<std::vector<FeedEvent>> events_after(const FeedPlace& place,
                                                      std::size_t limit) = 0;
};

}  // namespace calotype
