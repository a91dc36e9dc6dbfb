// SPDX-License-Identifier: Apache-2.0
// A catalog of each older version, with rows in every table of the first one, is brought up to date
// on every engine: nothing of it is lost, and it goes on.
#include "catalog/migrations.hpp"

#include "catalog/catalog_fixture.hpp"
#include "catalog/library_catalog.hpp"
#include "catalog/pg_database.hpp"
#include "catalog/sqlite_database.hpp"

namespace calotype {
namespace {

class Migrations : public testing::TestWithParam<std::tuple<std::string, int>> {
 protected:
  void SetUp() override {
    place_ = std::make_unique<CatalogTestPlace>(std::get<0>(GetParam()));
    if (!place_->exists()) GTEST_SKIP() << "the suite has not started its server";
  }
  std::unique_ptr<Database> open_database() const {
    constexpr std::string_view sqlite = "sqlite:";
    if (!place_->url().starts_with(sqlite)) return PgDatabase::open({.url = place_->url()}).value();
    return SqliteDatabase::open(place_->url().substr(sqlite.size()), {}).value();
  }
  std::unique_ptr<Catalog> open_today() const {
    auto opened = open_catalog(place_->settings(), clock_);
    EXPECT_TRUE(opened) << describe(opened.error());
    return *std::move(opened);
  }
  Timestamp at(int seconds) const { return clock_.now() + std::chrono::seconds{seconds}; }

