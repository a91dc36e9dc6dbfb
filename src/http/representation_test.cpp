// SPDX-License-Identifier: Apache-2.0
// Ranges, conditions, and what they make of a representation.
#include "http/representation.hpp"

#include <gtest/gtest.h>

#include "http/byte_range.hpp"
#include "http/conditional.hpp"

namespace calotype {
namespace {

using Ranges = std::vector<ByteRange>;

struct RangeRow {
  std::string_view field;
  RangeChoice expected;
};

std::string shown(const RangeChoice& choice) {
  if (std::holds_alternative<WholeRange>(choice)) return "whole";
  if (std::holds_alternative<UnsatisfiableRange>(choice)) return "unsatisfiable";
  std::string text;
  for (const ByteRange& range : std::get<Ranges>(choice))
    text += std::to_string(range.offset) + "+" + std::to_string(range.size) + " ";
  return text;
}

TEST(ByteRange, IsChosenAsTheFieldSays) {
  const RangeRow rows[] = {
      {"bytes=0-0", Ranges{{0, 1}}},
      {"bytes=0-99", Ranges{{0, 100}}},
      {"bytes=10-19", Ranges{{10, 10}}},
      {"BYTES=90-", Ranges{{90, 10}}},
      {"bytes=-1", Ranges{{99, 1}}},
      {"bytes=-1000", Ranges{{0, 100}}},
      {"bytes=50-5000", Ranges{{50, 50}}},
      {"bytes=0-99999999999999999999999", Ranges{{0, 100}}},
      {"bytes=100-", UnsatisfiableRange{}},
      {"bytes=-0", UnsatisfiableRange{}},
      {"bytes=100-200, 300-", UnsatisfiableRange{}},
      {"bytes=0-9, 200-", Ranges{{0, 10}}},
      {"bytes=20-29,0-9", Ranges{{20, 10}, {0, 10}}},
      {"bytes=0-9,5-20", Ranges{{0, 21}}},
      {"bytes=0-9,10-20", Ranges{{0, 21}}},
      {"bytes= 0-9 , , 20-29 ", Ranges{{0, 10}, {20, 10}}},
      {"bytes=9-0", WholeRange{}},
      {"bytes=a-b", WholeRange{}},
      {"bytes=1", WholeRange{}},
      {"bytes=-", WholeRange{}},
      {"bytes=", WholeRange{}},
      {"bytes=0-1,x", WholeRange{}},
      {"lines=0-9", WholeRange{}},
      {"bytes 0-9", WholeRange{}},
  };
  for (const RangeRow& row : rows)
    EXPECT_EQ(shown(choose_ranges(row.field, 100)), shown(row.expected)) << row.field;
}

TEST(ByteRange, ManySmallOnesAreTheWhole) {
  std::string field = "bytes=0-0";
  for (int i = 1; i < 17; ++i) field += "," + std::to_string(i * 4) + "-" + std::to_string(i * 4);
  EXPECT_EQ(shown(choose_ranges(field, 100)), "whole");
}

TEST(ByteRange, OfNothingIsUnsatisfiable) {
  EXPECT_EQ(shown(choose_ranges("bytes=0-", 0)), "unsatisfiable");
  EXPECT_EQ(shown(choose_ranges("bytes=-5", 0)), "unsatisfiable");
}

TEST(ETagList, IsSearchedWeaklyOrStrongly) {
  EXPECT_TRUE(etag_list_has("\"a\", W/\"b\"", "\"b\"", true));
  EXPECT_FALSE(etag_list_has("\"a\", W/\"b\"", "\"b\"", false));
  EXPECT_TRUE(etag_list_has(" * ", "\"b\"", false));
  EXPECT_TRUE(etag_list_has(" , ,\"a\",, \"b\"", "\"b\"", false));
  EXPECT_TRUE(etag_list_has("\"a,b\" ,\"b\"", "\"b\"", false));
  EXPECT_FALSE(etag_list_has("\"a\" \"b\"", "\"b\"", true));
  EXPECT_FALSE(etag_list_has("b", "\"b\"", true));
  EXPECT_FALSE(etag_list_has("\"b", "\"b\"", true));
  EXPECT_FALSE(etag_list_has("", "\"b\"", true));
}

const Timestamp modified{std::chrono::milliseconds{1'700'000'000'500}};

Response respond(std::string_view fields) {
  static std::string text;
  text = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
  static RequestHead head;
  HeadRefusal refusal;
  EXPECT_EQ(read_head(text, head, refusal), HeadStatus::complete);
  return respond_with({.media_type = "text/plain",
                       .etag = "\"x\"",
                       .last_modified = modified,
                       .fields = "X-Cache: HIT\r\n",
                       .body = MemorySlice{share("0123456789"), 0, 10}},
                      head);
}

std::string body_of(const Response& response) {
  std::string text;
  for (const BodyPiece& piece : response.body) {
    if (const auto* own = std::get_if<std::string>(&piece)) text += *own;
    if (const auto* memory = std::get_if<MemorySlice>(&piece))
      text += memory->bytes->view().substr(memory->offset, memory->size);
  }
  return text;
}

struct ConditionRow {
  std::string name;
  std::string fields;
  int status;
};

TEST(Representation, IsSentAsItsConditionsSay) {
  const std::string same = "If-Modified-Since: " + to_http_date(modified) + "\r\n";
  const std::string older =
      "If-Modified-Since: " + to_http_date(modified - std::chrono::seconds{1}) + "\r\n";
  const ConditionRow rows[] = {
      {"plain", "", 200},
      {"the tag", "If-None-Match: \"x\"\r\n", 304},
      {"weak comparison", "If-None-Match: W/\"x\"\r\n", 304},
      {"another tag", "If-None-Match: \"y\"\r\n", 200},
      {"any tag", "If-None-Match: *\r\n", 304},
      {"tags in two fields", "If-None-Match: \"y\"\r\nIf-None-Match: \"x\"\r\n", 304},
      {"the date", same, 304},
      {"an older date", older, 200},
      {"the tag counts before the date", "If-None-Match: \"y\"\r\n" + same, 200},
      {"no date", "If-Modified-Since: yesterday\r\n", 200},
      {"must be this", "If-Match: \"x\"\r\n", 200},
      {"must be another", "If-Match: \"y\"\r\n", 412},
      {"strong comparison", "If-Match: W/\"x\"\r\n", 412},
      {"unmodified", "If-Unmodified-Since: " + to_http_date(modified) + "\r\n", 200},
      {"modified",
       "If-Unmodified-Since: " + to_http_date(modified - std::chrono::hours{1}) + "\r\n", 412},
      {"range", "Range: bytes=2-4\r\n", 206},
      {"range of this", "Range: bytes=2-4\r\nIf-Range: \"x\"\r\n", 206},
      {"range of another", "Range: bytes=2-4\r\nIf-Range: \"y\"\r\n", 200},
      {"range of a weak one", "Range: bytes=2-4\r\nIf-Range: W/\"x\"\r\n", 200},
      {"range by date", "Range: bytes=2-4\r\nIf-Range: " + to_http_date(modified) + "\r\n", 206},
      {"range by another date",
       "Range: bytes=2-4\r\nIf-Range: " + to_http_date(modified - std::chrono::hours{1}) + "\r\n",
       200},
      {"range of nothing", "Range: bytes=10-\r\n", 416},
      {"the tag counts before the range", "Range: bytes=2-4\r\nIf-None-Match: \"x\"\r\n", 304},
  };
  for (const ConditionRow& row : rows)
    EXPECT_EQ(respond(row.fields).status, row.status) << row.name;
  EXPECT_TRUE(body_of(respond("If-Match: \"y\"\r\n")).contains("PRECONDITION_FAILED"));
}

TEST(Representation, RangeIsThatPartAndSaysWhich) {
  const Response response = respond("Range: bytes=2-4\r\n");
  EXPECT_EQ(body_of(response), "234");
  EXPECT_NE(response.fields.find("Content-Range: bytes 2-4/10\r\n"), std::string::npos);
  EXPECT_NE(response.fields.find("ETag: \"x\"\r\n"), std::string::npos);
  EXPECT_NE(respond("Range: bytes=10-\r\n").fields.find("Content-Range: bytes */10\r\n"),
            std::string::npos);
}

TEST(Representation, SeveralRangesAreMultipart) {
  const Response response = respond("Range: bytes=0-1,-2\r\n");
  ASSERT_EQ(response.status, 206);
  constexpr std::string_view mark = "boundary=";
  const auto at = response.fields.find(mark) + mark.size();
  const std::string boundary = response.fields.substr(at, response.fields.find('\r', at) - at);
  EXPECT_EQ(body_of(response),
            "\r\n--" + boundary +
                "\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n--" +
                boundary +
                "\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n--" +
                boundary + "--\r\n");
}

TEST(Representation, NotModifiedHasValidatorsAndNoBody) {
  const Response response = respond("If-None-Match: \"x\"\r\n");
  EXPECT_TRUE(response.body.empty());
  EXPECT_NE(response.fields.find("ETag: \"x\""), std::string::npos);
  EXPECT_EQ(response.fields.find("Content-Type"), std::string::npos);
}

TEST(Response, ValueCannotBeginAnotherField) {
  Response response;
  response.add("Location", "/a\r\nSet-Cookie: x");
  EXPECT_EQ(response.fields, "Location: /a  Set-Cookie: x\r\n");
}

TEST(Problem, NamesTheLimitThatWasPassed) {
  const Response response =
      problem_response(Error{ErrorCode::limit_exceeded,
                             "The picture has more pixels than render.input_pixels_max.",
                             {},
                             std::source_location::current()});
  EXPECT_EQ(response.status, 422);
  EXPECT_NE(body_of(response).find(R"("limit":"render.input_pixels_max")"), std::string::npos);
}

}  // namespace
}  // namespace calotype
