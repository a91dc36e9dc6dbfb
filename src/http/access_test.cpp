// SPDX-License-Identifier: Apache-2.0
// Signatures, proofs of possession, keys over a real catalog, cross-origin rules.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/ids.hpp"
#include "catalog/open_catalog.hpp"
#include "http/api_key.hpp"
#include "http/cors.hpp"
#include "http/key_ring.hpp"
#include "http/possession.hpp"
#include "http/signature.hpp"

namespace calotype {
namespace {

TEST(Signature, HoldsForTheRawTargetOnly) {
  const std::string signed_target = sign_target("secret", "/v/abc/thumb.webp");
  EXPECT_TRUE(check_signature("secret", signed_target));
  EXPECT_EQ(without_signature(signed_target), "/v/abc/thumb.webp");
  const std::string with_query = sign_target("secret", "/i/abc?w=400");
  EXPECT_TRUE(check_signature("secret", with_query));
  EXPECT_NE(with_query.find("?w=400&s="), std::string::npos);
  const std::string rows[] = {
      "/v/abc/thumb.webp",
      "/v/abc/thumb.webp?s=",
      "/v/abc/thumb.webp?s=AAAA",
      "/v/abc/%74humb.webp" + signed_target.substr(17),
      signed_target + "&w=1",
      signed_target + "&s=x",
      signed_target + "=",
      with_query.substr(0, with_query.find('?')) + "?w=401&" +
          with_query.substr(with_query.find("s=")),
  };
  for (const std::string& row : rows) {
    const auto checked = check_signature("secret", row);
    ASSERT_FALSE(checked) << row;
    EXPECT_EQ(checked.error().code, ErrorCode::bad_signature);
  }
  EXPECT_FALSE(check_signature("another", signed_target));
}

TEST(Signature, OfABaseOpensAllThatBeginsWithIt) {
  const std::string base = sign_iiif_base("secret", "/iiif/3/abc");
  EXPECT_EQ(base.substr(0, 12), "/iiif/3/abc~");
  for (const char* rest : {"", "/info.json", "/full/max/0/default.jpg", "/info.json?x=1"})
    EXPECT_TRUE(check_signature("secret", base + rest)) << rest;
  EXPECT_TRUE(check_signature("secret", sign_target("secret", "/iiif/3/abc/info.json")));
  const std::string rows[] = {
      "/iiif/3/abc/info.json",         "/iiif/3/abc~/info.json",
      base.substr(0, base.size() - 1), base + "A",
      "/iiif/3/abd" + base.substr(11), "/iiif/3/~" + base.substr(12),
      "/v/abc" + base.substr(11),
  };
  for (const std::string& row : rows) EXPECT_FALSE(check_signature("secret", row)) << row;
  EXPECT_TRUE(is_iiif_base("/iiif/3/abc"));
  for (const char* other : {"/iiif/3/", "/iiif/3/abc/info.json", "/iiif/3/abc?x", "/i/abc"})
    EXPECT_FALSE(is_iiif_base(other)) << other;
}

TEST(Possession, RecognisesItsOwnFreshNonceOnly) {
  Possession::Secret secret{};
  random_bytes(secret);
  const Possession possession(secret);
  const Digest content = Sha256::of(as_bytes("x"));
  const Timestamp now{std::chrono::seconds{1'700'000'000}};
  for (const std::uint64_t bytes : {1ULL, 65'536ULL, 65'537ULL, 5ULL << 30}) {
    const auto challenge = possession.challenge(content, bytes, now);
    EXPECT_LE(challenge.offset + challenge.length, bytes);
    EXPECT_GT(challenge.length, 0U);
    const auto known = possession.recognise(challenge.nonce, content, now);
    ASSERT_TRUE(known);
    EXPECT_EQ(known->offset, challenge.offset);
    EXPECT_EQ(known->length, challenge.length);
  }
  const auto nonce = possession.challenge(content, 100, now).nonce;
  EXPECT_FALSE(possession.recognise(nonce, Sha256::of(as_bytes("y")), now));
  EXPECT_FALSE(possession.recognise(nonce, content, now + std::chrono::minutes{2}));
  EXPECT_FALSE(possession.recognise(nonce + "x", content, now));
  EXPECT_FALSE(possession.recognise("1." + nonce, content, now));
  EXPECT_FALSE(possession.recognise("", content, now));
  EXPECT_TRUE(Possession(secret).recognise(nonce, content, now)) << "another server";
  EXPECT_FALSE(Possession({}).recognise(nonce, content, now)) << "of another catalog";
}

class Keys : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("calotype-keys-" + new_id(SystemClock().now()));
    std::filesystem::create_directories(folder_);
    catalog_ = open_catalog({.url = "sqlite:" + (folder_ / "c.db").string()}, clock_).value();
  }
  void TearDown() override {
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::pair<std::string, std::string> make(std::vector<std::string> scopes) {
    const NewApiKey key = make_api_key();
    const auto row = catalog_->create_key("name", scopes, key.hash).value();
    return {"Bearer " + key.text, row.id};
  }
  ErrorCode refusal(KeyRing& ring, std::string_view authorization, Scope scope) {
    const auto principal = ring.authorize(authorization, scope);
    return principal ? ErrorCode::internal : principal.error().code;
  }

  SystemClock clock_;
  std::filesystem::path folder_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(Keys, EverybodyMayDoEverythingWithoutAny) {
  KeyRing ring(*catalog_);
  const auto principal = ring.authorize("", Scope::admin);
  ASSERT_TRUE(principal);
  EXPECT_FALSE(principal->keys_in_force);
}

TEST_F(Keys, AreNeededEvenWhereThereIsNoneOnceInsistedUpon) {
  KeyRing ring(*catalog_);
  ring.insist();
  EXPECT_EQ(refusal(ring, "", Scope::read), ErrorCode::unauthorized);
  EXPECT_EQ(refusal(ring, "", Scope::read), ErrorCode::unauthorized) << "recalled";
  EXPECT_EQ(refusal(ring, "Bearer cal_wrong", Scope::read), ErrorCode::unauthorized);
}

TEST_F(Keys, OpenWhatTheirScopesSay) {
  const auto reader = make({"read"});
  const auto admin = make({"admin"});
  KeyRing ring(*catalog_);
  EXPECT_EQ(refusal(ring, "", Scope::read), ErrorCode::unauthorized);
  EXPECT_EQ(refusal(ring, "Bearer cal_wrong", Scope::read), ErrorCode::unauthorized);
  EXPECT_EQ(refusal(ring, "Basic abc", Scope::read), ErrorCode::unauthorized);
  EXPECT_TRUE(ring.authorize(reader.first, Scope::read));
  EXPECT_EQ(refusal(ring, reader.first, Scope::write), ErrorCode::forbidden);
  EXPECT_TRUE(ring.authorize(admin.first, Scope::write));
  EXPECT_TRUE(ring.authorize("bearer " + admin.first.substr(7), Scope::read));
  const auto recalled = ring.recall(admin.first, Scope::admin);
  ASSERT_TRUE(recalled);
  EXPECT_TRUE(recalled->has_value());
}

TEST_F(Keys, EndWithinASecondOfTheirRevocationElsewhere) {
  const auto key = make({"read"});
  const auto other = make({"read"});
  KeyRing ring(*catalog_);
  ASSERT_TRUE(ring.authorize(key.first, Scope::read));
  ASSERT_TRUE(catalog_->revoke_key(key.second));
  std::this_thread::sleep_for(std::chrono::milliseconds{1'000});
  EXPECT_EQ(refusal(ring, key.first, Scope::read), ErrorCode::unauthorized);
  ASSERT_TRUE(catalog_->revoke_key(other.second));
  ring.forget();
  EXPECT_TRUE(ring.authorize("", Scope::read));
}

TEST(Cors, VariesOnlyWhereOriginsAreListed) {
  EXPECT_EQ(cors_fields({}, "https://a"), "");
  EXPECT_EQ(cors_fields({"*"}, "https://a"), cors_fields({"*"}, ""));
  EXPECT_NE(cors_fields({"*"}, "").find("Access-Control-Allow-Origin: *\r\n"), std::string::npos);
  const std::vector<std::string> listed{"https://a"};
  EXPECT_NE(cors_fields(listed, "https://a").find("Allow-Origin: https://a\r\n"),
            std::string::npos);
  EXPECT_EQ(cors_fields(listed, "https://b"), "Vary: Origin\r\n");
}

}  // namespace
}  // namespace calotype
