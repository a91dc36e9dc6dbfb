// SPDX-License-Identifier: Apache-2.0
// What commands print, and how a server's refusal becomes an error.
#include <gtest/gtest.h>

#include <sstream>

#include "cli/session.hpp"
#include "cli/text_table.hpp"

namespace calotype {
namespace {

HttpAnswer answer_of(int status, std::string body) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

TEST(Problem, KeepsTheServersCodeAndWords) {
  const auto known =
      problem_of(answer_of(413, R"({"status":413,"code":"TOO_LARGE","detail":"Too large."})"));
  EXPECT_EQ(known.code, ErrorCode::too_large);
  EXPECT_EQ(known.message, "Too large.");
  const auto newer = problem_of(answer_of(418, R"({"code":"TEAPOT","detail":"Short and stout."})"));
  EXPECT_EQ(newer.message, "TEAPOT: Short and stout.");
  for (const auto* body : {"", "<html>", "[]", "{}", R"({"code":7})"})
    EXPECT_EQ(problem_of(answer_of(502, body)).message, "The server answered 502.") << body;
}

TEST(TextTable, StandsInColumnsWithoutControlCharacters) {
  TextTable table({"A", "BB"});
  table.add({"é…", "x"});
  table.add({"long\x1b[2J", ""});
  std::ostringstream out;
  table.print(out);
  EXPECT_EQ(out.str(), "A         BB\né…        x\nlong?[2J\n");
}

TEST(Text, SizesAndSegments) {
  EXPECT_EQ(readable_bytes(0), "0 B");
  EXPECT_EQ(readable_bytes(1023), "1023 B");
  EXPECT_EQ(readable_bytes(1536), "1.5 KiB");
  EXPECT_EQ(readable_bytes(2ULL << 30), "2.0 GiB");
  EXPECT_EQ(readable_bytes(UINT64_MAX), "16.0 EiB");
  EXPECT_EQ(escape_segment("a-z/é&=%"), "a-z%2F%C3%A9%26%3D%25");
}

TEST(Fields, AreEmptyWhereMissing) {
  const auto value = parse_json(R"({"t":"x","n":5,"big":1e30,"null":null,"list":[1]})").value();
  EXPECT_EQ(text_field(value, "t"), "x");
  EXPECT_EQ(text_field(value, "n"), "");
  EXPECT_EQ(text_field(value, "null"), "");
  EXPECT_EQ(number_field(value, "n"), 5U);
  EXPECT_EQ(number_field(value, "t"), 0U);
  EXPECT_EQ(array_field(value, "list").size(), 1U);
  EXPECT_TRUE(array_field(value, "t").empty());
  EXPECT_TRUE(array_field(json::value(3), "t").empty());
}

}  // namespace
}  // namespace calotype
