// SPDX-License-Identifier: Apache-2.0
// The shared cache on a real redis-server that is frozen, killed, emptied and filled with nonsense.
#include <gmock/gmock.h>

#include "cache/open_cache.hpp"
#include "cache/resolution_text.hpp"
#include "cache/test_redis.hpp"

namespace calotype {
namespace {

using namespace std::chrono_literals;

const std::string asset = "hbf7qbk5oyq3n5hbf7qbk5oyq3";

Resolution example(std::uint64_t bytes = 7) {
  Resolution resolution;
  resolution.recipe = "w=300&fm=webp";
  resolution.version = "abcdefgh";
  resolution.blob_key = "variants/x";
  resolution.digest = Sha256::of(as_bytes("picture"));
  resolution.bytes = bytes;
  resolution.media_type = "image/webp";
  resolution.original_media_type = "image/jpeg";
  return resolution;
}

class RedisCacheTest : public testing::Test {
 protected:
  std::unique_ptr<SharedCache> open(const std::string& url, std::chrono::milliseconds timeout) {
    auto opened = open_cache({.url = url, .prefix = "test", .timeout = timeout}, metrics_);
    EXPECT_TRUE(opened) << describe(opened.error());
    return *std::move(opened);
  }
  /// With a long timeout, because the machine may be busy.
  std::unique_ptr<SharedCache> open_usable(std::chrono::milliseconds timeout = 1s) {
    auto cache = open(redis_.url(), timeout);
    EXPECT_TRUE(within(5s, [&] { return is_usable(); }));
    return cache;
  }
  bool is_usable() { return metrics_.exposition().contains("\ncache_usable 1\n"); }
  /// The machine may be so busy that the cache is taken for slow for a moment.
  static void add(SharedCache& cache, const std::vector<AccessCount>& accesses) {
    EXPECT_TRUE(within(10s, [&] { return cache.add(accesses).has_value(); }));
  }
  static void settle(SharedCache& cache, std::chrono::milliseconds turn,
                     const AccessLedger::Write& write) {
    EXPECT_TRUE(within(10s, [&] { return cache.settle(turn, write).has_value(); }));
  }
  static bool knows(SharedCache& cache, const std::string& name) {
    return cache.find(asset, std::vector{name}).front().has_value();
  }
  double count(const std::string& result) {
    const std::string text = metrics_.exposition();
    const std::string line = "cache_requests_total{result=\"" + result + "\"} ";
    const auto at = text.find(line);
    return at == text.npos ? 0 : std::stod(text.substr(at + line.size()));
  }
  RedisClient& raw() {
    if (!raw_) {
      raw_ = std::make_unique<RedisClient>(redis_.address(), 100ms, [](bool) {});
      EXPECT_TRUE(within(5s, [&] { return raw_->usable(); }));
    }
    return *raw_;
  }
  std::string say(const RedisClient::Command& command) {
    const auto replies = raw().ask({command}, 2s);
    EXPECT_TRUE(replies) << describe(replies.error());
    return replies ? replies->front().text : "";
  }

