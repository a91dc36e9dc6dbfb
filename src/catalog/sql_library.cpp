// SPDX-License-Identifier: Apache-2.0
// Listings. A page is found in one of two ways: by walking along its order and asking of each asset
// whether it passes, which is quick where many do; or by taking all that pass the filter which the
// fewest pass, which is quick where they are few. Which is the case nobody knows beforehand, so
// both are tried with growing effort, and whichever is through first has found the page.
#include <array>
#include <format>
#include <unordered_map>

#include "catalog/id_batches.hpp"
#include "catalog/labels.hpp"
#include "catalog/listing_query.hpp"
#include "catalog/sql_catalog.hpp"
#include "catalog/sql_rows.hpp"

namespace calotype {
namespace {

constexpr std::size_t names_max = 10'000;
constexpr std::uint64_t many_labels = 100'000;
constexpr int summary_rest = 20;  // times as long as it took
constexpr std::size_t walked_at_once_min = 64;
constexpr std::size_t walked_at_once_max = 1'024;

struct Effort {
  std::size_t taken;   // all that pass a filter, if they are no more than that
  std::size_t walked;  // places along the order
};
/// The first is a walk that goes on, past its beginning, as long as it looks as if it will do.
constexpr std::size_t walked_in_any_case = 384;
constexpr std::array efforts = {Effort{0, 1'024}, Effort{1'024, 8'192}, Effort{16'384, 32'768}};

struct Found {
  ListingPlaces places;
  ListingPlace at;  // everything up to here was looked at
  std::size_t walked = 0;
  bool has_ended = false;
};

std::vector<std::int64_t> asset_nos_of(const ListingPlaces& places) {
  std::vector<std::int64_t> asset_nos;
  for (const ListingPlace& place : places) asset_nos.push_back(place.asset_no);
  return asset_nos;
}

/// How many places more should hold what is lacking, if they are as those that were walked.
std::size_t expected_length(const Found& found, std::size_t wanted) {
  const std::size_t lacking = wanted - found.places.size();
  const std::size_t length = lacking * (found.walked + 1) / (found.places.size() + 1);
  return length + length / 8;
}

/// Until `wanted` are found, as many were looked at as the effort is for, or the order ends.
Result<void> walk_on(Connection& db, const ListingQuery& query, std::size_t wanted,
                     const Effort& effort, Found& found) {
  while (found.walked < effort.walked && !found.has_ended && found.places.size() < wanted) {
    std::size_t length = wanted - found.places.size();
    if (!query.is_exact()) {
      length = expected_length(found, wanted);
      if (effort.taken == 0 && found.walked >= walked_in_any_case &&
          found.walked + length > effort.walked)
        return {};
      // Not many more than before: what was walked may not be like what follows.
      length = std::clamp(length, walked_at_once_min,
                          std::clamp(2 * found.walked, 2 * walked_at_once_min, walked_at_once_max));
    }
    TRY(WalkedPart part, query.walk(db, found.at, length));
    found.walked += part.length;
    found.at = part.end;
    found.has_ended = part.has_ended;
    std::ranges::move(part.passing, std::back_inserter(found.places));
  }
  return {};
}

Result<Found> find_places(Connection& db, const ListingQuery& query, const ListingPlace& at,
                          std::size_t wanted) {
  Found found{.places = {}, .at = at};
  for (const Effort& effort : efforts) {
    if (effort.taken > 0 && !query.is_exact()) {
      TRY(auto taken, query.take(db, effort.taken));
      if (taken) {
        std::erase_if(*taken, [&](const ListingPlace& place) {
          return !query.comes_behind(place, found.at);
        });
        std::ranges::move(*taken, std::back_inserter(found.places));
        found.has_ended = true;
        return found;
      }
    }
    TRY_VOID(walk_on(db, query, wanted, effort, found));
    if (found.has_ended || found.places.size() >= wanted) return found;
  }
  return found;
}

Result<std::vector<ListedAsset>> load_listed(Connection& db, const ListingQuery& query,
                                             const ListingPlaces& places) {
  const std::vector<std::int64_t> asset_nos = asset_nos_of(places);
  std::unordered_map<std::int64_t, ListedAsset> loaded;
  std::unordered_map<std::string, std::vector<UploadRow>> uploads;
  TRY_VOID(for_each_batch(asset_nos, [&](const std::vector<Value>& batch) -> Result<void> {
    const std::string list = placeholders(1, batch.size());
    TRY(auto assets, query_all(db,
                               std::format("SELECT {} FROM {} WHERE a.asset_no IN ({})",
                                           asset_columns, asset_source, list),
                               Values(batch), read_numbered_asset));
    for (NumberedAsset& asset : assets)
      loaded.emplace(asset.no,
                     ListedAsset{.asset = std::move(asset.row), .uploads = {}, .place = {}});
    TRY(auto rows, query_all(db,
                             std::format("SELECT {} FROM upload u JOIN asset a USING (asset_no) "
                                         "WHERE u.asset_no IN ({}) ORDER BY u.id",
                                         upload_columns, list),
                             Values(batch), read_upload));
    for (UploadRow& row : rows) uploads[row.asset_id.text()].push_back(std::move(row));
    return {};
  }));
  std::vector<ListedAsset> listed;
  for (const ListingPlace& place : places) {
    const auto found = loaded.find(place.asset_no);
    // Another transaction may have deleted it since it was found.
    if (found == loaded.end() || found->second.asset.state == AssetState::deleted) continue;
    ListedAsset& asset = found->second;
    asset.uploads = std::move(uploads[asset.asset.id.text()]);
    asset.place = query.text_of(place);
    listed.push_back(std::move(asset));
  }
  return listed;
}

Result<std::vector<std::int64_t>> numbers_of(Connection& db, std::span<const AssetId> ids) {
  std::vector<std::string> texts;
  for (const AssetId& id : ids) texts.emplace_back(id.text());
  std::vector<std::int64_t> numbers;
  TRY_VOID(for_each_batch(texts, [&](const std::vector<Value>& batch) -> Result<void> {
    TRY(const auto found, query_all(db,
                                    std::format("SELECT asset_no FROM asset WHERE id IN ({})",
                                                placeholders(1, batch.size())),
                                    Values(batch), read_integer));
    numbers.insert(numbers.end(), found.begin(), found.end());
    return {};
  }));
  return numbers;
}

Result<std::vector<NameCount>> count_names(Connection& db, std::string_view kind) {
  return query_all(db,
                   "SELECT value, COUNT(*) FROM label WHERE kind = $1 GROUP BY value "
                   "ORDER BY value LIMIT $2",
                   {kind, names_max}, [](const Row& row) -> Result<NameCount> {
                     Columns columns(row);
                     NameCount count{.name = columns.text()};
                     count.count = columns.integer<std::uint64_t>();
                     return count;
                   });
}

}  // namespace

Result<Page<ListedAsset>> SqlCatalog::list(const AssetQuery& asked, std::string_view cursor,
                                           std::size_t limit) {
  TRY(const ListingQuery made, ListingQuery::make(asked));
  TRY(const ListingPlace at, made.parse_cursor(cursor));
  return read_lagging([&](Connection& db) -> Result<Page<ListedAsset>> {
    ListingQuery query = made;
    if (!query.finds_nothing()) TRY_VOID(query.choose_walk(db));
    if (query.finds_nothing()) return Page<ListedAsset>{};
    TRY(Found found, find_places(db, query, at, limit + 1));
    Page<ListedAsset> page;
    if (found.places.size() > limit) {
      found.places.resize(limit);
      page.next = query.cursor_at(found.places.back());
    } else if (!found.has_ended) {
      page.next = query.cursor_at(found.at);
    }
    TRY(page.rows, load_listed(db, query, found.places));
    return page;
  });
}

/// Not from a replica: who asks has been told that they have changed.
Result<std::vector<ListedAsset>> SqlCatalog::pick(const AssetQuery& asked,
                                                  std::span<const AssetId> ids) {
  TRY(const ListingQuery query, ListingQuery::make(asked));
  if (query.finds_nothing()) return std::vector<ListedAsset>{};
  return read([&](Connection& db) -> Result<std::vector<ListedAsset>> {
    TRY(const auto numbers, numbers_of(db, ids));
    TRY(const ListingPlaces places, query.passing(db, numbers));
    return load_listed(db, query, places);
  });
}

/// Who asks while labels are counted waits for the same answer.
Result<LibrarySummary> SqlCatalog::summarize() {
  using Steady = std::chrono::steady_clock;
  const std::scoped_lock lock(summary_mutex_);
  const auto begun = Steady::now();
  if (begun < summary_good_until_) return summary_;
  TRY(summary_, count_labels());
  std::uint64_t labels = 0;
  for (const auto* list :
       {&summary_.collections, &summary_.tags, &summary_.cameras, &summary_.types})
    for (const NameCount& each : *list) labels += each.count;
  const auto now = Steady::now();
  summary_good_until_ = labels < many_labels ? begun : now + summary_rest * (now - begun);
  return summary_;
}

Result<LibrarySummary> SqlCatalog::count_labels() {
  return read_lagging([](Connection& db) -> Result<LibrarySummary> {
    LibrarySummary summary;
    TRY(summary.collections, count_names(db, label_kind::collection));
    TRY(summary.tags, count_names(db, label_kind::tag));
    TRY(summary.cameras, count_names(db, label_kind::camera));
    TRY(summary.types, count_names(db, label_kind::type));
    return summary;
  });
}

}  // namespace calotype