  ManualClock clock_;
  std::unique_ptr<CatalogTestPlace> place_;
};

Result<void> add_asset(Connection& db, std::string_view content, AssetState state, Timestamp at) {
  TRY_VOID(db.execute(
      "INSERT INTO asset (id, digest, bytes, state, purge_epoch, purging, events, created_at, "
      "updated_at, failure_code, failure_message) VALUES ($1, $2, $3, $4, 0, 0, 1, $5, $6, $7, $8)",
      {id_of(content).text(), ByteSpan(Sha256::of(as_bytes(content)).bytes), content.size(),
       to_string(state), at, at,
       state == AssetState::metadata_failed ? Value("NOT_RENDERABLE") : Value(nullptr),
       state == AssetState::metadata_failed ? Value("It is damaged.") : Value(nullptr)}));
  TRY_VOID(
      db.execute("INSERT INTO event (asset_no, seq, from_state, to_state, because, at) "
                 "SELECT asset_no, 1, NULL, $1, 'of old', $2 FROM asset WHERE id = $3",
                 {to_string(state), at, id_of(content).text()}));
  return {};
}

/// By the names of the first schema, and in no way that a later one has brought.
Result<void> fill_first_version(Connection& db, Timestamp at) {
  TRY_VOID(add_asset(db, "ready", AssetState::variants_ready, at));
  TRY_VOID(add_asset(db, "failed", AssetState::metadata_failed, at));
  TRY_VOID(add_asset(db, "deleted", AssetState::deleted, at));
  TRY_VOID(add_asset(db, "pending", AssetState::ingested, at));
  const std::string ready = id_of("ready").text();
  const Digest digest = Sha256::of(as_bytes("picture"));
  const std::string blob = "variants/" + digest.hex().substr(0, 2) + "/" + digest.hex() + "-old";
  for (const char* upload : {"upload1", "upload2"})
    TRY_VOID(
        db.execute("INSERT INTO upload (asset_no, id, file_name, uploader, tags, created_at) "
                   "SELECT asset_no, $1, 'a.jpg', 'me', '[\"x\"]', $2 FROM asset WHERE id = $3",
                   {upload, at, ready}));
  TRY_VOID(
      db.execute("INSERT INTO media (asset_no, media_type, renderable, width, height, orientation, "
                 "bits_per_channel, channels, has_alpha, pages, color_space, icc_profile, "
                 "placeholder, proof_key, proof_bytes, proof_width, proof_height, metadata_json) "
                 "SELECT asset_no, 'image/jpeg', 1, 4000, 3000, 6, 8, 3, 0, 1, 'srgb', '', 'AQID', "
                 "'proofs/old', 5, 640, 480, $2 FROM asset WHERE id = $1",
                 {ready, R"({"exif":{"Image":{"Make":"Canon","Model":"Canon EOS 5D"}}})"}));
  TRY_VOID(
      db.execute("INSERT INTO variant (asset_no, recipe, version, fence, lease_until, blob_key, "
                 "digest, bytes, width, height, media_type, created_at, last_access_at) "
                 "SELECT asset_no, 'w=300&fm=webp', 'abcdefgh', 1, 0, $1, $2, 7, 300, 225, "
                 "'image/webp', $3, $3 FROM asset WHERE id = $4",
                 {blob, ByteSpan(digest.bytes), at, ready}));
  for (const auto& [kind, content] :
       {std::pair{JobKind::inspect, "pending"}, std::pair{JobKind::expire, "deleted"}})
    TRY_VOID(db.execute(
        "INSERT INTO job (id, kind, lane, key, asset_id, state, attempts, fence, run_after, "
        "due_at, "
        "last_error, created_at) VALUES ($1, $2, $3, $4, $5, 'ready', 0, 0, $6, $6, '', $6)",
        {std::string("job-") + content, to_string(kind), to_string(lane_of(kind)),
         std::format("{}:{}", to_string(kind), id_of(content).text()), id_of(content).text(), at}));
  TRY_VOID(db.execute("INSERT INTO garbage (blob_key) VALUES ('proofs/gone')"));
  TRY_VOID(
      db.execute("INSERT INTO api_key (id, name, scopes, hash, created_at) VALUES ('k', 'old', "
                 "'[\"read\"]', $1, $2)",
                 {ByteSpan(Sha256::of(as_bytes("secret")).bytes), at}));
  return {};
}

TEST_P(Migrations, EverythingOfAnOlderCatalogIsThereAndGoesOn) {
  const int version = std::get<1>(GetParam());
  {
    const auto database = open_database();
    ASSERT_TRUE(migrate(*database, at(0), 1));
    const auto filled = database->write(
        Durability::durable, [&](Connection& db) { return fill_first_version(db, at(0)); });
    ASSERT_TRUE(filled) << describe(filled.error());
    ASSERT_TRUE(migrate(*database, at(1), version));
  }
  const auto catalog = open_today();
  ASSERT_TRUE(catalog);

  const auto ready = catalog->find_asset(id_of("ready")).value();
  ASSERT_TRUE(ready);
  EXPECT_EQ(ready->state, AssetState::variants_ready);
  EXPECT_EQ(ready->media.width, 4000U);
  EXPECT_EQ(ready->proof->blob_key, "proofs/old");
  EXPECT_EQ(ready->created_at, at(0));
  EXPECT_EQ(catalog->uploads_of(id_of("ready"))->size(), 2U);
  EXPECT_EQ(catalog->events_of(id_of("ready"))->front().because, "of old");
  const VariantKey key{id_of("ready"), "w=300&fm=webp", "abcdefgh"};
  EXPECT_EQ(catalog->find_variant(key).value()->bytes, 7U);
  EXPECT_EQ(catalog->find_asset(id_of("failed")).value()->failure_message, "It is damaged.");
  EXPECT_EQ(catalog->deletions_since(at(0), 10).value().size(), 1U);
  EXPECT_EQ(catalog->garbage(10).value(), std::vector<std::string>{"proofs/gone"});
  EXPECT_EQ(catalog->find_key(Sha256::of(as_bytes("secret"))).value()->name, "old");
  EXPECT_EQ(catalog->list_assets({}, "", 10).value().rows.size(), 3U);
  EXPECT_EQ(catalog->uploads_of(id_of("ready"))->front().fields_json, "");
  for (const AssetQuery& query :
       {AssetQuery{.tag = "x"}, AssetQuery{.name = "A"}, AssetQuery{.type = "image/jpeg"},
        AssetQuery{.camera = "canon eos 5d"}, AssetQuery{.width = {.from = 4'000}},
        AssetQuery{.states = {AssetState::variants_ready}}}) {
    const auto listed = catalog->library().list(query, "", 10).value().rows;
    ASSERT_EQ(listed.size(), 1U);
    EXPECT_EQ(listed[0].asset.id, id_of("ready"));
    EXPECT_EQ(listed[0].uploads.size(), 2U);
  }
  EXPECT_EQ(catalog->library().list({}, "", 10).value().rows.size(), 3U);

  const auto inspect = catalog->claim_jobs(Lane::metadata, 9, 60s).value();
  ASSERT_EQ(inspect.size(), 1U);
  const JobLease lease{inspect[0].id, inspect[0].fence};
  ASSERT_TRUE(catalog->begin_inspection(lease, id_of("pending")).value());
  ASSERT_TRUE(catalog->finish_inspection(lease, id_of("pending"), photo(), {}));
  const std::vector<VariantCatalog::Access> seen{{key, at(5), 3}};
  EXPECT_TRUE(catalog->touch_variants(seen, 0));
  const auto epoch = catalog->presence(Sha256::of(as_bytes("new"))).value().purge_epoch;
  ASSERT_TRUE(*catalog->record_published(upload_of("new"), epoch));
  EXPECT_EQ(catalog->list_assets({}, "", 1).value().rows.front().id, id_of("new"));
  EXPECT_EQ(catalog->expire_variants(at(6), 10).value(), 1U);
  EXPECT_TRUE(catalog->delete_uploads(id_of("ready"), "", 0ms).value());
}

TEST_P(Migrations, CatalogOfANewerProgramIsLeftAlone) {
  if (std::get<1>(GetParam()) != schema_version()) GTEST_SKIP() << "once is enough";
  {
    const auto database = open_database();
    ASSERT_TRUE(migrate(*database, at(0)));
    ASSERT_TRUE(database->write(Durability::durable, [&](Connection& db) -> Result<void> {
      TRY_VOID(db.execute(
          "INSERT INTO schema_migration (number, name, applied_at) VALUES ($1, 'later', 0)",
          {schema_version() + 1}));
      return {};
    }));
  }
  const auto opened = open_catalog(place_->settings(), clock_);
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().message.contains("newer program")) << opened.error().message;
}

std::string name_of(const testing::TestParamInfo<std::tuple<std::string, int>>& info) {
  return std::format("{}_from_{}", std::get<0>(info.param), std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Engines, Migrations,
                         testing::Combine(testing::ValuesIn(every_engine),
                                          testing::Range(1, schema_version() + 1)),
                         name_of);

}  // namespace
}  // namespace calotype