  Metrics metrics_;
  TestRedis redis_;
  std::unique_ptr<RedisClient> raw_;
};

TEST_F(RedisCacheTest, WhatOneServerPutsAnotherFindsUntilItIsDropped) {
  const auto one = open_usable();
  const auto other = open_usable();
  EXPECT_FALSE(knows(*other, "a"));
  ASSERT_TRUE(within(5s, [&] {
    one->put(asset, "a", example(7));
    one->put(asset, "b", example(8));
    return knows(*other, "a") && knows(*other, "b");
  }));
  const auto found = other->find(asset, std::vector<std::string>{"b", "no", "a"});
  ASSERT_EQ(found.size(), 3U);
  ASSERT_TRUE(found[0] && found[2]);
  EXPECT_EQ(found[0]->bytes, 8U);
  EXPECT_FALSE(found[1]);
  EXPECT_EQ(found[2]->bytes, 7U);
  const std::string ttl = say({"TTL", "test:1:variants:" + asset});
  EXPECT_GT(std::stoi(ttl), 86'390);
  EXPECT_LE(std::stoi(ttl), 86'400);
  other->drop(asset);
  EXPECT_TRUE(within(2s, [&] { return !knows(*one, "a") && !knows(*one, "b"); }));
}

TEST_F(RedisCacheTest, NonsenseReadsAsNothing) {
  const auto cache = open_usable();
  const std::string key = "test:1:variants:" + asset;
  say({"HSET", key, "a", "nonsense", "b", "", "c", to_text(asset, "d", example())});
  for (const std::string name : {"a", "b", "c"}) EXPECT_FALSE(knows(*cache, name)) << name;
  EXPECT_EQ(count("unreadable"), 3);
  say({"SET", key, "not even a hash"});
  EXPECT_FALSE(knows(*cache, "a"));
  say({"HSET", "test:0:variants:" + asset, "a", to_text(asset, "a", example())});
  EXPECT_FALSE(knows(*cache, "a")) << "of another format";
}

TEST_F(RedisCacheTest, RefusedCommandsAmongOthersEndNothing) {
  const auto cache = open_usable();
  say({"SET", "test:1:variants:" + asset, "no hash"});
  for (int i = 0; i < 20; ++i) {
    cache->put(asset, "w=300", example());  // HSET is refused, EXPIRE is not
    EXPECT_FALSE(knows(*cache, "w=300"));
  }
  say({"DEL", "test:1:variants:" + asset});
  EXPECT_TRUE(within(10s, [&] {
    cache->put(asset, "w=300", example());
    return knows(*cache, "w=300");
  }));
}

TEST_F(RedisCacheTest, ARedisThatIsGoneCostsNothingAndIsUsedWhenItReturns) {
  const auto cache = open_usable();
  redis_.stop();
  ASSERT_TRUE(within(5s, [&] { return !is_usable(); }));
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 10'000; ++i) EXPECT_FALSE(knows(*cache, "a"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 1s) << "nobody waits";
  cache->put(asset, "a", example());
  cache->drop(asset);
  EXPECT_FALSE(cache->add(std::vector<AccessCount>{{"v", 1, {}}}));
  redis_.start();
  ASSERT_TRUE(within(5s, [&] { return is_usable(); })) << "without a hand";
  cache->put(asset, "a", example());
  EXPECT_TRUE(within(2s, [&] { return knows(*cache, "a"); }));
}

TEST_F(RedisCacheTest, AFrozenRedisCostsAFewShortWaitsAndNotOneForEachRequest) {
  const auto cache = open_usable(25ms);
  redis_.freeze();
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(knows(*cache, "a"));
  const auto frozen_for = std::chrono::steady_clock::now() - began;
  EXPECT_LT(frozen_for, 2s) << "1,000 waits would be 25 s";
  EXPECT_GE(count("timeout"), 1);
  EXPECT_GT(count("bypassed"), 900);
  std::this_thread::sleep_for(3s);  // until the connection is given up
  EXPECT_FALSE(is_usable());
  redis_.thaw();
  EXPECT_TRUE(within(5s, [&] { return is_usable(); }));
}

TEST_F(RedisCacheTest, IsNotWaitedForWhenItIsNotThereYet) {
  redis_.stop();
  const auto cache = open(redis_.url(), 1s);
  EXPECT_FALSE(knows(*cache, "a"));
  redis_.start();
  EXPECT_TRUE(within(5s, [&] { return is_usable(); }));
}

TEST_F(RedisCacheTest, AccessesOfAllServersAreWrittenByOneOnce) {
  const auto one = open_usable();
  const auto other = open_usable();
  const Timestamp early{1'000ms};
  const Timestamp late{2'000ms};
  std::map<std::string, AccessCount> written;
  int writes = 0;
  const auto write = [&](std::span<const AccessCount> part) -> Result<void> {
    ++writes;
    for (const AccessCount& access : part) {
      AccessCount& sum = written[access.variant];
      sum.count += access.count;
      sum.last = access.last;
    }
    return {};
  };
  std::vector<AccessCount> many;
  for (int i = 0; i < 1'200; ++i) many.push_back({"v" + std::to_string(i), 2, early});
  add(*one, many);
  add(*other, {{"v7 w=3&fm=webp", 5, late}, {"v7", 1, late}});
  settle(*one, 60s, write);
  EXPECT_EQ(writes, 3) << "in portions";
  ASSERT_EQ(written.size(), 1'201U);
  EXPECT_EQ(written["v7"].count, 3U);
  EXPECT_EQ(written["v7"].last, late);
  EXPECT_EQ(written["v7 w=3&fm=webp"].count, 5U);
  add(*other, {{"v7", 1, late}});
  settle(*other, 60s, write);
  EXPECT_EQ(writes, 3) << "it is too early";
  settle(*other, 0ms, write);
  EXPECT_EQ(writes, 4);
  EXPECT_EQ(written["v7"].count, 4U);
  settle(*one, 0ms, write);
  EXPECT_EQ(writes, 4) << "nothing is left";
}

TEST_F(RedisCacheTest, AccessesThatCouldNotBeWrittenAreKept) {
  const auto cache = open_usable();
  add(*cache, {{"v", 2, Timestamp{5ms}}});
  EXPECT_FALSE(cache->settle(
      0ms, [](auto) -> Result<void> { return fail(ErrorCode::catalog_failed, "not now"); }));
  add(*cache, {{"v", 3, Timestamp{6ms}}});
  std::uint64_t written = 0;
  for (int round = 0; round < 2; ++round)
    settle(*cache, 0ms, [&](std::span<const AccessCount> part) -> Result<void> {
      for (const AccessCount& access : part) written += access.count;
      return {};
    });
  EXPECT_EQ(written, 5U);
}

TEST(RedisWithPassword, IsEnteredWithTheRightOneOnly) {
  TestRedis redis("pass-word");
  Metrics metrics;
  const std::string port = redis.address().port;
  const auto wrong = open_cache({.url = "redis://:no@127.0.0.1:" + port + "/0"}, metrics).value();
  std::this_thread::sleep_for(1s);
  EXPECT_FALSE(metrics.exposition().contains("\ncache_usable 1\n"));
  EXPECT_FALSE(wrong->find(asset, std::vector<std::string>{"a"}).front());
  Metrics more;
  const auto right =
      open_cache({.url = "redis://:pass%2Dword@127.0.0.1:" + port + "/0"}, more).value();
  EXPECT_TRUE(within(5s, [&] { return more.exposition().contains("\ncache_usable 1\n"); }));
}

}  // namespace
}  // namespace calotype
