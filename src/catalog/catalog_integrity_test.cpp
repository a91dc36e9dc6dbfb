// SPDX-License-Identifier: Apache-2.0
// What integrity_catalog.hpp promises, held against every engine there is.
#include "catalog/catalog_fixture.hpp"
#include "catalog/integrity_catalog.hpp"

namespace calotype {
namespace {

class CatalogIntegrity : public CatalogFixture {
 protected:
  IntegrityCatalog& integrity() { return catalog_->integrity(); }
  static std::string raw_key(std::string_view content) {
    const std::string hex = Sha256::of(as_bytes(content)).hex();
    return "raw/" + hex.substr(0, 2) + "/" + hex.substr(2, 2) + "/" + hex;
  }
  static PromisedBlob original_of(std::string_view content) {
    return {.blob_key = raw_key(content), .asset_id = id_of(content)};
  }
  std::vector<std::string> quarantined() {
    std::vector<std::string> keys;
    const auto rows = integrity().quarantined("", 100).value();
    for (const QuarantineRow& row : rows) keys.push_back(row.blob_key);
    return keys;
  }
  std::optional<PromisedBlob> promise(const std::string& key) {
    const auto found = integrity().promised(std::array{key}).value();
    if (found.empty()) return std::nullopt;
    return found.front();
  }
};

TEST_P(CatalogIntegrity, QuarantineIsKeptOnceNamedAndReleased) {
  record("a");
  record("b");
  ASSERT_TRUE(integrity().quarantine(original_of("a"), "a flipped bit"));
  ASSERT_TRUE(integrity().quarantine(original_of("a"), "said again"));
  EXPECT_TRUE(*integrity().is_quarantined(raw_key("a")));
  EXPECT_FALSE(*integrity().is_quarantined(raw_key("b")));
  EXPECT_EQ(*integrity().count_quarantined(), 1U);
  const auto rows = integrity().quarantined_of(id_of("a")).value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].reason, "a flipped bit");
  EXPECT_EQ(rows[0].found_at, clock_.now());
  EXPECT_TRUE(integrity().quarantined_of(id_of("b"))->empty());
  EXPECT_TRUE(integrity().quarantined(raw_key("a"), 100)->empty()) << "behind the last";
  open();
  EXPECT_THAT(quarantined(), testing::ElementsAre(raw_key("a"))) << "another life of the program";
  ASSERT_TRUE(integrity().release(raw_key("a")));
  EXPECT_THAT(quarantined(), testing::IsEmpty());
}

TEST_P(CatalogIntegrity, QuarantinedContentIsNotHereUntilItIsPublishedAgain) {
  record("a");
  ASSERT_TRUE(integrity().quarantine(original_of("a"), "corrupt"));
  const auto presence = catalog_->presence(Sha256::of(as_bytes("a"))).value();
  EXPECT_FALSE(presence.stored);
  EXPECT_FALSE(*catalog_->record_existing(upload_of("a")));
  const auto again = catalog_->record_published(upload_of("a"), presence.purge_epoch).value();
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->created);
  EXPECT_EQ(catalog_->uploads_of(id_of("a"))->size(), 2U);
  ASSERT_TRUE(integrity().release(raw_key("a")));
  EXPECT_TRUE(catalog_->presence(Sha256::of(as_bytes("a")))->stored);
}

TEST_P(CatalogIntegrity, EveryBlobThatARowNamesIsPromisedOnce) {
  for (const char* content : {"a", "b", "c"}) {
    record(content);
    inspect(content);
  }
  const VariantRow variant = store(key_of("b"));
  const auto proof = catalog_->find_asset(id_of("a")).value()->proof;
  EXPECT_EQ(promise(raw_key("a"))->role, BlobRole::original);
  EXPECT_EQ(promise(raw_key("a"))->bytes, 1U);
  EXPECT_EQ(promise(proof->blob_key)->role, BlobRole::proof);
  EXPECT_EQ(promise(proof->blob_key)->bytes, 5U);
  const auto named = promise(variant.blob_key);
  ASSERT_TRUE(named && named->variant);
  EXPECT_EQ(*named->variant, variant.key);
  EXPECT_FALSE(promise(raw_key("unknown")));

  for (const auto& [role, count] :
       {std::pair{BlobRole::original, 3}, {BlobRole::proof, 3}, {BlobRole::variant, 1}}) {
    int found = 0;
    std::string cursor;
    do {
      auto page = integrity().promises(role, cursor, 2).value();
      found += static_cast<int>(page.blobs.size());
      for (const PromisedBlob& blob : page.blobs) EXPECT_EQ(promise(blob.blob_key)->role, role);
      cursor = page.next;
    } while (!cursor.empty());
    EXPECT_EQ(found, count);
  }
}

