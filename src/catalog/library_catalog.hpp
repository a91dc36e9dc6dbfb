// SPDX-License-Identifier: Apache-2.0
// The library as people order it: listings by any property of an asset, collections and tags,
// changes of many assets at once, and takedowns. Errors as of the catalog; deletions and takedowns
// are told to every program as any other deletion is.
//
// What belongs to an upload (file name, collection, tags) an asset has of all its uploads. It is
// called what its oldest upload calls it.
#pragma once

#include <chrono>
#include <span>

#include "catalog/rows.hpp"

namespace calotype {

/// Both ends included.
struct Between {
  std::int64_t from = INT64_MIN;
  std::int64_t to = INT64_MAX;
  bool operator==(const Between&) const = default;
};

/// Which assets, and in what order. An empty text is no filter. Times are milliseconds since
/// the epoch. Deleted assets have no properties left, so they are in no listing but
/// AssetCatalog::list_assets.
struct AssetQuery {
  enum class Sort : std::uint8_t { created, taken, bytes, name };
  Sort sort = Sort::created;
  bool descending = true;

  std::vector<AssetState> states{};  // any of up to two; empty: all
  std::string type{};                // a media type
  std::string collection{};          // that some upload was put into
  std::string tag{};                 // of some upload
  std::string camera{};              // model, maker or both, in any case
  std::string name{};  // up to three words, each of which begins a word of some upload's file name
  Between bytes{}, created{};
  Between width{}, height{};  // in no range is what has none
  Between taken{};            // likewise; in the order by it, what has none is the oldest
  bool operator==(const AssetQuery&) const = default;
};

struct ListedAsset {
  AssetRow asset;
  std::vector<UploadRow> uploads;  // oldest first
  /// Where it stands in the listing's order: texts that compare, byte by byte, as their assets
  /// follow one another while it ascends.
  std::string place;
};

/// How often something was said: by how many assets.
struct NameCount {
  std::string name;
  std::uint64_t count = 0;
};
struct LibrarySummary {
  std::vector<NameCount> collections, tags, cameras, types;  // each by name, the first 10,000
};

/// What is done to every upload of an asset.
struct Retagging {
  std::vector<std::string> add_tags{};
  std::vector<std::string> remove_tags{};
  std::optional<std::string> collection{};  // empty: into none
};

struct NewTakedown {
  std::vector<AssetId> assets;
  std::string reason;
  std::string by;  // the key's name
};

/// An asset as it was when it was taken down.
struct TakenAsset {
  AssetId id;
  Digest digest;
  std::vector<VariantKey> variants;  // that were stored
};

struct TakedownRow {
  std::string id;
  std::string reason;
  std::string by;
  Timestamp created_at{};
  std::vector<TakenAsset> assets;
};

class LibraryCatalog {
 public:
  virtual ~LibraryCatalog() = default;

  /// Pages are stable while assets come and go. The work for a page is bounded, so where no order
  /// that is kept leads to what is asked for, one may hold fewer rows than `limit`, even none,
  /// though `next` says that there is more. bad_request where the cursor is not of this query.
  virtual Result<Page<ListedAsset>> list(const AssetQuery& query, std::string_view cursor,
                                         std::size_t limit) = 0;
  /// Those of the assets that the whole listing has, as they are now and in its order. What is not
  /// here is left out.
  virtual Result<std::vector<ListedAsset>> pick(const AssetQuery& query,
                                                std::span<const AssetId> ids) = 0;
  /// Every label is counted. In a large library the answer is good for twenty times as long as that
  /// took, so that it costs a twentieth of a processor at most, however often it is asked for.
  virtual Result<LibrarySummary> summarize() = 0;

  /// One outcome an id, in the ids' order: asset_not_found leaves the others alone. Durable, both;
  /// some hundred assets share a transaction. The first deletes all uploads of each.
  using Outcomes = std::vector<Result<void>>;
  virtual Result<Outcomes> delete_assets(std::span<const AssetId> ids,
                                         std::chrono::milliseconds purge_after) = 0;
  /// bad_request where an upload would have more than `tags_max` tags.
  virtual Result<Outcomes> retag(std::span<const AssetId> ids, const Retagging& change) = 0;

  /// Deletes the assets, and what was merged into them (where they are not deleted), and bars their
  /// bytes: from the commit on every record of an upload of them is asset_barred, whatever was
  /// under way. asset_not_found where one was never here; then nothing has happened. Durable, as is
  /// lift.
  virtual Result<TakedownRow> take_down(const NewTakedown& order,
                                        std::chrono::milliseconds purge_after) = 0;
  virtual Result<std::optional<TakedownRow>> find_takedown(std::string_view id) = 0;
  virtual Result<Page<TakedownRow>> list_takedowns(std::string_view cursor,
                                                   std::size_t limit) = 0;  // newest first
  /// Its assets may come in again, unless another takedown bars them too. False: there is none.
  virtual Result<bool> lift_takedown(std::string_view id) = 0;
  /// asset_barred where a takedown keeps the asset out.
  virtual Result<void> require_not_barred(const AssetId& id) = 0;
};

inline constexpr std::size_t tags_max = 100;  // of an upload

}  // namespace calotype
