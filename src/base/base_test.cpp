// SPDX-License-Identifier: Apache-2.0
// The published vectors of RFC 4648, FIPS 180-4 and RFC 4231, and the forms that are ours.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/metrics.hpp"
#include "base/shared_bytes.hpp"

namespace calotype {
namespace {

TEST(Encoding, WritesThePublishedVectors) {
  struct Row {
    std::string_view bytes, hex, base32, base64;
  };
  for (const Row& row : {Row{"", "", "", ""}, Row{"f", "66", "my", "Zg=="},
                         Row{"fo", "666f", "mzxq", "Zm8="}, Row{"foo", "666f6f", "mzxw6", "Zm9v"},
                         Row{"foobar", "666f6f626172", "mzxw6ytboi", "Zm9vYmFy"}}) {
    EXPECT_EQ(to_hex(as_bytes(row.bytes)), row.hex);
    EXPECT_EQ(to_base32(as_bytes(row.bytes)), row.base32);
    EXPECT_EQ(to_base64(as_bytes(row.bytes)), row.base64);
    EXPECT_EQ(as_text(from_base64(row.base64).value()), row.bytes);
    EXPECT_EQ(as_text(from_hex(row.hex).value()), row.bytes);
    EXPECT_EQ(as_text(from_base64url(to_base64url(as_bytes(row.bytes))).value()), row.bytes);
  }
}

TEST(Encoding, RefusesForeignCharactersAndSpareBits) {
  for (const auto* text : {"Zg", "Zg=", "Zh==", "Z!==", "====", "Zg==Zg=="})
    EXPECT_FALSE(from_base64(text)) << text;
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("zz"));
}

TEST(Encoding, Base32TakesOnlyTheBitsAskedFor) {
  const std::string ones(32, '\xff');
  EXPECT_EQ(to_base32(as_bytes(ones), 130), std::string(26, '7'));
}

TEST(Sha256, AgreesWithThePublishedVectors) {
  EXPECT_EQ(Sha256::of({}).hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256::of(as_bytes("abc")).hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, StreamsInAnyPieces) {
  Sha256 hash;
  for (const auto* piece : {"a", "", "bc"}) hash.update(as_bytes(piece));
  EXPECT_EQ(hash.finish(), Sha256::of(as_bytes("abc")));
}

TEST(Hmac, AgreesWithRfc4231) {
  EXPECT_EQ(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?")).hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Clock, ReadsTheDatesThatItWrites) {
  const Timestamp time{std::chrono::milliseconds{784'111'777'000}};
  EXPECT_EQ(to_http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), time);
  EXPECT_FALSE(parse_http_date("yesterday"));
  EXPECT_FALSE(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT, and more"));
  EXPECT_EQ(to_rfc3339(time), "1994-11-06T08:49:37.000Z");
}

TEST(Ids, SortByTheTimeTheyWereMade) {
  const Timestamp start{std::chrono::milliseconds{1'764'000'000'000}};
  for (int step = 0; step < 1000; ++step) {
    const auto now = start + std::chrono::milliseconds{step * 37};
    const auto later = now + std::chrono::milliseconds{1};
    EXPECT_LT(new_id(now), new_id(later));
  }
  EXPECT_EQ(new_id(start).size(), 26U);
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const auto* text : {"", "{", "{} {}", "[1,]", "nul"}) {
    const auto parsed = parse_json(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::bad_request);
  }
  EXPECT_TRUE(parse_json(R"({"a":[1,2.5,"x",null]})"));
}

TEST(ErrorCodes, ComeBackFromTheirSpelling) {
  EXPECT_EQ(parse_error_code("MISSING_UPLOAD"), ErrorCode::missing_upload);
  EXPECT_EQ(to_string(ErrorCode::overloaded), "OVERLOADED");
  EXPECT_EQ(parse_error_code("FROM_THE_FUTURE"), ErrorCode::internal);
}

TEST(Errors, FullDiskHasItsOwnCode) {
  const auto full = fail_errno(ErrorCode::storage_failed, "Write failed.", ENOSPC);
  EXPECT_EQ(full.error().code, ErrorCode::insufficient_storage);
  const auto other = fail_errno(ErrorCode::storage_failed, "Write failed.", EIO);
  EXPECT_EQ(other.error().code, ErrorCode::storage_failed);
}

TEST(Metrics, AreExposedInThePrometheusTextFormat) {
  Metrics metrics;
  metrics.counter("jobs_total", "Jobs.", {{"lane", "image"}}).add(2);
  metrics.counter("jobs_total", "Jobs.", {{"lane", "image"}}).add();
  metrics.before_exposition([&] { metrics.gauge("depth", "Depth.").set(7); });
  const auto text = metrics.exposition();
  EXPECT_NE(text.find("jobs_total{lane=\"image\"} 3"), std::string::npos) << text;
  EXPECT_NE(text.find("depth 7"), std::string::npos) << text;
}

TEST(SharedBytes, AFileInMemoryHoldsTheSameBytes) {
  const std::string text = std::string(70'000, 'a') + "z";
  const auto bytes = Bytes::in_file(text);
  EXPECT_EQ(bytes->view(), text);
  ASSERT_GE(bytes->file(), 0);
  std::string read(text.size() + 1, '\0');
  EXPECT_EQ(pread(bytes->file(), read.data(), read.size(), 0), std::ssize(text));
  EXPECT_EQ(read.substr(0, text.size()), text);
}

TEST(SharedBytes, FilesAreNotTakenFromThoseWhoNeedThem) {
  // First, for UndefinedBehaviorSanitizer needs a descriptor to look at a type for the first time.
  EXPECT_EQ(Bytes::in_file("")->size(), 0);
  std::vector<SharedBytes> many;
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlimit low = limit;
  low.rlim_cur = std::min<rlim_t>(limit.rlim_cur, 400);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  for (int i = 0; i < 1'000; ++i) many.push_back(Bytes::in_file("some bytes"));
  EXPECT_LE(std::ranges::count_if(many, [](const auto& one) { return one->file() >= 0; }), 400);
  for (const auto& one : many) EXPECT_EQ(one->view(), "some bytes");
  many.clear();
  EXPECT_GE(Bytes::in_file("again")->file(), 0);
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace calotype