TEST_P(CatalogIntegrity, WhatIsOnItsWayOutIsNotPromised) {
  record("a");
  inspect("a");
  const VariantRow variant = store(key_of("a"));
  ASSERT_TRUE(integrity().quarantine(original_of("a"), "corrupt"));
  ASSERT_TRUE(integrity().quarantine(
      {.blob_key = variant.blob_key, .role = BlobRole::variant, .asset_id = id_of("a")},
      "corrupt"));
  ASSERT_TRUE(integrity().keep_chunk_sums(raw_key("a"), as_bytes("1234")));
  ASSERT_TRUE(catalog_->delete_uploads(id_of("a"), "", 0ms));
  EXPECT_TRUE(promise(raw_key("a"))->is_going);
  EXPECT_TRUE(promise(variant.blob_key)->is_going);
  EXPECT_TRUE(integrity().promises(BlobRole::original, "", 10)->blobs.empty());
  const Job purge = claim(Lane::maintenance);
  ASSERT_TRUE(*catalog_->begin_purge(lease_of(purge), id_of("a")));
  EXPECT_TRUE(*integrity().is_quarantined(raw_key("a"))) << "until its bytes have gone";
  ASSERT_TRUE(catalog_->finish_purge(lease_of(purge), id_of("a")));
  ASSERT_TRUE(catalog_->complete_job(lease_of(purge)));
  ASSERT_TRUE(catalog_->forget_garbage(catalog_->garbage(10).value()));
  EXPECT_THAT(quarantined(), testing::IsEmpty());
  EXPECT_FALSE(*integrity().chunk_sums(raw_key("a")));
  EXPECT_FALSE(promise(raw_key("a"))) << "a row that is DELETED, and nothing on its way";
}

TEST_P(CatalogIntegrity, DroppedProofIsMadeAgainByAJobAndOnce) {
  record("a");
  inspect("a");
  const auto proof = *catalog_->find_asset(id_of("a")).value()->proof;
  ASSERT_TRUE(integrity().quarantine(
      {.blob_key = proof.blob_key, .role = BlobRole::proof, .asset_id = id_of("a")}, "corrupt"));
  ASSERT_TRUE(integrity().drop_proof(id_of("a"), "proofs/another"));
  EXPECT_TRUE(catalog_->find_asset(id_of("a")).value()->proof) << "it was another one's";
  ASSERT_TRUE(integrity().drop_proof(id_of("a"), proof.blob_key));
  EXPECT_FALSE(catalog_->find_asset(id_of("a")).value()->proof);
  EXPECT_THAT(*catalog_->garbage(10), testing::ElementsAre(proof.blob_key));
  EXPECT_THAT(quarantined(), testing::IsEmpty());
  const Job job = claim(Lane::maintenance);
  EXPECT_EQ(job.kind, JobKind::verify);
  EXPECT_EQ(job.asset_id, id_of("a").text());
  const Proof made{"proofs/new", 7, 640, 480};
  ASSERT_TRUE(integrity().adopt_proof(id_of("a"), made));
  EXPECT_EQ(catalog_->find_asset(id_of("a")).value()->proof->blob_key, "proofs/new");
  ASSERT_TRUE(integrity().adopt_proof(id_of("a"), {"proofs/late", 7, 640, 480}));
  EXPECT_EQ(catalog_->find_asset(id_of("a")).value()->proof->blob_key, "proofs/new");
  EXPECT_THAT(*catalog_->garbage(10), testing::Contains("proofs/late"));
}

TEST_P(CatalogIntegrity, SumsAndPositionAreKept) {
  EXPECT_FALSE(*integrity().chunk_sums("raw/x"));
  ASSERT_TRUE(integrity().keep_chunk_sums("raw/x", as_bytes("old!")));
  ASSERT_TRUE(integrity().keep_chunk_sums("raw/x", as_bytes("12345678")));
  const auto sums = integrity().chunk_sums("raw/x").value();
  ASSERT_TRUE(sums);
  EXPECT_EQ(as_text(ByteSpan(*sums)), "12345678");
  EXPECT_EQ(*integrity().verify_position(), 0);
  ASSERT_TRUE(integrity().set_verify_position(7));
  ASSERT_TRUE(integrity().set_verify_position(8));
  EXPECT_EQ(*integrity().verify_position(), 8);
}

INSTANTIATE_TEST_SUITE_P(Engines, CatalogIntegrity, testing::ValuesIn(every_engine),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace calotype
