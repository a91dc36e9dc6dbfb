// SPDX-License-Identifier: Apache-2.0
// Listings, and what they are made of: found by every property, in every order, in pages that lose
// and repeat nothing while assets come and go; held against a plain model of the same assets.
#include <algorithm>
#include <format>
#include <map>
#include <random>

#include "catalog/catalog_fixture.hpp"
#include "catalog/library_catalog.hpp"

namespace calotype {
namespace {

using Sort = AssetQuery::Sort;

/// An asset as a test makes it, and as the model has it.
struct Made {
  std::string content;
  std::string name = "a.jpg";
  std::string collection{};
  std::vector<std::string> tags{};
  std::optional<MediaInfo> media{};  // nothing: not inspected
  Timestamp created_at{};
};

MediaInfo picture(std::uint32_t width, std::uint32_t height, std::string_view taken,
                  std::string_view model = "EOS 5D", std::string type = "image/jpeg") {
  MediaInfo media = photo();
  media.media_type = std::move(type);
  media.width = width;
  media.height = height;
  media.metadata_json = std::format(R"({{"exif":{{"Image":{{"Make":"Canon","Model":"{}"}},)"
                                    R"("Photo":{{"DateTimeOriginal":"{}"}}}}}})",
                                    model, taken);
  return media;
}

std::int64_t ms(Timestamp time) {
  return time.time_since_epoch().count();
}

class LibraryTest : public CatalogFixture {
 protected:
  LibraryCatalog& library() { return catalog_->library(); }

  Recorded bring_in(const Made& made) {
    NewUpload upload = upload_of(made.content, made.name);
    upload.collection = made.collection;
    upload.tags = made.tags;
    const auto presence = catalog_->presence(upload.digest).value();
    auto recorded = catalog_->record_published(upload, presence.purge_epoch).value();
    EXPECT_TRUE(recorded);
    if (made.media && recorded->created) {
      const Job job = claim();
      EXPECT_TRUE(catalog_->begin_inspection(lease_of(job), id_of(made.content)).value());
      EXPECT_TRUE(catalog_->finish_inspection(lease_of(job), id_of(made.content), *made.media, {}));
    }
    clock_.advance(1s);
    return *recorded;
  }

