// SPDX-License-Identifier: Apache-2.0
#include "pipeline/near_duplicates.hpp"

#include <pthread.h>

#include <algorithm>
#include <charconv>
#include <format>
#include <set>
#include <tuple>

#include "base/log.hpp"

namespace calotype {
namespace {

// ADR 0011 has how they were chosen.
constexpr unsigned whole_distance_max = 92;
constexpr unsigned middle_distance_max = 104;
/// Of more than that the nearest, of each of the three ways to be one.
constexpr std::size_t candidates_max = 1'000;
constexpr std::size_t page_size = 10'000;
constexpr std::chrono::hours count_interval{1};
/// How much later than a transaction's time its row may become visible, at the most.
constexpr std::chrono::seconds commit_delay_max{30};

std::unexpected<Error> no_cluster(std::string_view id) {
  return fail(ErrorCode::cluster_not_found, std::format("Nothing here looks like {}.", id));
}

}  // namespace

NearDuplicates::NearDuplicates(NearDuplicateCatalog& catalog, Metrics& metrics)
    : catalog_(catalog),
      size_gauge_(metrics.gauge("fingerprint_index_size", "Fingerprints that are kept in memory.")),
      found_(metrics.counter("near_duplicates_found_total",
                             "Pairs of assets that were found to look the same.")),
      first_reading_([this] {
        const std::lock_guard lock(following_);
        if (auto read = catch_up(); !read)
          log::warn("fingerprints could not be read", {{"error", read.error()}});
      }) {
  pthread_setname_np(first_reading_.native_handle(), "fingerprints");
}

/// Under following_.
Result<void> NearDuplicates::catch_up() {
  if (!is_read_) return read_all();
  TRY(const auto rows, catalog_.fingerprints_since(newest_ - commit_delay_max));
  {
    const std::unique_lock lock(index_mutex_);
    for (const IndexedFingerprint& row : rows) take(index_, row);
    size_gauge_.set(static_cast<double>(index_.wholes.size()));
  }
  std::erase_if(recent_,
                [this](const auto& each) { return each.second < newest_ - commit_delay_max; });
  if (!is_doubted_ && Steady::now() - counted_at_ < count_interval) return {};
  TRY(const bool agrees_now, agrees());
  if (agrees_now) return {};
  log::warn("the fingerprints in memory are not those of the catalog, and are read again");
  return read_all();
}

void NearDuplicates::Index::add(const IndexedFingerprint& row) {
  wholes.add(row.asset_no, row.whole);
  middles.add(row.asset_no, row.middle);
}

void NearDuplicates::Index::remove(std::int64_t asset_no) {
  wholes.remove(asset_no);
  middles.remove(asset_no);
}

/// Unless it has been taken. One that was kept again is there twice: both lead to the one row.
void NearDuplicates::take(Index& index, const IndexedFingerprint& row) {
  const auto [place, is_new] = recent_.try_emplace(row.asset_no, row.kept_at);
  if (!is_new && place->second == row.kept_at) return;
  place->second = row.kept_at;
  index.add(row);
  newest_ = std::max(newest_, row.kept_at);
}

/// But for what is on its way.
Result<bool> NearDuplicates::agrees() {
  is_doubted_ = false;
  TRY(const auto counted, catalog_.count_fingerprints());
  counted_at_ = Steady::now();
  const std::shared_lock lock(index_mutex_);
  const std::size_t more = std::max<std::size_t>(counted.count, index_.wholes.size());
  const std::size_t less = std::min<std::size_t>(counted.count, index_.wholes.size());
  return more - less <= recent_.size();
}

/// Rows that are kept meanwhile may belong before the page that is being read: they are in what was
/// kept since the beginning, which is read at last.
Result<void> NearDuplicates::read_all() {
  Index fresh;
  is_doubted_ = false;
  TRY(const auto counted, catalog_.count_fingerprints());
  newest_ = counted.newest;
  recent_.clear();
  const Timestamp recently = counted.newest - commit_delay_max;
  std::int64_t after = 0;
  while (true) {
    TRY(const auto rows, catalog_.fingerprints_after(after, page_size));
    for (const IndexedFingerprint& row : rows) {
      fresh.add(row);
      if (row.kept_at >= recently) recent_[row.asset_no] = row.kept_at;
    }
    if (rows.size() < page_size) break;
    after = rows.back().asset_no;
  }
  TRY(const auto rows, catalog_.fingerprints_since(recently));
  for (const IndexedFingerprint& row : rows) take(fresh, row);
  const std::unique_lock lock(index_mutex_);
  index_ = std::move(fresh);
  size_gauge_.set(static_cast<double>(index_.wholes.size()));
  is_read_ = true;
  counted_at_ = Steady::now();
  return {};
}

/// In the order of their numbers.
Result<std::vector<std::int64_t>> NearDuplicates::candidates_of(const KeptFingerprint& of,
                                                                unsigned distance_max) {
  {
    const std::lock_guard lock(following_);
    TRY_VOID(catch_up());
  }
  const std::shared_lock lock(index_mutex_);
  std::set<std::int64_t> found;
  const auto look = [&](const FingerprintIndex& among, const Fingerprint::Bits& bits,
                        unsigned radius) {
    for (const Neighbour& each : among.within(bits, std::max(radius, distance_max), candidates_max))
      if (each.owner != of.asset_no) found.insert(each.owner);
  };
  look(index_.wholes, of.fingerprint.whole, whole_distance_max);
  look(index_.middles, of.fingerprint.whole, middle_distance_max);
  look(index_.wholes, of.fingerprint.middle, middle_distance_max);
  return std::vector<std::int64_t>(found.begin(), found.end());
}

/// The nearest first.
Result<std::vector<std::pair<KeptFingerprint, unsigned>>> NearDuplicates::lookalikes_of(
    const KeptFingerprint& of, unsigned distance_max) {
  std::vector<std::pair<KeptFingerprint, unsigned>> found;
  if (of.fingerprint.quality < fingerprint_quality_min) return found;
  TRY(auto numbers, candidates_of(of, distance_max));
  TRY(auto rows, catalog_.fingerprints_of(numbers));
  for (KeptFingerprint& row : rows) {
    std::erase(numbers, row.asset_no);
    const unsigned apart = distance(of.fingerprint, row.fingerprint);
    if (apart <= distance_max) found.emplace_back(std::move(row), apart);
  }
  if (!numbers.empty()) {
    const std::unique_lock lock(index_mutex_);
    for (const std::int64_t gone : numbers) index_.remove(gone);
  }
  std::ranges::sort(found, {},
                    [](const auto& each) { return std::tuple(each.second, each.first.asset_no); });
  return found;
}

Result<void> NearDuplicates::compare(const AssetId& id,
                                     const std::optional<Fingerprint>& fingerprint) {
  TRY(const auto asset_no, catalog_.keep_fingerprint(id, fingerprint));
  if (!asset_no || !fingerprint) return {};
  TRY(const auto found, lookalikes_of({*asset_no, id, *fingerprint}, likeness_distance_max));
  if (found.empty()) return {};
  std::vector<Likeness> likenesses;
  for (const auto& [other, apart] : found) {
    likenesses.push_back(
        {std::min(*asset_no, other.asset_no), std::max(*asset_no, other.asset_no), apart});
    log::debug("near-duplicate found",
               {{"asset", id.text()}, {"looks_like", other.asset_id.text()}, {"distance", apart}});
  }
  TRY_VOID(catalog_.record_likenesses(likenesses));
  found_.add(static_cast<double>(found.size()));
  return {};
}

Result<Lookalikes> NearDuplicates::near(const AssetId& id, unsigned distance_max,
                                        std::size_t limit) {
  Lookalikes near;
  TRY(const auto own, catalog_.fingerprint_of(id));
  if (!own) return near;
  near.fingerprint = own->fingerprint;
  TRY(const auto found, lookalikes_of(*own, distance_max));
  for (const auto& [other, apart] : found) {
    if (near.assets.size() == limit) break;
    near.assets.push_back({other.asset_id, apart});
  }
  return near;
}

/// Nothing where the centre or all members have gone since.
Result<std::optional<NearCluster>> NearDuplicates::named(const Star& star) {
  std::vector<std::int64_t> numbers{star.centre};
  for (const StarMember& member : star.members) numbers.push_back(member.asset_no);
  TRY(const auto ids, catalog_.ids_of(numbers));
  const auto id_of = [&](std::int64_t number) -> const AssetId* {
    const auto found = std::ranges::find(ids, number, &NumberedAssetId::asset_no);
    return found == ids.end() ? nullptr : &found->id;
  };
  const AssetId* const centre = id_of(star.centre);
  if (centre == nullptr) return std::nullopt;
  NearCluster cluster{*centre, {}};
  for (const StarMember& member : star.members)
    if (const AssetId* const id = id_of(member.asset_no))
      cluster.members.push_back({*id, member.distance});
  if (cluster.members.empty()) return std::nullopt;
  return cluster;
}

/// An asset's star depends on the assets that likenesses lead to from it, step by step, and on no
/// others; so nothing else is read, however many likenesses the library has.
Result<std::vector<Star>> NearDuplicates::stars_of(std::vector<std::int64_t> asset_nos) {
  std::set<std::int64_t> met(asset_nos.begin(), asset_nos.end());
  std::set<std::pair<std::int64_t, std::int64_t>> known;
  std::vector<Likeness> all;
  while (!asset_nos.empty()) {
    TRY(const auto found, catalog_.likenesses_of(asset_nos));
    asset_nos.clear();
    for (const Likeness& each : found) {
      if (!known.emplace(each.first, each.second).second) continue;
      all.push_back(each);
      for (const std::int64_t end : {each.first, each.second})
        if (met.insert(end).second) asset_nos.push_back(end);
    }
  }
  return star_clusters(std::move(all));
}

Result<NearDuplicates::ClusterPage> NearDuplicates::clusters(std::string_view cursor,
                                                             std::size_t limit) {
  std::int64_t after = 0;
  const char* const end = cursor.data() + cursor.size();
  if (!cursor.empty()) {
    const auto parsed = std::from_chars(cursor.data(), end, after);
    if (parsed.ec != std::errc{} || parsed.ptr != end || after < 0)
      return fail(ErrorCode::bad_request, "The cursor is not one that a listing has given.");
  }
  ClusterPage page;
  std::int64_t last = after;
  while (true) {
    // Every centre is looked like by somebody of a greater number.
    TRY(const auto numbers, catalog_.looked_like_after(after, limit + 1));
    if (numbers.empty()) return page;
    TRY(const std::vector<Star> stars, stars_of(numbers));
    for (auto star = std::ranges::upper_bound(stars, after, {}, &Star::centre);
         star != stars.end() && star->centre <= numbers.back(); ++star) {
      if (page.clusters.size() == limit) {
        page.next = std::to_string(last);
        return page;
      }
      last = star->centre;
      TRY(auto cluster, named(*star));
      if (cluster) page.clusters.push_back(*std::move(cluster));
    }
    after = numbers.back();
  }
}

Result<NearCluster> NearDuplicates::cluster_of(const AssetId& id) {
  TRY(const auto own, catalog_.fingerprint_of(id));
  if (!own) return no_cluster(id.text());
  TRY(const std::vector<Star> stars, stars_of({own->asset_no}));
  const auto star = std::ranges::find_if(stars, [&](const Star& each) {
    return each.centre == own->asset_no ||
           std::ranges::contains(each.members, own->asset_no, &StarMember::asset_no);
  });
  if (star == stars.end()) return no_cluster(id.text());
  TRY(auto found, named(*star));
  if (!found) return no_cluster(id.text());
  return *std::move(found);
}

}  // namespace calotype
