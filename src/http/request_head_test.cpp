// SPDX-License-Identifier: Apache-2.0
#include "http/request_head.hpp"

#include <gtest/gtest.h>

#include <format>
#include <string>

#include "http/chunked_body.hpp"

namespace calotype {
namespace {

TEST(RequestHead, IsReadWithoutCopies) {
  const std::string text =
      "GET /v/abc/thumb.webp?s=1 HTTP/1.1\r\nHost: example\r\nACCEPT:  image/webp \r\n"
      "X-Other: 1\r\n\r\nrest";
  RequestHead head;
  HeadRefusal refusal;
  ASSERT_EQ(read_head(text, head, refusal), HeadStatus::complete);
  EXPECT_EQ(head.method, Method::get);
  EXPECT_EQ(head.target, "/v/abc/thumb.webp?s=1");
  EXPECT_EQ(head.path(), "/v/abc/thumb.webp");
  EXPECT_EQ(head.query(), "s=1");
  EXPECT_EQ(head.first(FieldName::accept), "image/webp");
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.has_body());
  EXPECT_EQ(text.substr(head.bytes), "rest");
}

TEST(RequestHead, AbsoluteTargetIsItsPath) {
  for (const auto& [target, path] :
       {std::pair{"http://a/b?c=/d", "/b?c=/d"}, {"HTTPS://a:1/b", "/b"}, {"http://a", "/"}}) {
    const std::string text = std::format("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", target);
    RequestHead head;
    HeadRefusal refusal;
    ASSERT_EQ(read_head(text, head, refusal), HeadStatus::complete) << target;
    EXPECT_EQ(head.target, path);
  }
}

TEST(RequestHead, IsIncompleteUntilItsLastByte) {
  const std::string text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
  RequestHead head;
  HeadRefusal refusal;
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_EQ(read_head(std::string_view(text).substr(0, size), head, refusal),
              HeadStatus::incomplete)
        << size;
  EXPECT_EQ(read_head(text, head, refusal), HeadStatus::complete);
  EXPECT_EQ(head.content_length, 3);
}

struct RefusedHead {
  std::string_view name;
  std::string_view text;
  int status;
};

TEST(RequestHead, IsRefusedWhereTwoProgramsCouldReadItInTwoWays) {
  const RefusedHead rows[] = {
      {"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"bare LF after a field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400},
      {"bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
      {"CR inside a value", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400},
      {"NUL inside a value", {"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 30}, 400},
      {"a host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"two hosts in one", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
      {"absolute without a path, with a query", "GET http://a?x=/y HTTP/1.1\r\nHost: a\r\n\r\n",
       400},
      {"absolute without a host", "GET http:///y HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"folded line", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400},
      {"space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
      {"empty field name", "GET / HTTP/1.1\r\n: a\r\n\r\n", 400},
      {"no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", 400},
      {"two lengths",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
      {"the same length twice",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
      {"a list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400},
      {"signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400},
      {"endless length",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
      {"length beside chunked",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"another coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
       501},
      {"coding twice",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
       "Transfer-Encoding: chunked\r\n\r\n",
       400},
      {"coding in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"no host", "GET / HTTP/1.1\r\nX: a\r\n\r\n", 400},
      {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"tab in the target", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"no version", "GET /\r\nHost: a\r\n\r\n", 400},
      {"authority form", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"another version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
      {"another expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", 417},
      {"malformed method", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
  };
  for (const RefusedHead& row : rows) {
    RequestHead head;
    HeadRefusal refusal;
    EXPECT_EQ(read_head(row.text, head, refusal), HeadStatus::refused) << row.name;
    EXPECT_EQ(refusal.status, row.status) << row.name;
  }
}

TEST(RequestHead, WithTooManyFieldsIsRefused) {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (std::size_t i = 0; i < RequestHead::fields_max; ++i) text += "X: 1\r\n";
  RequestHead head;
  HeadRefusal refusal;
  EXPECT_EQ(read_head(text + "\r\n", head, refusal), HeadStatus::refused);
  EXPECT_EQ(refusal.status, 431);
}

TEST(RequestHead, KnowsWhetherTheConnectionGoesOn) {
  const std::pair<std::string_view, bool> rows[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n", false},
      {"GET / HTTP/1.0\r\n\r\n", false},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
  };
  for (const auto& [text, keep_alive] : rows) {
    RequestHead head;
    HeadRefusal refusal;
    ASSERT_EQ(read_head(text, head, refusal), HeadStatus::complete) << text;
    EXPECT_EQ(head.keep_alive, keep_alive) << text;
  }
}

TEST(RequestHead, TakesTheAbsoluteFormAndEmptyLinesBefore) {
  RequestHead head;
  HeadRefusal refusal;
  ASSERT_EQ(read_head("\r\nGET http://h:1/a?b HTTP/1.1\r\nHost: h\r\n\r\n", head, refusal),
            HeadStatus::complete);
  EXPECT_EQ(head.target, "/a?b");
}

TEST(RequestHead, JoinsFieldsThatMayBeRepeated) {
  RequestHead head;
  HeadRefusal refusal;
  ASSERT_EQ(read_head("GET / HTTP/1.1\r\nHost: h\r\nAccept: a\r\nAccept: b\r\n\r\n", head, refusal),
            HeadStatus::complete);
  EXPECT_EQ(head.joined(FieldName::accept), "a, b");
  EXPECT_NE(head.repeated & bit(FieldName::accept), 0U);
}

std::string decode_in_pieces(std::string text, std::size_t piece, std::string& rest, bool& done) {
  ChunkedBody body;
  std::string payload;
  std::size_t at = 0;
  while (at < text.size() && !body.done()) {
    const std::size_t size = std::min(piece, text.size() - at);
    const auto decoded = body.decode({text.data() + at, size});
    if (!decoded) return "broken";
    payload.append(text.data() + at, decoded->payload);
    at += decoded->consumed;
  }
  rest = text.substr(at);
  done = body.done();
  return payload;
}

TEST(ChunkedBody, IsTheSameHoweverItIsCut) {
  const std::string text =
      "4;a=b\r\nWiki\r\n6\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nX: y\r\n\r\nGET /";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    std::string rest;
    bool done = false;
    EXPECT_EQ(decode_in_pieces(text, piece, rest, done), "Wikipedia in \r\n\r\nchunks.") << piece;
    EXPECT_TRUE(done);
    EXPECT_EQ(rest, "GET /");
  }
}

TEST(ChunkedBody, IsRefusedWhereItIsBroken) {
  const std::string_view rows[] = {"4\nWiki\r\n0\r\n\r\n",
                                   "g\r\n",
                                   "\r\n",
                                   "-1\r\n",
                                   "4\r\nWikiX",
                                   "4\r\nWiki\n0\r\n\r\n",
                                   "1234567890abcdef0\r\n",
                                   "0x4\r\nWiki",
                                   "4 \x01\r\nWiki\r\n0\r\n\r\n",
                                   "0\r\n folded: x\r\n\r\n",
                                   "0\r\nX: y\n\r\n"};
  for (const std::string_view row : rows) {
    std::string rest;
    bool done = false;
    EXPECT_EQ(decode_in_pieces(std::string(row), row.size(), rest, done), "broken") << row;
  }
}

TEST(ChunkedBody, IsNotDoneWithoutItsEnd) {
  const std::string whole = "4\r\nWiki\r\n0\r\n\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::string rest;
    bool done = false;
    decode_in_pieces(whole.substr(0, size), 3, rest, done);
    EXPECT_FALSE(done) << size;
  }
}

}  // namespace
}  // namespace calotype
