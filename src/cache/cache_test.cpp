// SPDX-License-Identifier: Apache-2.0
// What of the cache needs no server: URLs, entries as text, and the cache that shares nothing.
#include <gtest/gtest.h>

#include "cache/redis_url.hpp"
#include "cache/resolution_text.hpp"
#include "cache/unshared_cache.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;

Resolution example() {
  const Digest digest = Sha256::of(as_bytes("picture"));
  return {.recipe = "w=300&fm=webp",
          .version = "abcdefgh",
          .blob_key = "variants/aa/bb/" + digest.hex() + "-token",
          .digest = digest,
          .bytes = 18'211,
          .width = 300,
          .height = 225,
          .media_type = "image/webp",
          .created_at = Timestamp{1'700'000'000'123ms},
          .original_media_type = "image/jpeg",
          .original_pages = 3,
          .original_has_alpha = true,
          .known_at = Timestamp{1'700'000'000'456ms}};
}

TEST(ResolutionText, IsReadAsItWasWritten) {
  const Resolution written = example();
  const auto read = parse_resolution("asset", "name", to_text("asset", "name", written));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->recipe, written.recipe);
  EXPECT_EQ(read->version, written.version);
  EXPECT_EQ(read->blob_key, written.blob_key);
  EXPECT_EQ(read->digest, written.digest);
  EXPECT_EQ(read->bytes, written.bytes);
  EXPECT_EQ(read->width, written.width);
  EXPECT_EQ(read->height, written.height);
  EXPECT_EQ(read->media_type, written.media_type);
  EXPECT_EQ(read->created_at, written.created_at);
  EXPECT_EQ(read->original_media_type, written.original_media_type);
  EXPECT_EQ(read->original_pages, written.original_pages);
  EXPECT_EQ(read->original_has_alpha, written.original_has_alpha);
  EXPECT_EQ(read->known_at, written.known_at);
}

TEST(ResolutionText, UnderAnotherAssetOrNameIsNone) {
  const std::string text = to_text("asset", "name", example());
  EXPECT_FALSE(parse_resolution("asset", "other", text));
  EXPECT_FALSE(parse_resolution("other", "name", text));
  EXPECT_FALSE(parse_resolution("asse", "tname", text));
}

TEST(ResolutionText, EveryDamagedByteAndEveryCutIsNoticed) {
  const std::string text = to_text("asset", "name", example());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(parse_resolution("asset", "name", damaged)) << i;
    EXPECT_FALSE(parse_resolution("asset", "name", text.substr(0, i))) << i;
  }
  EXPECT_FALSE(parse_resolution("asset", "name", text + "0"));
}

TEST(RedisUrl, SaysWhereAndAsWhom) {
  struct Row {
    std::string_view text;
    bool tls;
    std::string_view user, password, host, port;
    int database;
  };
  for (const Row& row :
       {Row{"redis://cache", false, "", "", "cache", "6379", 0},
        Row{"redis://10.0.0.7:7000/12", false, "", "", "10.0.0.7", "7000", 12},
        Row{"redis://cache/", false, "", "", "cache", "6379", 0},
        Row{"redis://:secret@cache:6380", false, "", "secret", "cache", "6380", 0},
        Row{"rediss://me:s%40cr%2Fet@cache/1", true, "me", "s@cr/et", "cache", "6379", 1},
        Row{"redis://me:a@b@cache", false, "me", "a@b", "cache", "6379", 0},
        Row{"redis://[::1]:6379/2", false, "", "", "::1", "6379", 2},
        Row{"redis://[fe80::1]", false, "", "", "fe80::1", "6379", 0}}) {
    const auto url = parse_redis_url(row.text);
    ASSERT_TRUE(url) << row.text << ": " << describe(url.error());
    EXPECT_EQ(url->tls, row.tls) << row.text;
    EXPECT_EQ(url->user, row.user) << row.text;
    EXPECT_EQ(url->password, row.password) << row.text;
    EXPECT_EQ(url->host, row.host) << row.text;
    EXPECT_EQ(url->port, row.port) << row.text;
    EXPECT_EQ(url->database, row.database) << row.text;
  }
}

TEST(RedisUrl, RefusesWithoutRepeatingThePassword) {
  for (const std::string_view text :
       {"", "memcached://x", "redis:", "redis://", "redis://:6379", "redis://host:", "redis://h:0",
        "redis://h:65536", "redis://h:6379x", "redis://h/one", "redis://h/-1", "redis://[::1",
        "redis://[::1]x", "redis://hush@h", "redis://u:hush%4@h:x", "redis://u:hush@:1",
        "redis://u:hush@h:70000"}) {
    const auto url = parse_redis_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, ErrorCode::bad_config) << text;
    EXPECT_FALSE(url.error().message.contains("hush")) << url.error().message;
  }
}

TEST(UnsharedCache, FindsNothingAndKeepsAccessesUntilTheyAreWritten) {
  UnsharedCache cache;
  cache.put("asset", "name", example());
  const std::vector<std::string> names{"name", "other"};
  const auto found = cache.find("asset", names);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_FALSE(found[0] || found[1]);
  const Timestamp early{1s};
  const Timestamp late{2s};
  ASSERT_TRUE(cache.add(std::vector<AccessCount>{{"a", 2, late}, {"b", 1, early}}));
  ASSERT_TRUE(cache.add(std::vector<AccessCount>{{"a", 3, early}}));
  EXPECT_FALSE(cache.settle(
      1s, [](auto) -> Result<void> { return fail(ErrorCode::catalog_failed, "not now"); }));
  std::vector<AccessCount> written;
  const auto write = [&](std::span<const AccessCount> part) -> Result<void> {
    written.insert(written.end(), part.begin(), part.end());
    return {};
  };
  ASSERT_TRUE(cache.settle(1s, write));
  ASSERT_EQ(written.size(), 2U);
  EXPECT_EQ(written[0].variant, "a");
  EXPECT_EQ(written[0].count, 5U);
  EXPECT_EQ(written[0].last, late);
  EXPECT_EQ(written[1].count, 1U);
  ASSERT_TRUE(cache.settle(1s, write));
  EXPECT_EQ(written.size(), 2U) << "once";
}

}  // namespace
}  // namespace calotype