  std::vector<AssetId> page_ids(const Page<ListedAsset>& page) {
    std::vector<AssetId> ids;
    for (const ListedAsset& listed : page.rows) ids.push_back(listed.asset.id);
    return ids;
  }
  std::vector<AssetId> all(const AssetQuery& query, std::size_t limit = 100) {
    std::vector<AssetId> ids;
    std::string cursor;
    do {
      const auto page = library().list(query, cursor, limit);
      EXPECT_TRUE(page) << describe(page.error());
      if (!page) return ids;
      EXPECT_LE(page->rows.size(), limit);
      std::ranges::move(page_ids(*page), std::back_inserter(ids));
      cursor = page->next;
    } while (!cursor.empty());
    return ids;
  }
  static std::vector<AssetId> ids_of(std::initializer_list<const char*> contents) {
    std::vector<AssetId> ids;
    for (const char* content : contents) ids.push_back(id_of(content));
    return ids;
  }
};

TEST_P(LibraryTest, AssetIsFoundByWhatItsUploadsSay) {
  bring_in({.content = "a", .name = "2026/Summer Beach.JPG", .collection = "sea", .tags = {"x"}});
  bring_in({.content = "b", .name = "beacon.png", .tags = {"y", "x"}});
  bring_in({.content = "c", .name = "ärger-über.txt"});
  EXPECT_EQ(all({}), ids_of({"c", "b", "a"}));
  EXPECT_EQ(all({.tag = "x"}), ids_of({"b", "a"}));
  EXPECT_EQ(all({.tag = "y"}), ids_of({"b"}));
  EXPECT_EQ(all({.tag = "X"}), ids_of({}));
  EXPECT_EQ(all({.collection = "sea"}), ids_of({"a"}));
  EXPECT_EQ(all({.collection = "sea", .tag = "y"}), ids_of({}));
  EXPECT_EQ(all({.name = "beac"}), ids_of({"b", "a"}));
  EXPECT_EQ(all({.name = "SUMMER bea"}), ids_of({"a"}));
  EXPECT_EQ(all({.name = "über"}), ids_of({"c"}));
  EXPECT_EQ(all({.name = "each"}), ids_of({}));
  EXPECT_EQ(all({.name = "-"}), ids_of({})) << "no name has such a word";
  EXPECT_EQ(all({.tag = std::string(1, '\0')}), ids_of({}));
  bring_in({.content = "b", .name = "another name.png", .collection = "sea", .tags = {"z"}});
  EXPECT_EQ(all({.collection = "sea"}), ids_of({"b", "a"}));
  EXPECT_EQ(all({.tag = "y", .name = "another"}), ids_of({"b"})) << "of one upload or another";
  EXPECT_EQ(all({.sort = Sort::name, .descending = false}), ids_of({"a", "b", "c"}))
      << "called what the first upload calls it";
}

TEST_P(LibraryTest, AssetIsFoundByWhatInspectionSays) {
  bring_in({.content = "old", .media = picture(800, 600, "2001:01:01 00:00:00", "PowerShot")});
  bring_in({.content = "new", .media = picture(4000, 3000, "2026:05:05 10:00:00")});
  bring_in({.content = "undated", .media = picture(100, 50, "", "", "image/png")});
  bring_in({.content = "pending"});
  EXPECT_EQ(all({.type = "image/png"}), ids_of({"undated"}));
  EXPECT_EQ(all({.camera = "canon"}), ids_of({"undated", "new", "old"}));
  EXPECT_EQ(all({.camera = "Canon EOS 5D"}), ids_of({"new"}));
  EXPECT_EQ(all({.camera = "powershot"}), ids_of({"old"}));
  EXPECT_EQ(all({.width = {.from = 0}}), ids_of({"undated", "new", "old"})) << "what has a width";
  EXPECT_EQ(all({.width = {.from = 800}}), ids_of({"new", "old"}));
  EXPECT_EQ(all({.width = {.from = 101, .to = 800}}), ids_of({"old"}));
  EXPECT_EQ(all({.height = {.to = 600}}), ids_of({"undated", "old"}));
  EXPECT_EQ(all({.taken = {.to = ms(clock_.now())}}), ids_of({"old"}));
  EXPECT_EQ(all({.sort = Sort::taken}), ids_of({"new", "old", "pending", "undated"}));
  EXPECT_EQ(all({.states = {AssetState::metadata_ready}}), ids_of({"undated", "new", "old"}));
  EXPECT_EQ(all({.states = {AssetState::ingested, AssetState::dedup_check}}), ids_of({"pending"}));
  EXPECT_EQ(all({.sort = Sort::taken, .states = {AssetState::ingested}}), ids_of({"pending"}));
}

TEST_P(LibraryTest, DeletedAssetIsInNoListUntilItIsBack) {
  bring_in({.content = "a", .tags = {"x"}, .media = picture(10, 10, "2026:05:05 10:00:00")});
  const auto upload = bring_in({.content = "a", .name = "other.jpg", .tags = {"y"}}).upload_id;
  ASSERT_FALSE(catalog_->delete_uploads(id_of("a"), upload, 0s).value());
  EXPECT_EQ(all({.tag = "y"}), ids_of({}));
  EXPECT_EQ(all({.name = "other"}), ids_of({}));
  EXPECT_EQ(all({.tag = "x", .camera = "canon"}), ids_of({"a"}));
  ASSERT_TRUE(catalog_->delete_uploads(id_of("a"), "", 0s).value());
  EXPECT_EQ(all({}), ids_of({}));
  EXPECT_EQ(all({.tag = "x"}), ids_of({}));
  bring_in({.content = "a", .tags = {"z"}});
  EXPECT_EQ(all({.tag = "z"}), ids_of({"a"}));
  EXPECT_EQ(all({.tag = "x"}), ids_of({}));
  EXPECT_EQ(all({.camera = "canon"}), ids_of({})) << "inspection is to come again";
}

TEST_P(LibraryTest, SummaryCountsAssetsAndNotUploads) {
  bring_in({.content = "a", .collection = "sea", .tags = {"x", "y"}});
  bring_in({.content = "a", .collection = "sea", .tags = {"x"}});
  bring_in({.content = "b", .tags = {"x"}, .media = picture(1, 1, "")});
  const auto summary = library().summarize().value();
  ASSERT_EQ(summary.collections.size(), 1U);
  EXPECT_EQ(summary.collections[0].name, "sea");
  EXPECT_EQ(summary.collections[0].count, 1U);
  ASSERT_EQ(summary.tags.size(), 2U);
  EXPECT_EQ(summary.tags[0].name, "x");
  EXPECT_EQ(summary.tags[0].count, 2U);
  EXPECT_EQ(summary.cameras.size(), 3U) << "maker, model, both";
  EXPECT_EQ(summary.types.size(), 1U);
}

TEST_P(LibraryTest, CursorIsGoodForItsOwnQueryOnly) {
  for (const char* content : {"a", "b", "c"}) bring_in({.content = content, .tags = {"x"}});
  const auto first = library().list({.tag = "x"}, "", 2).value();
  ASSERT_FALSE(first.next.empty());
  EXPECT_EQ(page_ids(library().list({.tag = "x"}, first.next, 2).value()), ids_of({"a"}));
  for (const AssetQuery& other :
       {AssetQuery{}, AssetQuery{.tag = "y"}, AssetQuery{.descending = false, .tag = "x"},
        AssetQuery{.sort = Sort::name, .tag = "x"}, AssetQuery{.collection = "x"},
        AssetQuery{.tag = "x", .bytes = {.from = 0}}}) {
    const auto refused = library().list(other, first.next, 2);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::bad_request);
  }
  for (const std::string& forged :
       {std::string("1"), std::string("!"), to_base64url(as_bytes("[]")),
        to_base64url(as_bytes(R"(["x",1,2])")), to_base64url(as_bytes("\xff"))})
    EXPECT_FALSE(library().list({.tag = "x"}, forged, 2)) << forged;
}

TEST_P(LibraryTest, PickedAreThoseOfTheListingAsTheyAreNow) {
  for (const char* content : {"a", "b", "c", "d"}) bring_in({.content = content, .tags = {"x"}});
  const std::vector<AssetId> asked = ids_of({"none", "a", "c", "d", "a"});
  const auto picked = [&](const AssetQuery& query) {
    return page_ids({.rows = library().pick(query, asked).value(), .next = {}});
  };
  EXPECT_EQ(picked({}), ids_of({"d", "c", "a"})) << "each once, and no others";
  EXPECT_EQ(picked({.descending = false, .tag = "x"}), ids_of({"a", "c", "d"}));
  ASSERT_TRUE(library().retag(ids_of({"c"}), {.remove_tags = {"x"}}));
  ASSERT_TRUE(library().delete_assets(ids_of({"d"}), 0s));
  EXPECT_EQ(picked({.tag = "x"}), ids_of({"a"}));
  EXPECT_EQ(picked({}), ids_of({"c", "a"}));
  EXPECT_EQ(picked({.name = "-"}), ids_of({}));
  EXPECT_TRUE(library().pick({}, {})->empty());
}

TEST_P(LibraryTest, PlacesCompareAsTheListingGoes) {
  const auto dated = [](std::string_view taken) { return picture(10, 10, taken); };
  bring_in({.content = "1", .name = "b", .media = dated("1960:01:01 00:00:00")});
  bring_in({.content = "22", .name = "b.", .media = dated("")});
  bring_in({.content = "333", .name = "ba", .media = dated("2026:01:01 00:00:00")});
  bring_in({.content = "4444", .name = "B"});
  bring_in({.content = "55555", .name = "\U0001F4F7.jpg"});
  bring_in({.content = "666666", .name = "\uffe0.jpg"});
  bring_in({.content = "777777", .name = ""});
  for (const Sort sort : {Sort::created, Sort::taken, Sort::bytes, Sort::name})
    for (const bool descending : {true, false}) {
      const auto page = library().list({.sort = sort, .descending = descending}, "", 100).value();
      std::vector<std::string> places;
      for (const ListedAsset& listed : page.rows) places.push_back(listed.place);
      auto sorted = places;
      std::ranges::sort(sorted);
      if (descending) std::ranges::reverse(sorted);
      EXPECT_EQ(places, sorted);
      EXPECT_TRUE(std::ranges::adjacent_find(sorted) == sorted.end());
      const auto picked =
          library().pick({.sort = sort, .descending = descending}, ids_of({"333"})).value();
      ASSERT_EQ(picked.size(), 1U);
      EXPECT_TRUE(std::ranges::contains(places, picked.front().place));
    }
}

TEST_P(LibraryTest, RareMatchesBehindManyOthersAreFoundInEveryOrder) {
  bring_in({.content = "rare",
            .name = "needle.jpg",
            .tags = {"rare"},
            .media = picture(9000, 10, "1999:01:01 00:00:00")});
  for (int i = 0; i < 1'500; ++i)
    bring_in({.content = std::format("common {}", i), .tags = {"common"}});
  for (const Sort sort : {Sort::created, Sort::taken, Sort::bytes, Sort::name})
    for (const bool descending : {true, false})
      for (AssetQuery query : {AssetQuery{.tag = "rare"}, AssetQuery{.name = "need"},
                               AssetQuery{.width = {.from = 5'000}}, AssetQuery{.bytes = {.to = 4}},
                               AssetQuery{.states = {AssetState::metadata_ready}}}) {
        query.sort = sort;
        query.descending = descending;
        EXPECT_EQ(all(query), ids_of({"rare"}));
      }
}

TEST_P(LibraryTest, ManyAreChangedAtOnceEachWithItsOutcome) {
  for (const char* content : {"a", "b", "c"})
    bring_in({.content = content, .collection = "old", .tags = {"x", "y"}});
  bring_in({.content = "b", .name = "again.jpg", .tags = {"x"}});
  const std::vector<AssetId> ids = ids_of({"c", "none", "b"});
  const auto outcomes =
      library().retag(ids, {.add_tags = {"z"}, .remove_tags = {"y"}, .collection = "new"}).value();
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_TRUE(outcomes[0]);
  EXPECT_EQ(outcomes[1].error().code, ErrorCode::asset_not_found);
  EXPECT_TRUE(outcomes[2]);
  EXPECT_EQ(all({.tag = "z"}), ids_of({"c", "b"}));
  EXPECT_EQ(all({.tag = "y"}), ids_of({"a"}));
  EXPECT_EQ(all({.collection = "new", .tag = "x"}), ids_of({"c", "b"}));
  const auto uploads = catalog_->uploads_of(id_of("b")).value();
  for (const UploadRow& upload : uploads) {
    EXPECT_EQ(upload.tags, (std::vector<std::string>{"x", "z"}));
    EXPECT_EQ(upload.collection, "new");
  }
  ASSERT_TRUE(library().retag(ids_of({"b"}), {.collection = ""}));
  EXPECT_EQ(all({.collection = "new"}), ids_of({"c"}));

  Retagging too_many;
  for (std::size_t i = 0; i < tags_max; ++i) too_many.add_tags.push_back(std::format("t{}", i));
  const auto refused = library().retag(ids_of({"a", "c"}), too_many).value();
  EXPECT_EQ(refused[0].error().code, ErrorCode::bad_request);
  EXPECT_EQ(all({.tag = "t0"}), ids_of({}));

  const auto deleted = library().delete_assets(ids, 0s).value();
  EXPECT_TRUE(deleted[0]);
  EXPECT_EQ(deleted[1].error().code, ErrorCode::asset_not_found);
  EXPECT_EQ(all({}), ids_of({"a"}));
  EXPECT_EQ(state_of("b"), AssetState::deleted);
  EXPECT_EQ(library().delete_assets(ids, 0s)->front().error().code, ErrorCode::asset_not_found);
}

/// What the model says of a query.
class Model {
 public:
  void add(const Made& made) { assets_.push_back(made); }
  bool passes(const Made& made, const AssetQuery& query) const {
    const std::uint32_t width = made.media ? made.media->width : 0;
    const bool ready = made.media.has_value();
    return (query.tag.empty() || std::ranges::contains(made.tags, query.tag)) &&
           (query.collection.empty() || query.collection == made.collection) &&
           (query.type.empty() || (ready && query.type == made.media->media_type)) &&
           (query.name.empty() || made.name.starts_with(query.name)) &&
           (query.states.empty() ||
            query.states.front() == (ready ? AssetState::metadata_ready : AssetState::ingested)) &&
           std::ssize(made.content) >= query.bytes.from &&
           std::ssize(made.content) <= query.bytes.to &&
           (query.width == Between{} || (width > 0 && width >= query.width.from)) &&
           ms(made.created_at) >= query.created.from && ms(made.created_at) <= query.created.to;
  }
  std::vector<AssetId> list(const AssetQuery& query) const {
    std::vector<std::tuple<std::int64_t, std::string, std::size_t>> keys;
    for (std::size_t i = 0; i < assets_.size(); ++i) {
      const Made& made = assets_[i];
      if (!passes(made, query)) continue;
      std::int64_t number = 0;
      if (query.sort == Sort::created) number = ms(made.created_at);
      if (query.sort == Sort::bytes) number = std::ssize(made.content);
      keys.emplace_back(number, query.sort == Sort::name ? made.name : "", i);
    }
    std::ranges::sort(keys);
    if (query.descending) std::ranges::reverse(keys);
    std::vector<AssetId> ids;
    for (const auto& key : keys) ids.push_back(id_of(assets_[std::get<2>(key)].content));
    return ids;
  }

 private:
  std::vector<Made> assets_;
};

TEST_P(LibraryTest, PagesAreThoseOfThePlainModelWhileAssetsComeIn) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(std::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto pick = [&](int count) {
    return static_cast<int>(random() % static_cast<unsigned>(count));
  };
  int made_count = 0;
  const auto make = [&] {
    Made made{.content = std::format("{} {}", made_count++, std::string(pick(40), '.')),
              .name = std::format("{}{}.jpg", "abc"[pick(3)], pick(1'000)),
              .collection = pick(3) == 0 ? "" : std::format("c{}", pick(4))};
    for (int i = pick(3); i > 0; --i) made.tags.push_back(std::format("t{}", pick(5)));
    if (pick(4) != 0)
      made.media = picture(static_cast<std::uint32_t>(1 + pick(100)), 10, "", "X",
                           pick(5) == 0 ? "image/png" : "image/jpeg");
    made.created_at = clock_.now();
    return made;
  };
  Model model;
  for (int i = 0; i < 300; ++i) {
    const Made made = make();
    bring_in(made);
    model.add(made);
  }
  const Timestamp begun = clock_.now() - 300s;
  for (int trial = 0; trial < 150; ++trial) {
    AssetQuery query{.sort = std::array{Sort::created, Sort::bytes, Sort::name}[pick(3)],
                     .descending = pick(2) == 0};
    if (pick(3) == 0) query.tag = std::format("t{}", pick(5));
    if (pick(3) == 0) query.collection = std::format("c{}", pick(4));
    if (pick(4) == 0) query.type = pick(2) == 0 ? "image/png" : "image/jpeg";
    if (pick(5) == 0) query.name = std::string(1, "abc"[pick(3)]) + std::to_string(pick(100));
    if (pick(5) == 0)
      query.states = {pick(2) == 0 ? AssetState::ingested : AssetState::metadata_ready};
    if (pick(4) == 0) query.bytes = {.from = pick(40)};
    if (pick(4) == 0) query.width = {.from = 1 + pick(100)};
    if (pick(4) == 0) query.created = {.from = ms(begun) + pick(300'000), .to = ms(clock_.now())};
    // Whatever comes in meanwhile, what was there is met once, in its order.
    const auto expected = model.list(query);
    std::vector<AssetId> found;
    std::string cursor;
    do {
      const auto page = library().list(query, cursor, static_cast<std::size_t>(1 + pick(50)));
      ASSERT_TRUE(page) << describe(page.error());
      std::ranges::move(page_ids(*page), std::back_inserter(found));
      cursor = page->next;
      if (trial % 10 != 0) continue;
      const Made made = make();
      bring_in(made);
      model.add(made);
    } while (!cursor.empty());
    std::erase_if(found, [&](const AssetId& id) { return !std::ranges::contains(expected, id); });
    ASSERT_EQ(found, expected) << "trial " << trial;
    std::ranges::shuffle(found, random);
    const Page<ListedAsset> picked{.rows = library().pick(query, found).value(), .next = {}};
    ASSERT_EQ(page_ids(picked), expected) << "trial " << trial;
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, LibraryTest, testing::ValuesIn(every_engine),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace calotype
